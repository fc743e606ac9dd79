"""The worker under real signals: killed, stopped, orphaned. Each ending has words, and the host goes on."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.hosts.openings import SLOW, TINY, ignore, opening
from workbench.config import Config
from workbench.errors import ConfigError, Stopped, WorkbenchError, WorkerDied
from workbench.hosts.process import STOP_GRACE_S, ProcessHost

pytestmark = pytest.mark.model

GENERATE = {"prompts": ["The sea " * 20], "max_new_tokens": 400, "seed": None, "chat": True}
LONG_PREFILL = {"prompts": ["The sea " * 800], "max_new_tokens": 4, "seed": None, "chat": True}


def in_thread(call: Callable[[], Any]) -> tuple[threading.Thread, list[BaseException | Any]]:
    """Runs `call` beside the test; the list receives its result or what it raised."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(call())
        except Exception as error:  # noqa: BLE001  # the test looks at it
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


def once(event: str, started: threading.Event) -> Callable[[str, Any], None]:
    def on_event(name: str, _data: Any) -> None:
        if name == event:
            started.set()

    return on_event


def attention(host: ProcessHost, value: str) -> dict[str, Any]:
    config = Config(dtype="float32", threads=1, attention=value)
    return host.call("apply", {"config": config.to_dict()}, ignore)


def test_state_survives_the_wire(host: ProcessHost) -> None:
    data = attention(host, "eager")
    assert data["resolved"]["attention"] == "eager"
    assert data["applied"]["cost"] == "live"
    assert data["resolved"]["threads"] == 1


def test_an_error_keeps_its_class_its_words_and_the_worker(host: ProcessHost) -> None:
    pid = host.pid
    with pytest.raises(ConfigError, match="beyond the vocabulary"):
        host.call("apply", {"config": Config(dtype="float32", pad_token=10**6).to_dict()}, ignore)
    assert host.pid == pid


def test_a_fault_of_a_library_arrives_with_its_traceback(host: ProcessHost) -> None:
    with pytest.raises(WorkbenchError, match="TypeError while") as caught:
        host.call("generate", {**GENERATE, "max_new_tokens": "many"}, ignore)
    assert "Traceback" in caught.value.detail


@pytest.mark.parametrize("op", ["apply", "generate"])
def test_killed_while_idle_the_next_call_just_works(host: ProcessHost, op: str) -> None:
    attention(host, "eager")
    pid = host.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=5)
    states = []
    again = {"config": Config(dtype="float32", threads=1, attention="eager").to_dict()}
    params = again if op == "apply" else {**GENERATE, "max_new_tokens": 2}
    data = host.call(op, params, lambda name, data: states.append(data) if name == "state" else None)
    assert states == [{"state": "restoring"}]
    assert host.pid != pid
    assert data["resolved"]["attention"] == "eager"


def test_killed_while_generating(host: ProcessHost) -> None:
    attention(host, "eager")
    started = threading.Event()
    thread, outcome = in_thread(lambda: host.call("generate", GENERATE, once("token", started)))
    assert started.wait(60)
    assert host.pid is not None
    os.kill(host.pid, signal.SIGKILL)
    thread.join(30)
    assert isinstance(outcome[0], WorkerDied)
    assert "generating" in str(outcome[0])
    assert "signal 9" in str(outcome[0])
    restored = host.restore(ignore)
    assert restored is not None
    assert restored["resolved"]["attention"] == "eager"


def test_killed_while_loading_comes_back_on_the_last_good_config(host: ProcessHost) -> None:
    attention(host, "sdpa")
    worker = host._worker
    assert worker is not None
    change = {"config": Config(dtype="bfloat16", threads=1).to_dict()}
    thread, outcome = in_thread(lambda: host.call("apply", change, ignore))
    while not worker._killable:
        time.sleep(0.001)
    worker.process.kill()
    thread.join(30)
    assert isinstance(outcome[0], WorkerDied)
    restored = host.restore(ignore)
    assert restored is not None
    assert restored["resolved"]["dtype"] == "float32"


def test_stop_during_decode(host: ProcessHost) -> None:
    attention(host, "sdpa")
    pid, started = host.pid, threading.Event()
    thread, outcome = in_thread(lambda: host.call("generate", GENERATE, once("token", started)))
    assert started.wait(60)
    host.stop()
    thread.join(30)
    assert isinstance(outcome[0], Stopped)
    assert host.pid == pid, "the worker noticed by itself"


def test_stop_during_prefill(host: ProcessHost) -> None:
    pid, tokens = host.pid, threading.Event()
    thread, outcome = in_thread(lambda: host.call("generate", LONG_PREFILL, once("token", tokens)))
    time.sleep(0.3)
    host.stop()
    thread.join(60)
    assert isinstance(outcome[0], Stopped)
    assert host.pid == pid


def test_stop_during_a_load_that_does_not_listen(host: ProcessHost) -> None:
    """A stopped process cannot notice anything: the host has to end it after its grace, and bring the model back."""
    attention(host, "sdpa")
    worker = host._worker
    assert worker is not None
    change = {"config": Config(dtype="bfloat16", threads=1).to_dict()}
    thread, outcome = in_thread(lambda: host.call("apply", change, ignore))
    while not worker._killable:
        time.sleep(0.001)
    os.kill(worker.process.pid, signal.SIGSTOP)
    host.stop()
    thread.join(STOP_GRACE_S + 30)
    assert isinstance(outcome[0], Stopped)
    restored = host.restore(ignore)
    assert restored is not None
    assert restored["resolved"]["dtype"] == "float32"


def test_stop_while_the_process_starts(demo_home: Path) -> None:
    host = ProcessHost({"HF_HUB_OFFLINE": "1"}, None)
    thread, outcome = in_thread(lambda: host.call("open", opening(TINY), ignore))
    while host._worker is None:
        time.sleep(0.01)
    host.stop()
    thread.join(30)
    assert isinstance(outcome[0], Stopped)
    assert host.pid is None
    host.close()


def test_a_worker_that_cannot_start_says_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os; print('no kernel image\\n\\rloading:  0%\\rloading: 46%', flush=True); os._exit(3)\n"
    )
    with pytest.raises(WorkerDied, match="no kernel image") as caught:
        ProcessHost({"PYTHONPATH": str(tmp_path)}, None).call("open", opening(TINY), ignore)
    assert "exit code 3" in str(caught.value)
    assert "46%" not in str(caught.value)  # a progress bar is no last word


def test_a_poisoned_cuda_context_ends_the_worker_and_says_why(demo_home: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'workbench.hosts.worker' in ' '.join(sys.orig_argv):\n"
        "    import workbench.hosts.operations as operations\n"
        "    execute = operations.execute\n"
        "    def failing(engine, op, params, context):\n"
        "        if op == 'generate':\n"
        "            raise RuntimeError('CUDA error: an illegal memory access was encountered')\n"
        "        return execute(engine, op, params, context)\n"
        "    operations.execute = failing\n"
    )
    host = ProcessHost({"PYTHONPATH": str(tmp_path), "HF_HUB_OFFLINE": "1"}, None)
    host.call("open", opening(TINY), ignore)
    pid = host.pid
    with pytest.raises(WorkerDied, match="illegal memory access"):
        host.call("generate", GENERATE, ignore)
    assert host.pid is None
    assert not psutil.pid_exists(pid or 0)
    assert host.restore(ignore) is not None
    host.close()


OWNER = """
import json, sys
from workbench.hosts.process import ProcessHost
opening, generate = json.loads(sys.argv[2])
host = ProcessHost({"HF_HUB_OFFLINE": "1", "PYTHONPATH": sys.argv[1]}, None)
host.call("open", opening, lambda name, data: None)
print(host.pid, flush=True)
host.call("generate", generate, lambda name, data: None)
"""

# a compiler in a session of its own, as Inductor's workers may be, and one in the worker's group
COMPILERS = """
import subprocess, sys
if "workbench.hosts.worker" in " ".join(sys.orig_argv):
    for own_session in (True, False):
        subprocess.Popen(["sleep", "600"], start_new_session=own_session)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_orphan_when_the_owner_dies(demo_home: Path, tmp_path: Path, how: signal.Signals) -> None:
    (tmp_path / "sitecustomize.py").write_text(COMPILERS)
    calls = json.dumps([opening(SLOW), {**GENERATE, "max_new_tokens": 2000}])
    command = [sys.executable, "-c", OWNER, str(tmp_path), calls]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    worker = psutil.Process(int(owner.stdout.readline()))
    family = [worker, *worker.children(recursive=True)]
    assert len([process for process in family if process.name() == "sleep"]) == 2
    owner.send_signal(how)
    owner.wait(10)
    _gone, alive = psutil.wait_procs(family, timeout=10)
    owner.stdout.close()
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_interrupting_the_owner_leaves_the_worker(host: ProcessHost) -> None:
    """The worker sits in a session of its own: the terminal's and Jupyter's SIGINT go to the notebook only."""
    assert host.pid is not None
    assert os.getsid(host.pid) == host.pid != os.getsid(0)
    os.kill(host.pid, signal.SIGINT)
    assert attention(host, "sdpa")["resolved"]["attention"] == "sdpa"


def test_the_kernel_would_take_the_worker_first(host: ProcessHost) -> None:
    assert Path(f"/proc/{host.pid}/oom_score_adj").read_text().strip() == "1000"
