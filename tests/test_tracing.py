"""Session.trace: what it keeps, what it says, and what two traces have to say about each other."""

import json
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from workbench.catalog import kernels
from workbench.charts import LIGHT
from workbench.charts import trace as trace_chart
from workbench.charts import trace_diff as diff_chart
from workbench.charts.trace import CATEGORIES
from workbench.cli import main
from workbench.results import Trace
from workbench.results.trace import IDLE, PYTHON

pytestmark = pytest.mark.model

MODEL = "random:deepseek-llm-7b-base?scale=tiny&layers=2"
WORK = wb.Workload(prompt_tokens=64, new_tokens=8)
CONFIG = wb.Config(dtype="float32", threads=1)
CPU_FLASH = "aten::_scaled_dot_product_flash_attention_for_cpu"


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session(MODEL, config=CONFIG, host="inline") as session:
        yield session


@pytest.fixture(scope="module")
def pair(session: wb.Session) -> tuple[Trace, Trace]:
    """A trace of eager and one of sdpa."""
    traces = []
    for attention in ("eager", "sdpa"):
        session.apply(CONFIG.replace(attention=attention))
        traces.append(session.trace(WORK).model_copy(update={"flags": ()}))  # whatever else this machine does
    return traces[0], traces[1]


def test_resolved_names_the_kernels_until_the_config_changes(session: wb.Session) -> None:
    session.apply(CONFIG)
    session.apply(CONFIG.replace(threads=2))
    assert session.resolved.attention_kernels is None
    seen: queue.Queue[dict[str, Any]] = queue.Queue()
    off = session.on("result", lambda event: seen.put(event.data))
    trace = session.trace(WORK, steps=2)
    told = seen.get(timeout=60)
    off()
    assert (told["kind"], told["value"]) == ("trace", trace)
    assert session.resolved.attention_kernels == trace.attention_kernels == trace.resolved.attention_kernels
    assert trace.attention_kernels == (CPU_FLASH,)
    assert trace.decode.steps == 2
    assert session.last["trace"] == trace
    session.generate("The sea", 2)
    assert session.resolved.attention_kernels == trace.attention_kernels
    session.apply(attention="eager")
    assert session.resolved.attention_kernels is None


def test_the_record_is_whole_and_names_no_place(session: wb.Session, pair: tuple[Trace, Trace]) -> None:
    stored = session.runs.list(kind="trace")[0]
    assert stored["schema"] == "workbench.trace/1"
    assert Trace.from_dict(stored["result"]).model_copy(update={"flags": ()}) == pair[1]
    assert stored["resolved"]["attention_kernels"] == [CPU_FLASH]
    text = json.dumps(stored)
    assert str(pair[1].path.parent) not in text
    assert pair[1].path.is_file()


@pytest.mark.parametrize("steps", [0, 17])
def test_steps_have_bounds(session: wb.Session, steps: int) -> None:
    with pytest.raises(wb.ConfigError) as caught:
        session.trace(WORK, steps=steps)
    assert caught.value.code == "trace.bad_steps"


def test_the_diff_says_which_kernel_went_and_which_came(pair: tuple[Trace, Trace]) -> None:
    diff = wb.trace_diff(*pair)
    assert diff.gained == {"prefill": (CPU_FLASH,), "decode": (CPU_FLASH,)}
    assert diff.lost == {"prefill": ("aten::bmm", "aten::_softmax"), "decode": ("aten::bmm", "aten::_softmax")}
    for name in ("prefill", "decode"):
        before, after = diff.seconds[name]
        assert sum(diff.moved[name].values()) == pytest.approx(after - before)
    assert diff.launches[1] < diff.launches[0]
    codes = [reason.code for reason in diff.reasons]
    assert codes[:2] == ["trace_diff.backend", "trace_diff.backend"]
    assert "trace_diff.calls" in codes
    said = [str(reason) for reason in diff.reasons]
    assert said[0] == "attention at prefill was computed by eager, and is by CPU flash"
    assert [flag.code for flag in diff.flags] == ["trace_diff.profiled"]


def test_a_trace_beside_itself_differs_in_nothing(pair: tuple[Trace, Trace]) -> None:
    diff = wb.trace_diff(pair[0], pair[0])
    assert {reason.code for reason in diff.reasons} == {"trace_diff.nothing_moved"}
    assert not any(diff.gained.values())
    assert not any(diff.lost.values())


def test_other_work_is_flagged(session: wb.Session, pair: tuple[Trace, Trace]) -> None:
    shorter = pair[0].model_copy(update={"workload": wb.Workload(prompt_tokens=8), "device": "cuda:0"})
    codes = [flag.code for flag in wb.trace_diff(shorter, pair[0]).flags]
    assert codes == ["trace_diff.profiled", "trace_diff.other_work", "trace_diff.other_device"]


def test_a_trace_beside_a_busy_process_says_that_what_moved_may_be_its(pair: tuple[Trace, Trace]) -> None:
    alone = pair[0].model_copy(update={"flags": ()})
    beside = alone.model_copy(update={"flags": (wb.words.say("flag.shared", cores="1.2"),)})
    assert [flag.code for flag in wb.trace_diff(alone, alone).flags] == ["trace_diff.profiled"]
    assert [flag.code for flag in wb.trace_diff(alone, beside).flags] == ["trace_diff.profiled", "trace_diff.shared"]


def test_the_chart_fills_each_bar(pair: tuple[Trace, Trace]) -> None:
    spec = trace_chart(pair[0], LIGHT)
    assert len(spec["data"]) == len(CATEGORIES)
    for place in range(2):
        assert sum(bar["x"][place] for bar in spec["data"]) == pytest.approx(100)
    assert len(trace_chart(None, LIGHT)["data"]) == len(CATEGORIES)
    assert trace_chart(None, LIGHT)["layout"]["annotations"][0]["visible"]


def test_the_chart_knows_every_category() -> None:
    assert set(CATEGORIES) == {*kernels.CATEGORIES, PYTHON, IDLE}


def test_the_chart_of_a_diff_shows_what_moved(pair: tuple[Trace, Trace]) -> None:
    diff = wb.trace_diff(*pair)
    spec = diff_chart(diff, LIGHT)
    prefill, decode = spec["data"]
    at = prefill["y"].index("attention")
    assert prefill["x"][at] == pytest.approx(diff.moved["prefill"]["attention"] * 1e3)
    assert decode["x"][at] == pytest.approx(diff.moved["decode"]["attention"] * 1e3)
    assert diff_chart(None, LIGHT)["layout"]["annotations"][0]["visible"]


def test_the_verb_traces_both_sides_and_says_why(demo_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["trace", MODEL, "--set", "threads=1", "--against", "attention=eager", "--prompt-tokens", "16"]
    assert main([*words, "--new-tokens", "4", "--steps", "1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "workbench.trace_diff/1"
    result = document["result"]
    assert Trace.from_dict(result["trace"]).backend["decode"] == "CPU flash"
    assert Trace.from_dict(result["against"]).backend["decode"] == "eager"
    assert result["diff"]["gained"]["decode"] == [CPU_FLASH]


def test_the_verb_prints_what_ran(session: wb.Session, pair: tuple[Trace, Trace]) -> None:
    from workbench.cli.trace import lines

    written = "\n".join(lines(pair[0]))
    assert "prefill: eager (aten::bmm, aten::_softmax)" in written
    assert "linear layers" in written
    assert str(pair[0].path) in written
    assert "BUT" not in written
