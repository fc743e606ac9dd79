"""Ranges for profilers: where they are in a real profile, how they nest, and that nothing is there when nobody asks."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from transformers.generation.streamers import BaseStreamer

from workbench.catalog.sources import find
from workbench.config import Config
from workbench.engine.compiled import Loops
from workbench.engine.engine import Engine
from workbench.engine.interrupt import between_layers
from workbench.probes import ranges, timing
from workbench.probes.context import Context
from workbench.probes.ranges import DECODE, LOAD, MEASURE, PREFILL, SAMPLING
from workbench.results import Workload

pytestmark = pytest.mark.model

TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=2"
CONFIG = Config(dtype="float32", threads=1)
TOKENS = 5
Span = tuple[float, float]


def context() -> Context:
    return Context(lambda _name, _data: None)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ranges.VARIABLE, "1")


@pytest.fixture
def engine(demo_home: Path) -> Iterator[Engine]:
    before = torch.get_num_threads()
    engine = Engine()
    engine.open(find(TINY), CONFIG, context())
    yield engine
    engine.close()
    torch.set_num_threads(before)


class Put(BaseStreamer):  # type: ignore[misc]
    """Counts what it is given."""

    def __init__(self) -> None:
        self.count = 0

    def put(self, _tokens: torch.Tensor) -> None:
        self.count += 1

    def end(self) -> None:
        """Nothing is held back."""


def spans(prof: profile, tmp_path: Path) -> dict[str, list[Span]]:
    """Name -> its ranges in the file that a person would open, by their beginning."""
    prof.export_chrome_trace(str(tmp_path / "trace.json"))
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    found: dict[str, list[Span]] = {}
    for event in events:
        if event.get("ph") == "X" and event.get("cat") in ("user_annotation", "cpu_op"):
            found.setdefault(event["name"], []).append((event["ts"], event["ts"] + event["dur"]))
    return {name: sorted(each) for name, each in found.items()}


def within(inner: Span, outer: Span) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def decoded(engine: Engine, tmp_path: Path, tokens: int = TOKENS, streamer: Any = None) -> dict[str, list[Span]]:
    with profile(activities=[ProfilerActivity.CPU]) as prof:
        engine.produce(engine.inputs(["The sea is wide"]), streamer, tokens)
    return spans(prof, tmp_path)


def check(found: dict[str, list[Span]], tokens: int = TOKENS) -> None:
    """One prefill, a range for each further token, a choice inside of each, and no two steps at once."""
    assert len(found[PREFILL]) == 1
    assert len(found[DECODE]) == tokens - 1
    assert len(found[SAMPLING]) == tokens
    steps = [*found[PREFILL], *found[DECODE]]
    assert all(before[1] <= after[0] for before, after in pairwise(steps))
    assert all(within(choice, step) for choice, step in zip(found[SAMPLING], steps, strict=True))
    assert all(any(within(one, step) for step in steps) for one in found["aten::linear"])
    assert not any(any(within(one, choice) for choice in found[SAMPLING]) for one in found["aten::linear"])
    assert len([one for one in found["aten::argmax"] if any(within(one, each) for each in found[SAMPLING])]) == tokens


def test_every_step_is_a_range_with_its_choice_inside(asked: None, engine: Engine, tmp_path: Path) -> None:
    streamer = Put()
    check(decoded(engine, tmp_path, streamer=streamer))
    assert streamer.count == 1 + TOKENS  # the prompt, then each token
    check(decoded(engine, tmp_path))  # where nobody listens for tokens


def test_a_load_is_a_range(asked: None, demo_home: Path, tmp_path: Path) -> None:
    engine = Engine()
    with profile(activities=[ProfilerActivity.CPU]) as prof:
        engine.open(find(TINY), CONFIG, context())
    engine.close()
    assert len(spans(prof, tmp_path)[LOAD]) == 1


def test_what_is_measured_is_a_range_around_its_requests(asked: None, engine: Engine, tmp_path: Path) -> None:
    work = Workload(prompt_tokens=8, new_tokens=3).to_dict()
    with profile(activities=[ProfilerActivity.CPU]) as prof:
        taken = timing.run(engine, {"workload": work, "budget_s": 0.1, "precision": 0.5}, context())
    found = spans(prof, tmp_path)
    (measured,) = found[MEASURE]
    assert len([one for one in found[DECODE] if within(one, measured)]) == 2 * taken.repeats
    assert len([one for one in found[PREFILL] if within(one, measured)]) == taken.repeats
    assert len(found[PREFILL]) > taken.repeats  # the warm-up lies outside: nsys is not told to record it


def test_a_compiled_loop_has_them_too_and_compiles_no_more_for_it(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.decoder.loops = Loops("eager")
    engine.apply(CONFIG.replace(compile="default"), context())
    batch = engine.inputs(["The sea is wide"])
    plain = engine.produce(batch, Put(), TOKENS).sequences
    monkeypatch.setenv(ranges.VARIABLE, "1")
    check(decoded(engine, tmp_path, streamer=Put()))
    monkeypatch.delenv(ranges.VARIABLE)
    assert torch.equal(engine.produce(batch, Put(), TOKENS).sequences, plain)
    report = engine.compile_report()
    assert report is not None
    assert (report.graphs, report.recompiles, report.runs) == (1, 0, 3)
    assert report.graph_skips is None  # no mode records CUDA graphs on a CPU
    assert {"prefill", "decode"}.isdisjoint(vars(engine.decoder.loops.latest))


@pytest.mark.parametrize("way", ["prompt_lookup", "early_exit"])
def test_with_speculation_a_step_is_a_pass_that_checks_drafts(
    asked: None, engine: Engine, tmp_path: Path, way: str
) -> None:
    engine.apply(CONFIG.replace(speculation=way, assistant_early_exit=1), context())
    found = decoded(engine, tmp_path, tokens=8)
    drafts = engine.drafts
    assert drafts is not None
    assert len(found[PREFILL]) + len(found[DECODE]) == len(found[SAMPLING]) == drafts.passes
    assert drafts.draft_passes > 0 or way == "prompt_lookup"


def test_nothing_is_there_when_nobody_asks(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[None] = []
    monkeypatch.setattr(ranges, "_by_environment", lambda: bool(looks.append(None)))
    for name in ("record_function", "Steps"):
        monkeypatch.setattr(ranges, name, None)  # whoever calls it fails
    hooked: list[Any] = []
    monkeypatch.setattr(engine.model, "register_forward_pre_hook", hooked.append)
    given = Put()
    seen: list[Any] = []
    generate = engine.model.generate
    monkeypatch.setattr(engine.model, "generate", lambda **all_: (seen.append(all_["streamer"]), generate(**all_))[1])
    for tokens in (3, 24):
        looks.clear()
        engine.produce(engine.inputs(["The sea is wide"]), given, tokens)
        assert len(looks) == 1  # a look for a call, however many tokens it has
    assert seen == [given, given]
    assert hooked == []


def test_an_error_closes_them_in_order_and_leaves_no_hook(asked: None, engine: Engine, tmp_path: Path) -> None:
    class Broken(Put):
        def put(self, tokens: torch.Tensor) -> None:
            super().put(tokens)
            if self.count == 3:
                raise RuntimeError("enough")

    with profile(activities=[ProfilerActivity.CPU]) as prof, pytest.raises(RuntimeError, match="enough"):
        engine.produce(engine.inputs(["The sea"]), Broken(), TOKENS)
    found = spans(prof, tmp_path)
    assert [len(found[name]) for name in (PREFILL, DECODE, SAMPLING)] == [1, 1, 2]
    assert not engine.model._forward_hooks
    assert not engine.model._forward_pre_hooks

    def broken(*_anything: Any) -> None:
        raise RuntimeError("in the middle of a pass")

    handle = engine.model.lm_head.register_forward_hook(broken)
    with profile(activities=[ProfilerActivity.CPU]) as prof, pytest.raises(RuntimeError, match="middle of a pass"):
        engine.produce(engine.inputs(["The sea"]), None, TOKENS)
    handle.remove()
    found = spans(prof, tmp_path)
    assert len(found[PREFILL]) == 1
    assert SAMPLING not in found


def test_stop_checks_between_layers_stay(asked: None, engine: Engine) -> None:
    with between_layers(engine.model, context()):
        engine.produce(engine.inputs(["The sea"]), Put(), TOKENS)
    assert not engine.model._forward_pre_hooks


def test_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not ranges.asked()
    monkeypatch.setenv("NSYS_PROFILING_SESSION_ID", "1")
    assert ranges.asked()
    monkeypatch.setenv(ranges.VARIABLE, "0")
    assert not ranges.asked()
    with ranges.recorded():
        assert ranges.asked()
        with ranges.recorded():
            pass
        assert ranges.asked()
    assert not ranges.asked()


class Nvtx:
    """In place of torch._C._nvtx, which a build without CUDA lacks: what was pushed and popped."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def rangePushA(self, name: str) -> int:  # noqa: N802  # torch's name
        self.calls.append(name)
        return len(self.calls)

    def rangePop(self) -> int:  # noqa: N802
        self.calls.append("pop")
        return 0


def test_on_cuda_they_are_nvtx_ranges_pushed_and_popped_in_order(asked: None, monkeypatch: pytest.MonkeyPatch) -> None:
    nvtx = Nvtx()
    monkeypatch.setattr(torch.cuda.nvtx, "_nvtx", nvtx)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    steps, layer, tokens = ranges.Steps(None), torch.nn.Linear(2, 2), torch.zeros(1)
    with ranges.span(LOAD):
        pass
    with steps.over_model(layer):
        steps.put(tokens)
        for _ in range(2):
            layer(torch.zeros(1, 2))
            steps.put(tokens)
    step = ["pop", "pop"]
    assert nvtx.calls == [LOAD, "pop", PREFILL, SAMPLING, *step, DECODE, SAMPLING, *step]
    with ranges.recorded():  # torch's profiler shows its own only, and two profilers do not share a GPU's counters
        assert ranges._opener() is torch.profiler.record_function


@pytest.mark.skipif(torch.version.cuda is not None, reason="this build of torch has NVTX")
def test_torchs_nvtx_raises_without_cuda_so_that_it_must_not_be_called(asked: None) -> None:
    with pytest.raises(RuntimeError, match="NVTX functions not installed"):
        torch.cuda.nvtx.range_push("x")
    with ranges.span(LOAD):
        pass
