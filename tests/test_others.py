"""Room beside others: the decision by a table of facts; loads refused, waited for or noted; and who is there."""

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

import workbench as wb
from tests.hosts.openings import TINY
from tests.nvml_standin import A100, H100, Standin
from workbench import turn
from workbench.cli import main
from workbench.errors import DeviceBusy
from workbench.others import Load, describable, load, make_room
from workbench.others.deciding import Facts, check
from workbench.others.looking import Cpu, GpuLook, look_at_cpu
from workbench.others.sharing import told
from workbench.probes.context import Context
from workbench.results import Gpu, GpuProcess, GpuSample, Machine, Neighbour, TimedRun, Torch
from workbench.widgets.tables import show

GIB = 1 << 30
FACTS = Facts("cuda:0", needed=20 * GIB, free=60 * GIB, others=10 * GIB)
HOG = "import time\nend = time.monotonic() + 120\nwhile time.monotonic() < end: pass"


@pytest.mark.parametrize(
    ("changes", "state", "ways"),
    [
        ({}, "fits", []),
        ({"kernel_time_share": 0.02}, "fits", []),
        ({"kernel_time_share": 0.9}, "busy", []),
        ({"others_cores": 0.2}, "fits", []),
        ({"others_cores": 0.6}, "busy", []),
        ({"free": 20 * GIB}, "fits", []),
        ({"free": 15 * GIB}, "short", ["wait", "beside"]),
        ({"free": 15 * GIB, "elsewhere": {"cuda:1": 19 * GIB}}, "short", ["wait", "beside"]),
        ({"free": 15 * GIB, "elsewhere": {"cuda:1": 30 * GIB}}, "short", ["wait", "device", "beside"]),
        ({"free": 15 * GIB, "smaller": [({"dtype": "bfloat16"}, 14 * GIB)]}, "short", ["wait", "config", "beside"]),
        ({"free": 15 * GIB, "smaller": [({"dtype": "bfloat16"}, 16 * GIB)]}, "short", ["wait", "beside"]),
        ({"free": 5 * GIB, "others": 10 * GIB}, "too_large", ["beside"]),
        ({"free": 5 * GIB, "others": None}, "too_large", ["beside"]),
        ({"free": 5 * GIB, "others": 0, "elsewhere": {"cuda:1": 30 * GIB}}, "too_large", ["device", "beside"]),
        ({"needed": None}, "unknown", []),
        ({"free": None}, "unknown", []),
    ],
)
def test_the_decision_follows_from_facts(changes: dict[str, Any], state: str, ways: list[str]) -> None:
    found = check(replace(FACTS, **changes))
    assert (found.state, [choice.way for choice in found.choices]) == (state, ways)
    assert str(found)


def test_the_choices_are_words_to_type() -> None:
    smaller = [({"quantization": "bnb-int8"}, 16 * GIB), ({"quantization": "bnb-nf4"}, 9 * GIB)]
    facts = replace(FACTS, free=12 * GIB, elsewhere={"cuda:1": 30 * GIB, "cuda:2": 40 * GIB}, smaller=smaller)
    assert [choice.type_this for choice in check(facts).choices] == [
        "wb.Session(…, when_busy='wait')",
        "session.apply(device='cuda:2')",
        "session.apply(quantization='bnb-nf4')",
        "wb.Session(…, when_busy='beside')",
    ]
    wait, device, config, _beside = (choice.type_this for choice in check(facts, "o'brien/model").choices)
    assert wait == """wb.Session("o'brien/model", …, when_busy='wait')"""
    made: list[tuple[Any, Any]] = []

    class Named:
        Config = wb.Config

        @staticmethod
        def Session(*names: str, **options: Any) -> None:  # noqa: N802  # the name that people type
            made.append((names, options))

    for typed in (device, config):
        eval(typed, {"wb": Named})
    assert made == [
        (("o'brien/model",), {"device": "cuda:2"}),
        (("o'brien/model",), {"config": wb.Config(quantization="bnb-nf4")}),
    ]


def test_owners_are_named_where_they_are_visible() -> None:
    holders = (Neighbour(pid=4242, name="py\u202ethon", bytes=8 * GIB), Neighbour(pid=77, name=None))
    assert "thon (4242) 8.00" in str(check(replace(FACTS, free=15 * GIB, holders=holders)))
    assert "process 77" in str(check(replace(FACTS, free=15 * GIB, holders=holders)))
    assert "\u202e" not in str(check(replace(FACTS, free=15 * GIB, holders=holders)))
    assert "hidden from here" in str(check(replace(FACTS, free=15 * GIB, holders=None)))


@pytest.fixture(scope="module")
def two_gpus(demo_home: Path) -> Machine:
    """As the doctor would find the GPUs that the stand-in plays."""
    machine = wb.doctor()
    gpus = tuple(
        Gpu(index=at, name="A", memory_bytes=80 * GIB, uuid=uuid, capability=(9, 0))
        for at, uuid in enumerate(("GPU-aa11", "GPU-cc33"))
    )
    torch = Torch(version="2", cuda_runtime="13.0", cuda_available=True, gpus=gpus)
    return machine.model_copy(update={"torch": torch, "gpus": gpus})


def on_gpu(machine: Machine, **knobs: Any) -> Load:
    config = wb.Config(device="cuda:0", dtype="bfloat16", **knobs)
    return Load(config, machine, "deepseek-llm-7b-base", model="deepseek-llm-7b-base")


def held(gigabytes: int, **gpu: Any) -> dict[str, Any]:
    """A GPU on which another process, the one above this, holds so much."""
    return H100 | {"memory_used": gigabytes * GIB, "processes": {os.getppid(): gigabytes * GIB}} | gpu


def context(said: list[tuple[str, Any]], stop: threading.Event | None = None) -> Context:
    return Context(lambda name, data: said.append((name, data)), stop)


def test_a_load_that_others_memory_leaves_no_room_for_is_refused_with_a_way_out(
    nvml: Standin, two_gpus: Machine
) -> None:
    nvml.play([held(70), A100])
    with pytest.raises(DeviceBusy) as caught:
        make_room(on_gpu(two_gpus), "refuse", context([]))
    error = caught.value
    assert error.what.startswith("cuda:0 has ")
    assert "Others hold 70." in error.why
    assert f"({os.getppid()}) 70.0" in error.why  # the name of its program before it
    assert "wb.Session('deepseek-llm-7b-base', device='cuda:1')" in error.next_step
    assert "wb.Session('deepseek-llm-7b-base', …, when_busy='wait')" in error.next_step
    make_room(on_gpu(two_gpus), "beside", context([]))  # knowingly
    nvml.play([held(30), A100])
    make_room(on_gpu(two_gpus), "refuse", context(said := []))
    assert said == []


def test_what_the_own_engine_gives_back_counts_as_free(nvml: Standin, two_gpus: Machine) -> None:
    nvml.play([held(70), A100])
    make_room(replace(on_gpu(two_gpus), resident_bytes=20 * GIB), "refuse", context([]))


def test_room_on_a_busy_gpu_is_noted(nvml: Standin, two_gpus: Machine) -> None:
    nvml.play([held(10, utilisation=80), A100])
    make_room(on_gpu(two_gpus), "refuse", context(said := []))
    ((name, message),) = said
    assert (name, message.code) == ("note", "load.busy_gpu")
    assert "80.0" in str(message)


def test_waiting_ends_when_there_is_room_or_by_stop(nvml: Standin, two_gpus: Machine) -> None:
    nvml.play([held(70), A100])
    said: list[tuple[str, Any]] = []

    def leave(name: str, data: Any) -> None:
        said.append((name, data))
        nvml.play([held(10), A100])

    make_room(on_gpu(two_gpus), "wait", Context(leave))
    (name, data), *_ = said
    assert (name, data["what"].code) == ("progress", "load.waiting")
    nvml.play([held(70), A100])
    stop = threading.Event()
    with pytest.raises(wb.Stopped, match="waiting for room"):
        make_room(on_gpu(two_gpus), "wait", Context(lambda *_event: stop.set(), stop))


def test_a_gpu_that_says_nothing_stops_nobody(nvml: Standin, two_gpus: Machine) -> None:
    for gpus in ([], [{"uuid": "GPU-aa11", "name": "A"}]):
        nvml.play(gpus)
        make_room(on_gpu(two_gpus), "refuse", context([]))


def test_weights_that_fit_nowhere_are_refused_before_they_are_loaded(nvml: Standin, two_gpus: Machine) -> None:
    nvml.play([H100 | {"memory_total": 16 * GIB, "memory_used": 0}, A100])
    huge = replace(on_gpu(two_gpus), config=wb.Config(device="cuda:0", dtype="float32"))
    with pytest.raises(wb.OutOfMemory) as caught:
        make_room(huge, "wait", context([]))  # waiting would not help
    assert "cuda:0 has " in caught.value.what
    assert "dtype='bfloat16'" in caught.value.next_step
    assert "when_busy='beside'" in caught.value.next_step
    make_room(huge, "beside", context([]))
    # weights that fit where cache and workspace would not: a shorter prompt may do
    nvml.play([H100 | {"memory_total": 13 * GIB, "memory_used": 0}, A100])
    assert load.check_load(on_gpu(two_gpus)).state == "too_large"
    make_room(on_gpu(two_gpus), "refuse", context([]))


def test_a_model_larger_than_the_machine_is_refused_with_what_would_fit(workbench_home: Path) -> None:
    with pytest.raises(wb.OutOfMemory) as caught:
        wb.Session("random:deepseek-v3", config=wb.Config(device="cpu", dtype="float32"), when_busy="refuse")
    assert "TiB" in caught.value.what
    assert "cpu has" in caught.value.what


@pytest.mark.model
def test_a_session_is_refused_or_keeps_its_last_good_config(
    own_demo_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_WHEN_BUSY", "refuse")
    config = wb.Config(dtype="float32", threads=1, device="cpu")
    room = load._on_cpu

    def full(asked: Load, cpu_s: float) -> Facts:
        return replace(room(asked, cpu_s), needed=2 * GIB, free=GIB, others=4 * GIB)

    with wb.Session(TINY, config=config) as session:
        with monkeypatch.context() as patch:
            patch.setattr(load, "_on_cpu", full)
            with pytest.raises(DeviceBusy, match=r"2\.00.GiB are needed"):
                session.apply(dtype="bfloat16")
            assert session.apply(attention="eager").resolved.attention == "eager"  # live: nothing is loaded
            checked = session.sharing(config.replace(dtype="bfloat16")).load
            assert checked is not None
            assert checked.state == "short"
        assert session.resolved.dtype == "float32"
        assert session.apply(dtype="bfloat16").resolved.dtype == "bfloat16"
        assert session.sharing().load is None
    monkeypatch.setattr(load, "_on_cpu", full)
    with pytest.raises(DeviceBusy):
        wb.Session(TINY, config=config)


def test_whose_size_is_known(demo_home: Path) -> None:
    from workbench.catalog.sources import find

    assert describable(find("random:deepseek-v2-lite")) == "deepseek-v2-lite"
    fewer = describable(find("random:deepseek-v2-lite?layers=4&seed=1"))
    assert isinstance(fewer, dict)
    assert fewer["num_hidden_layers"] == 4
    assert describable(find("nobody/nothing")) is None
    found = load.check_load(Load(wb.Config(device="cpu"), wb.doctor(), describable(find("demo"))))
    assert found.needed_bytes == pytest.approx(4 * 134_515_008, rel=0.01)
    assert found.state in ("fits", "busy")


def test_a_real_look_sees_who_is_busy_and_not_the_own_workers() -> None:
    ours = subprocess.Popen([sys.executable, "-c", HOG])
    # not below this process: its parent ends at once
    start = (
        f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {HOG!r}], stdout=-3, stderr=-3).pid)"
    )
    pid = int(subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, check=True).stdout)
    try:
        seen = look_at_cpu(1.0, most=1000)
        assert seen.others_cores is not None
        (neighbour,) = [each for each in seen.neighbours if each.pid == pid]
        assert neighbour.cores is not None
        assert neighbour.cores > 0.1
        assert seen.others_cores >= neighbour.cores - 0.1
        assert neighbour.ours
        assert neighbour.user
        assert ours.pid not in {each.pid for each in seen.neighbours}
    finally:
        psutil.Process(pid).kill()
        ours.kill()
        ours.wait()


CPU = Cpu(0.1, (), 0.5)
RUN = TimedRun(device="cpu", notebook="theirs.ipynb", pid=7, ours=False).of("someone")


def look(processes: tuple[GpuProcess, ...] | None, share: float | None, kernels: float | None = None) -> GpuLook:
    sample = GpuSample(
        index=0,
        memory_used_bytes=4 * GIB,
        memory_total_bytes=80 * GIB,
        processes=processes,
        kernel_time_share=kernels,
    )
    return GpuLook(sample, share)


ANOTHER = (GpuProcess(pid=1, bytes=3 * GIB, name="python"),)


@pytest.mark.parametrize(
    ("key", "cpu", "gpu", "run", "verdict", "code"),
    [
        ("cpu", CPU, None, None, "alone", "sharing.alone"),
        ("cpu", Cpu(1.5, (), 0.5), None, None, "shared", "sharing.shared_cores"),
        ("cpu", Cpu(None, (), 0.5), None, None, "unknown", "sharing.unknown"),
        ("cpu", CPU, None, RUN, "shared", "sharing.shared_run"),
        ("GPU-aa11", CPU, look(ANOTHER, 0.0), None, "alone", "sharing.alone_gpu"),  # it only holds memory
        ("GPU-aa11", CPU, look(ANOTHER, 0.4), None, "shared", "sharing.shared_gpu"),
        ("GPU-aa11", CPU, look((), None), None, "alone", "sharing.alone_gpu"),
        ("GPU-aa11", CPU, look(None, None, 0.3), None, "unknown", "sharing.unknown"),
        ("GPU-aa11", CPU, look(None, None, 0.0), None, "alone", "sharing.alone_gpu"),
        ("GPU-aa11", CPU, None, None, "unknown", "sharing.unknown"),
    ],
)
def test_the_verdict_on_what_was_seen(
    key: str, cpu: Cpu, gpu: GpuLook | None, run: TimedRun | None, verdict: str, code: str
) -> None:
    found = told("cpu" if key == "cpu" else "cuda:0", key, wb.doctor(), cpu, gpu, run)
    assert (found.verdict, found.text.code) == (verdict, code)
    assert repr(show(found))


def test_names_of_users_are_shown_and_never_written() -> None:
    neighbours = (Neighbour(pid=5, name="<b>make", cores=0.9, bytes=GIB).of("somebody-else"),)
    found = told("cpu", "cpu", wb.doctor(), Cpu(0.9, neighbours, 0.5), None, RUN)
    page, plain = show(found)._repr_html_(), repr(show(found))
    assert "<b>" not in page
    for user in ("somebody-else", "someone"):
        assert user in page
        assert user in plain
        assert user not in found.to_json()
    assert "theirs.ipynb (process 7), someone" in plain
    assert wb.Sharing.from_json(found.to_json()).timed_run == TimedRun(**RUN.to_dict())


def test_the_command_tells_and_says_who_times(capsys: pytest.CaptureFixture[str], demo_home: Path) -> None:
    with turn.taken(["cpu"]):
        assert main(["sharing", "demo", "--set", "device=cpu", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "workbench.sharing/1"
    found = wb.Sharing.from_dict(document["sharing"])
    assert found.verdict == "shared"
    assert found.timed_run is not None
    assert found.timed_run.pid == os.getpid()
    assert found.load is not None
    assert main(["sharing", "--device", "cpu"]) == 0
    assert "cores used by others" in capsys.readouterr().out
    assert wb.sharing("cpu", seconds=0.1).cores >= 1
    assert main(["sharing", "no such model!"]) == 1
