"""Comparing knobs that reload: two engines, loads that alternate, an estimate; and the session as it was afterwards."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from tests.conftest import workers
from workbench import pairing
from workbench.floors import remembered
from workbench.pairing import block_of

pytestmark = pytest.mark.model

WORK = wb.Workload(prompt_tokens=24, new_tokens=5)
CONFIG = wb.Config(dtype="float32", threads=1)
TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=2"
HALF = {"dtype": "bfloat16"}


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session(TINY, config=CONFIG) as session:
        yield session


@pytest.fixture(scope="module")
def inline(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session(TINY, config=CONFIG, host="inline") as session:
        yield session


@pytest.fixture
def said(session: wb.Session) -> Iterator[list[Any]]:
    seen: list[Any] = []
    off = session.on("progress", lambda event: seen.append(event.data["what"]))
    yield seen
    off()


def as_it_was(session: wb.Session) -> None:
    assert session.config == CONFIG
    assert session.resolved.dtype == "float32"
    assert session.generate("The sea", 2)[0].token_ids


def test_two_engines_the_cost_first_and_the_second_gone_afterwards(session: wb.Session, said: list[Any]) -> None:
    before = len(workers())
    most = 0

    def count(_event: Any) -> None:
        nonlocal most
        most = max(most, len(workers()))

    off = session.on("progress", count)
    cost = session.compare_cost({}, HALF, WORK)
    assert (cost.way, cost.loads, cost.quick_loads) == ("two_engines", 1, 1)
    assert cost.bytes > 0
    assert cost.load_seconds is not None
    found = session.compare({}, HALF, WORK, precision=0.9)
    off()
    assert session._dispatcher.flush()
    assert (found.way, found.loads, found.stopped_by) == ("two_engines", 1, "precision")
    assert (found.resolved_a.dtype, found.resolved_b.dtype) == ("float32", "bfloat16")
    assert found.pairs >= 6
    assert found.floor.spread
    assert found.agreement is None
    assert said[0].code == "cost.two_engines"
    assert most == before + 1
    assert len(workers()) == before
    as_it_was(session)
    stored = session.runs.list(kind="comparison")[0]
    assert wb.Comparison.from_dict(stored["result"]) == found


def test_the_nearer_side_stays_where_it_is(session: wb.Session) -> None:
    found = session.compare(HALF, {}, WORK, quick=True)
    assert (found.loads, found.quick, found.stopped_by) == (1, True, "quick")
    assert (found.resolved_a.dtype, found.resolved_b.dtype) == ("bfloat16", "float32")
    as_it_was(session)


def test_an_estimate_is_no_verdict(session: wb.Session) -> None:
    found = session.compare({}, HALF, WORK, quick=True, way="alternating")
    assert (found.loads, found.pairs, found.seen, found.ci95) == (1, 1, (), {})
    assert all(str(said).startswith("estimate, no verdict") for said in found.verdict.values())
    assert "flag.estimate" in {flag.code for flag in found.flags}
    as_it_was(session)


def test_loads_that_alternate_count_a_load_as_one(inline: wb.Session) -> None:
    assert inline.compare_cost({}, HALF, WORK).way == "alternating"
    found = inline.compare({}, HALF, WORK, precision=0.9, budget_s=0.1)
    assert (found.way, found.pairs + found.set_aside, found.stopped_by) == ("alternating", 3, "budget")
    assert found.loads == 5  # A was resident; B | B A | A B
    assert found.floor.pairs == 2
    assert (found.resolved_a.dtype, found.resolved_b.dtype) == ("float32", "bfloat16")
    assert "flag.few_pairs" in {flag.code for flag in found.flags}
    as_it_was(inline)


def test_both_on_the_far_side_of_one_reload_compare_live(inline: wb.Session) -> None:
    far = {"dtype": "bfloat16", "attention": "eager"}
    found = inline.compare(far, HALF, WORK, precision=0.9)
    assert (found.way, found.loads) == ("live", 1)
    assert {found.resolved_a.dtype, found.resolved_b.dtype} == {"bfloat16"}
    assert found.agreement is not None
    assert found.agreement.rounding_dtype == "bfloat16"
    as_it_was(inline)


@pytest.mark.parametrize("way", ["two_engines", "alternating"])
def test_stop_in_the_middle_brings_everything_back(session: wb.Session, way: Any) -> None:
    before = len(workers())
    stopping = session.on("progress", lambda event: event.data["what"].code == "progress.pair" and session.stop())
    with pytest.raises(wb.Stopped):
        session.compare({}, HALF, WORK, precision=0.0001, way=way)
    stopping()
    assert len(workers()) == before
    as_it_was(session)


@pytest.mark.slow
def test_stop_while_the_second_engine_starts(session: wb.Session) -> None:
    before = len(workers())
    stopping = session.on(
        "progress", lambda event: event.data["what"].code == "progress.second_engine" and session.stop()
    )
    with pytest.raises(wb.Stopped):
        session.compare({}, HALF, WORK)
    stopping()
    assert len(workers()) == before
    as_it_was(session)


def test_an_error_in_the_middle_brings_everything_back(session: wb.Session) -> None:
    before = len(workers())
    too_long = wb.Workload(prompt_tokens=session.facts.context_length, new_tokens=5)
    with pytest.raises(wb.ConfigError) as caught:
        session.compare({}, HALF, too_long, way="alternating")
    assert caught.value.code == "probe.too_long"
    assert len(workers()) == before
    as_it_was(session)


@pytest.mark.slow
def test_closing_in_the_middle_leaves_no_worker(demo_home: Path) -> None:
    before = len(workers())
    session = wb.Session(TINY, config=CONFIG)
    session.on("progress", lambda event: event.data["what"].code == "progress.pair" and session.close())
    with pytest.raises(wb.WorkbenchError):
        session.compare({}, HALF, WORK, precision=0.0001)
    session.close()
    assert len(workers()) == before


def test_earlier_floors_tell_what_to_expect(inline: wb.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "DISTURBED_CORES", math.inf)  # it is about what is remembered, whoever else computes
    work = WORK.replace(seed=3)
    first = inline.compare({"attention": "eager"}, {}, work, precision=0.9)
    second = inline.compare({"attention": "eager"}, {}, work, precision=0.9)
    here = (inline.runs, inline.facts.name, inline.machine.label)
    found = remembered(*here, block_of(work), "live")
    assert found is not None
    assert (found.comparisons, found.floor.pairs) == (2, first.floor.pairs + second.floor.pairs)
    one, other = (comparison.floor for comparison in (first, second))
    pooled = (one.spread["ttft_s"] ** 2 * (one.pairs - 1) + other.spread["ttft_s"] ** 2 * (other.pairs - 1)) / (
        one.pairs + other.pairs - 2
    )
    assert found.floor.spread["ttft_s"] == pytest.approx(pooled**0.5)
    assert found.pair_seconds == pytest.approx(second.seconds / second.pairs)
    assert inline.compare_cost({"attention": "eager"}, {}, work).pairs is not None
    assert inline.compare_cost({"attention": "eager"}, {}, work.replace(seed=4)).pairs is None
    assert remembered(*here, block_of(work), "alternating") is None
    assert remembered(*here[:2], "another machine", block_of(work), "live") is None
    quick = inline.compare({"attention": "eager"}, {}, work, quick=True)
    assert quick.floor == found.floor


def test_what_this_host_cannot_do_is_told(inline: wb.Session) -> None:
    for way, code in (
        ("two_engines", "compare.one_process"),
        ("live", "compare.not_live"),
        ("x", "compare.unknown_way"),
    ):
        with pytest.raises(wb.WorkbenchError) as caught:
            inline.compare({}, HALF, WORK, way=way)  # type: ignore[arg-type]
        assert caught.value.code == code
    as_it_was(inline)
