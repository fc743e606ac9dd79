"""Session.compare on a tiny model: real runs that alternate, kept with their noise floor, and its refusals."""

import math
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

import workbench as wb

pytestmark = pytest.mark.model

WORK = wb.Workload(prompt_tokens=24, new_tokens=5)
CONFIG = wb.Config(dtype="float32", threads=1)


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session("random:deepseek-llm-7b-base?scale=tiny&layers=2", config=CONFIG, host="inline") as session:
        yield session


def test_pairs_intervals_and_a_floor_from_the_same_minutes(session: wb.Session) -> None:
    first = session.compare({"attention": "eager"}, {"attention": "sdpa"}, WORK, precision=0.9, budget_s=30)
    assert first.pairs >= 6
    assert first.stopped_by == "precision"
    assert (first.resolved_a.attention, first.resolved_b.attention) == ("eager", "sdpa")
    assert all(low < first.ratio[name] < high for name, (low, high) in first.ci95.items())
    assert all(len(values) == first.pairs for values in first.samples.values())
    assert first.workload.new_tokens == 5
    assert session.config == CONFIG
    assert session.resolved.attention == "sdpa"
    assert first.floor.pairs == first.pairs - 1
    assert all(floor >= 1 for floor in first.noise_floor.values())

    stored = session.runs.list(kind="comparison")
    assert wb.Comparison.from_dict(stored[0]["result"]).samples == first.samples
    assert session.last["comparison"] == first


def test_the_ratio_is_that_of_its_own_samples(session: wb.Session) -> None:
    found = session.compare(CONFIG, CONFIG.replace(attention="eager"), WORK, precision=0.9)
    logs = [math.log(b / a) for a, b in found.samples["decode_tps"]]
    assert found.ratio["decode_tps"] == pytest.approx(math.exp(sum(logs) / len(logs)))
    assert found.mean_a["ttft_s"] == pytest.approx(sum(a for a, _ in found.samples["ttft_s"]) / found.pairs)


def test_the_floor_is_that_of_neighbours_of_one_configuration(session: wb.Session) -> None:
    found = session.compare(CONFIG, CONFIG.replace(attention="eager"), WORK, precision=0.9)
    runs = found.samples["decode_tps"]
    # a b | b a | a b: the same configuration stands on both sides of each bar
    same = [math.log(runs[at][at % 2] / runs[at - 1][at % 2]) for at in range(1, len(runs))]
    assert found.floor.spread["decode_tps"] == pytest.approx(statistics.stdev(same))


def test_stop_ends_it_and_the_old_config_stays(session: wb.Session) -> None:
    stopping = session.on("progress", lambda event: event.data["what"].code == "progress.pair" and session.stop())
    with pytest.raises(wb.Stopped):
        session.compare({"attention": "eager"}, {"attention": "sdpa"}, WORK, precision=0.0001)
    stopping()
    assert session.resolved.attention == "sdpa"
    assert session.generate("The sea", 2)[0].finish_reason == "length"


@pytest.mark.parametrize(
    ("a", "b", "kind", "code"),
    [
        ({}, {}, wb.ConfigError, "compare.same"),
        ({}, {"atention": "eager"}, wb.ConfigError, None),
        ({"device": "cuda"}, {}, wb.CapabilityError, None),
    ],
    ids=["the same", "a typo", "no such device"],
)
def test_what_cannot_be_compared_is_told(
    session: wb.Session, a: dict[str, str], b: dict[str, str], kind: type[wb.WorkbenchError], code: str | None
) -> None:
    with pytest.raises(kind) as caught:
        session.compare(a, b, WORK)
    assert code in (None, caught.value.code)
    assert session.config == CONFIG
