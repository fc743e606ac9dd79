"""Compiled loops in the engine: kept, counted, bounded, told while they compile, and harmless when they fail."""

import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from workbench.cache_room import loop_cache_tokens
from workbench.catalog.sources import find
from workbench.config import Config
from workbench.engine import compiled, static_loop
from workbench.engine.engine import Engine
from workbench.errors import CapabilityError, ConfigError
from workbench.probes import timing
from workbench.probes.context import Context
from workbench.results import COMPILED_LOOP, TRANSFORMERS_LOOP, Workload

PROMPT = "Write one sentence about the sea."
COMPILED = Config(dtype="float32", threads=1, compile="default", freezing="off")


@pytest.fixture
def engine(demo_home: Any) -> Iterator[Engine]:
    """A tiny model of one layer, whose loops are traced and guarded for real but not turned into machine code."""
    made = Engine()
    made.open(find("random:deepseek-llm-7b-base?scale=tiny&layers=1"), COMPILED.replace(compile="off"), silent())
    made.decoder.loops = compiled.Loops(backend="eager")
    yield made
    made.close()
    torch.compiler.reset()


def silent() -> Context:
    return Context(lambda _name, _data: None)


def test_answers_are_those_of_the_uncompiled_loop_and_the_loop_is_named(engine: Engine) -> None:
    prompts = [PROMPT, "Why is the sky blue, and why is it red in the evening?"]
    expected = engine.generate(silent(), prompts, 12)
    assert engine.resolved().loop == TRANSFORMERS_LOOP
    engine.apply(COMPILED, silent())
    answers = engine.generate(silent(), prompts, 12)
    assert [answer.token_ids for answer in answers] == [answer.token_ids for answer in expected]
    assert engine.resolved().loop == COMPILED_LOOP
    assert engine.resolved().differences(COMPILED) == ()


def test_lengths_are_rounded_up_so_that_prompts_do_not_compile_again(engine: Engine) -> None:
    engine.apply(COMPILED, silent())
    for words in (3, 30, 90):
        engine.generate(silent(), ["sea " * words], 8, chat=False)
    report = engine.compile_report()
    assert report is not None
    assert (report.graphs, report.graph_breaks, report.recompiles) == (1, 0, 0)
    assert (report.cache_tokens, report.runs, report.last_run_s) == (256, 3, 0.0)
    assert report.compile_s > 0
    engine.generate(silent(), ["sea " * 300], 8, chat=False)
    report = engine.compile_report()
    assert report is not None
    assert (report.cache_tokens, report.runs) == (512, 1)
    assert report.last_run_s == report.compile_s > 0


@pytest.mark.parametrize(("tokens", "length"), [(1, 256), (256, 256), (257, 512), (4000, 4096), (4096, 4096)])
def test_lengths_of_the_cache(tokens: int, length: int) -> None:
    assert loop_cache_tokens(COMPILED, tokens) == length
    assert loop_cache_tokens(COMPILED.replace(cache_length=5000), tokens) == 5000


def test_freezing_is_automatic_on_a_cpu_only() -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    auto = COMPILED.replace(freezing="auto")
    assert [compiled.freezes(auto, cpu), compiled.freezes(auto, cuda)] == [True, False]
    assert compiled.freezes(COMPILED.replace(freezing="on"), cuda)
    assert not compiled.freezes(COMPILED, cpu)


def test_few_loops_are_kept_and_the_longest_unused_goes(engine: Engine) -> None:
    engine.apply(COMPILED, silent())

    def runs(length: int) -> int:
        engine.switch(COMPILED.replace(cache_length=length), silent(), proven=True)
        engine.generate(silent(), [PROMPT], 4)
        report = engine.compile_report()
        assert report is not None
        return report.runs

    lengths = [100 + step for step in range(compiled.KEPT)]
    assert [runs(length) for length in lengths] == [1] * compiled.KEPT
    assert runs(lengths[0]) == 2
    assert runs(300) == 1  # drops lengths[1]
    assert runs(lengths[0]) == 3
    assert runs(lengths[1]) == 1


def test_a_dropped_loop_holds_neither_model_nor_cache(engine: Engine) -> None:
    engine.apply(COMPILED, silent())
    engine.generate(silent(), [PROMPT], 4)
    last = engine.decoder.loops._last
    assert last is not None
    cache = weakref.ref(last.cache)
    assert cache() is not None
    engine.decoder.loops.clear()
    assert engine.compile_report() is None
    assert cache() is None


def test_a_cache_too_short_is_refused_before_the_run(engine: Engine) -> None:
    engine.apply(COMPILED.replace(cache_length=16), silent())
    with pytest.raises(ConfigError) as caught:
        engine.generate(silent(), [PROMPT], 12)
    assert caught.value.code == "probe.cache_too_short"
    engine.generate(silent(), [PROMPT], 2, chat=False)


def test_a_failing_compiler_is_told_and_the_model_goes_on(engine: Engine) -> None:
    def broken(_graph: Any, _inputs: Any) -> Any:
        raise RuntimeError("No working C++ compiler found")

    engine.decoder.loops = compiled.Loops(backend=broken)
    engine.apply(COMPILED, silent())
    with pytest.raises(CapabilityError, match="No working C\\+\\+ compiler found") as caught:
        engine.generate(silent(), [PROMPT], 4)
    assert caught.value.code == "compile.failed"
    assert "compile='off'" in caught.value.next_step
    engine.apply(COMPILED.replace(compile="off"), silent())
    assert len(engine.generate(silent(), [PROMPT], 4)[0].token_ids) <= 4


def test_a_step_that_compiles_for_ever_is_ended_with_words(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static_loop, "RECOMPILES", 2)
    engine.apply(COMPILED, silent())
    count = [0]

    def counting(_module: Any, _arguments: Any, output: Any) -> None:
        count[0] += 1  # a value of Python's that the compiled code is bound to
        torch.ones(count[0])

    hook = engine.model.lm_head.register_forward_hook(counting)
    with pytest.raises(CapabilityError) as caught:
        engine.generate(silent(), [PROMPT], 40)
    assert caught.value.code == "compile.never_ends"
    hook.remove()


def test_compiling_is_announced_as_work_that_cannot_notice_stop(engine: Engine) -> None:
    engine.apply(COMPILED, silent())
    phases = []

    def emit(name: str, data: Any) -> None:
        if name == "phase":
            phases.append((data["doing"].code, data["killable"]))

    for _ in range(2):
        engine.generate(Context(emit), [PROMPT], 4)
    generating = ("phase.generating", False)
    assert phases == [generating, ("phase.compiling", True), generating, generating]


def test_a_measurement_has_compiling_apart(engine: Engine) -> None:
    engine.apply(COMPILED, silent())
    workload = Workload(prompt_tokens=16, new_tokens=12)
    parameters = {"workload": workload.to_dict(), "precision": 0.5, "budget_s": 2.0}
    first, second = (timing.run(engine, parameters, silent()) for _ in range(2))
    assert first.loop == second.loop == COMPILED_LOOP
    assert first.warm_up.compiled is not None
    assert first.warm_up.compiled.cache_tokens == 256
    assert first.warm_up.first_call_s > first.warm_up.compile_s == first.warm_up.compiled.compile_s > 0
    assert second.warm_up.compile_s == 0
    assert second.compile_s == first.compile_s == first.warm_up.compile_s
    assert "flag.compiled" in [flag.code for flag in first.flags]
    assert first.warm_up.uncompiled_tpot_s is not None
    saved_s = first.warm_up.uncompiled_tpot_s - first.tpot_s
    if saved_s > 0:
        assert first.break_even_tokens == round(first.warm_up.compile_s / saved_s)
    else:
        assert first.break_even_tokens is None
        assert "flag.compile_no_gain" in [flag.code for flag in first.flags]
    assert engine.config == COMPILED
    engine.apply(COMPILED.replace(compile="off"), silent())
    plain = timing.run(engine, parameters, silent())
    assert plain.loop == TRANSFORMERS_LOOP
    assert plain.warm_up.compiled is plain.compile_s is plain.break_even_tokens is None


@pytest.mark.model
def test_machine_code_with_frozen_weights_gives_the_same_tokens_and_is_given_back(demo_home: Any) -> None:
    """The one real compilation of the quick tests: Inductor, one layer."""
    engine = Engine()
    engine.open(find("random:deepseek-llm-7b-base?scale=tiny&layers=1"), COMPILED.replace(compile="off"), silent())
    expected = engine.generate(silent(), [PROMPT], 24)[0]
    engine.apply(COMPILED.replace(freezing="on"), silent())
    assert engine.generate(silent(), [PROMPT], 24)[0].token_ids == expected.token_ids
    assert engine.generate(silent(), [PROMPT + " Then stop."], 4)
    report = engine.compile_report()
    assert report is not None
    assert (report.freezing, report.graphs, report.recompiles) == (True, 1, 0)

    def frozen() -> int:
        """Tensors in code that Inductor wrote."""
        modules = compiled.PyCodeCache.modules
        return sum(isinstance(value, torch.Tensor) for module in modules for value in vars(module).values())

    assert frozen() > 0
    engine.close()
    assert frozen() == 0
