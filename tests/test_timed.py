"""Which operations take turns, on which devices, and that sessions do: two notebooks, Stop while waiting, nesting."""

import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import workbench as wb
from tests.hosts.openings import TINY
from workbench import turn
from workbench.hosts.registry import device_key
from workbench.results import DOING, TIMED, Gpu, Machine, Snippet, Torch
from workbench.timed import devices_of, timed

CONFIG = wb.Config(dtype="float32", threads=1, device="cpu")
WORK = wb.Workload(prompt_tokens=16, new_tokens=4)
# whose results are the same whoever else computes; a new operation is written down here or in TIMED
UNTIMED = {"open", "apply", "generate", "agreement", "quality", "sensitivity", "reasoning", "tasks", "quantize"} | {
    "census",
    "tokens",
    "repair",
    "decoding",
    "side_by_side",
    "memory_health",
    "lend",
    "report",
}

# a notebook that measures when it is told to, and prints the marks of its runs
NOTEBOOK = """
import sys
import workbench as wb
from workbench.results import Workload
config = wb.Config(dtype="float32", threads=1, device="cpu")
with wb.Session(sys.argv[1], config=config, when_busy="beside") as session:
    session._bench.on_mark.append(lambda name, at: print(name, at, flush=True))
    session.on("progress", lambda event: print(event.data["what"].code, 0, flush=True))
    print("ready", 0, flush=True)
    for line in sys.stdin:
        session.measure(Workload(prompt_tokens=16, new_tokens=4), budget_s=0.5)
        print("done", 0, flush=True)
"""


def test_every_operation_is_timed_or_said_not_to_be() -> None:
    assert set(DOING) == TIMED | UNTIMED
    assert not TIMED & UNTIMED


@pytest.fixture(scope="module")
def two_gpus() -> Machine:
    machine = wb.doctor()
    gpus = tuple(Gpu(index=at, name="A", memory_bytes=1, uuid=f"{at}f2a") for at in (0, 1))
    torch = Torch(version="2", cuda_runtime="13.0", cuda_available=True, gpus=gpus)
    return machine.model_copy(update={"torch": torch, "gpus": gpus})


@pytest.mark.parametrize(
    ("operation", "arguments", "options", "devices"),
    [
        ("measure", (), {}, {"0f2a": "cuda:0"}),
        ("measure", (wb.Workload(),), {"precision": 0.1}, {"0f2a": "cuda:0"}),
        ("compare", ({"device": "cpu"}, {"device": "cuda:1"}), {}, {"0f2a", "1f2a", "cpu"}),
        ("compare", (wb.Config(device="cpu"),), {"b": wb.Config(device="cuda")}, {"0f2a", "cpu"}),
        ("compare", ({"device": "nonsense"}, {"device": 7}), {}, {"0f2a"}),
        ("scan", ("prompt_tokens", None, {"device": ["cpu", "cuda:0"]}), {}, {"0f2a", "cpu"}),
        ("scan", ("prompt_tokens",), {"configs": [{"device": "cpu"}, wb.Config()]}, {"0f2a", "cpu"}),
        ("crossover", (), {}, {"cpu": "cpu", "0f2a": "cuda:0"}),
        ("crossover", ({"attention": "eager"}, {"attention": "sdpa"}), {}, {"0f2a"}),
        ("endpoint", ("http://localhost:8000/v1",), {}, {"cpu", "0f2a", "1f2a"}),
        ("endpoint", ("127.0.0.1:8000", ["Hello"]), {}, {"cpu", "0f2a", "1f2a"}),
        ("endpoint", ("https://elsewhere.example/v1",), {}, {}),
        ("endpoint", ("::no::url",), {}, {}),
    ],
)
def test_what_an_operation_times(
    operation: str, arguments: tuple[Any, ...], options: dict[str, Any], devices: Any, two_gpus: Machine
) -> None:
    bench: Any = SimpleNamespace(asked=wb.Config(device="auto"), machine=two_gpus)
    found = devices_of(bench, operation, arguments, options)
    assert found == devices if isinstance(devices, dict) else set(found) == devices


def test_a_snippet_is_timed_on_its_own_device_too(two_gpus: Machine) -> None:
    bench: Any = SimpleNamespace(asked=wb.Config(device="cuda:1"), machine=two_gpus)
    snippet = Snippet(target="transformers", code="", files={}, config=wb.Config(device="cpu").to_dict())
    assert set(devices_of(bench, "verify", (snippet,))) == {device_key("cuda:1", two_gpus), "cpu"}


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session(TINY, config=CONFIG) as session:
        yield session


@pytest.mark.model
def test_two_notebooks_that_measure_at_once_take_turns(demo_home: Path) -> None:
    both = [
        subprocess.Popen(
            [sys.executable, "-c", NOTEBOOK, TINY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "JPY_SESSION_NAME": f"{name}.ipynb"},
        )
        for name in ("first", "second")
    ]
    try:
        for notebook in both:
            assert notebook.stdout is not None
            while "ready" not in (line := notebook.stdout.readline()):
                assert line, "it ended early"
        heard = [list[str]() for _ in both]
        threads = [
            threading.Thread(target=lambda told, one: told.extend(one.communicate("\n" * 3)[0].split("\n")), args=each)
            for each in zip(heard, both, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    finally:
        for notebook in both:
            notebook.kill()
            notebook.communicate()
    spans = []
    for lines in heard:
        marks = [line.split() for line in lines if line.startswith(("begin", "end"))]
        assert [name for name, _ in marks] == ["begin", "end"] * 3
        times = [float(at) for _, at in marks]
        spans += list(zip(times[::2], times[1::2], strict=True))
    spans.sort()
    assert all(earlier[1] <= later[0] for earlier, later in itertools.pairwise(spans))
    assert any(line.startswith("turn.waiting") for lines in heard for line in lines)


@pytest.mark.model
def test_stop_ends_the_waiting_and_the_session_works_on(session: wb.Session) -> None:
    said: list[Any] = []
    waiting = threading.Event()

    def hear(event: Any) -> None:
        said.append(event.data)
        if event.data["what"].code == "turn.waiting":
            waiting.set()

    off = session.on("progress", hear)
    with turn.taken(["cpu"]):
        future = session.submit("measure", WORK)
        assert waiting.wait(60)
        assert str(next(data["what"] for data in said)) == (
            f"waiting for {turn.notebook_name()} (process {os.getpid()}) to finish its timed run on cpu"
        )
        session.stop()
        with pytest.raises(wb.Stopped):
            future.result(60)
    off()
    assert session.measure(WORK, budget_s=0.5).repeats >= 2
    assert turn.running("cpu") is None


@pytest.mark.model
def test_what_is_not_timed_waits_for_nobody(session: wb.Session) -> None:
    with turn.taken(["cpu"]):
        assert session.generate("The sea", 2)[0].finish_reason == "length"


@pytest.mark.model
def test_a_job_that_failed_gives_its_turn_back(session: wb.Session) -> None:
    with pytest.raises(wb.ConfigError):
        session.measure(wb.Workload(prompt_tokens=10**6), budget_s=0.5)
    assert turn.running("cpu") is None


@pytest.mark.model
def test_a_timed_job_inside_another_has_its_turn(session: wb.Session) -> None:
    def inner(job: int) -> str:
        run = turn.running("cpu")
        assert run is not None
        return run.notebook

    nested = partial(timed, session._bench, "verify", inner)
    outer = partial(timed, session._bench, "measure", lambda job: nested(job))
    assert session._jobs.start("measure", outer).result(60) == turn.notebook_name()


@pytest.mark.model
def test_a_folder_that_cannot_be_used_is_told_once_and_stops_nothing(
    session: wb.Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(turn.VARIABLE, str(tmp_path / "file"))
    said: list[str] = []
    off = session.on("progress", lambda event: said.append(event.data["what"].code))
    for _ in range(2):
        assert session.measure(WORK, budget_s=0.2).repeats >= 2
    session._dispatcher.flush()
    off()
    assert said.count("turn.no_lock") == 1
