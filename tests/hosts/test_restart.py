"""What is read when torch comes in, waiting and pinning, changes with a new worker, and is read back from it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import workbench as wb
from tests.hosts.openings import TINY, ignore, opening
from workbench.config import Config
from workbench.errors import CapabilityError
from workbench.hosts.process import ProcessHost

pytestmark = pytest.mark.model
BASE = Config(dtype="float32", threads=2)
PINS = sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1
GENERATE = {"prompts": ["The sea " * 40], "max_new_tokens": 4, "seed": None, "chat": True}


@pytest.fixture(scope="module")
def worker(demo_home: Path) -> Iterator[ProcessHost]:
    host = ProcessHost({"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"}, None)
    asked = opening(TINY)
    asked["config"] = BASE.replace(waiting="active").to_dict()
    data = host.call("open", asked, ignore)
    assert data["resolved"]["waiting"] == "active"
    yield host
    host.close()


def put(host: ProcessHost, config: Config) -> dict[str, Any]:
    return host.call("apply", {"config": config.to_dict()}, ignore)


def idle_cpu_s(host: ProcessHost, after_s: float = 0.0) -> float:
    """CPU seconds of a worker that has nothing more to do, in half a second."""
    host.call("generate", GENERATE, ignore)
    process = psutil.Process(host.pid)
    time.sleep(after_s)
    before = process.cpu_times()
    time.sleep(0.5)
    after = process.cpu_times()
    return after.user + after.system - before.user - before.system


def test_another_policy_is_another_worker_and_really_waits_so(worker: ProcessHost) -> None:
    assert idle_cpu_s(worker) > 0.02  # the second thread spins, and then sleeps after all
    assert idle_cpu_s(worker, after_s=2.0) < 0.02
    first = worker.pid
    data = put(worker, BASE.replace(waiting="passive"))
    assert (data["applied"]["cost"], data["applied"]["reloaded"]) == ("restart", True)
    assert data["applied"]["seconds"] > 0
    second = worker.pid
    assert second != first
    assert data["resolved"]["waiting"] == "passive"
    assert idle_cpu_s(worker) < 0.02
    assert put(worker, BASE.replace(waiting="passive", attention="eager"))["applied"]["cost"] == "live"
    assert worker.pid == second


def test_the_allocators_setting_reaches_a_new_worker_and_goes_with_it(worker: ProcessHost) -> None:
    """What torch makes of it only a GPU shows: tests/gpu/test_cuda_memory.py."""
    wanted = BASE.replace(waiting="passive", allocator="expandable_segments")
    first, data = worker.pid, put(worker, wanted)
    assert data["applied"]["cost"] == "restart"
    assert worker.pid != first
    assert psutil.Process(worker.pid).environ()["PYTORCH_CUDA_ALLOC_CONF"] == "expandable_segments:True"
    assert data["resolved"]["allocator"] == ""  # no GPU: nothing is in force
    put(worker, wanted.replace(allocator="default"))
    assert "PYTORCH_CUDA_ALLOC_CONF" not in psutil.Process(worker.pid).environ()


@pytest.mark.slow
@pytest.mark.skipif(not PINS, reason="needs Linux and two cores")
def test_pins_are_read_back_kept_by_a_new_process_and_by_a_failure(worker: ProcessHost) -> None:
    pinned = BASE.replace(pinning="cores")
    assert put(worker, pinned)["resolved"]["pinning"] == "cores"
    with pytest.raises(wb.WorkbenchError):  # what cannot be loaded, in another environment
        put(worker, BASE.replace(waiting="active", eos_token_ids=(10**9,)))
    data = put(worker, pinned.replace(attention="eager"))
    assert data["applied"]["cost"] == "live"
    assert (data["resolved"]["pinning"], data["resolved"]["waiting"]) == ("cores", "passive")
    psutil.Process(worker.pid).kill()
    while worker.pid is not None:
        time.sleep(0.02)
    assert worker.call("generate", GENERATE, ignore)["resolved"]["pinning"] == "cores"


def test_an_engine_in_this_process_refuses_and_says_why(tiny: str) -> None:
    with pytest.raises(CapabilityError, match="OMP_WAIT_POLICY, GOMP_SPINCOUNT cannot be set in this process"):
        wb.Session(tiny, config=wb.Config(waiting="active"), host="inline")
    with wb.Session(tiny + "&layers=1", config=wb.Config(dtype="float32"), host="inline") as session:
        with pytest.raises(CapabilityError, match="host='process'"):
            session.apply(pinning="cores")
        assert session.config["pinning"] == "off"


@pytest.mark.skipif(not PINS, reason="needs Linux and two cores")
@pytest.mark.parametrize(
    ("environment", "read"),
    [
        ({}, "unset off"),
        ({"OMP_WAIT_POLICY": "ACTIVE", "OMP_PROC_BIND": "close", "OMP_PLACES": "cores"}, "active cores"),
    ],
)
def test_what_is_read_is_what_the_process_has(environment: dict[str, str], read: str) -> None:
    code = (
        "import threading; from workbench.engine import openmp; ended = threading.Event();"
        "threading.Thread(target=ended.wait, daemon=True).start(); import torch;"
        "print(openmp.waiting(), openmp.pinning())"
    )
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    ran = subprocess.run(
        [sys.executable, "-P", "-c", code], env={**plain, **environment}, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == read.split()
