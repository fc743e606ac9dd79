"""Session.compare on a tiny model: real runs that alternate, kept with their noise floor, and its refusals."""

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


def test_pairs_intervals_and_a_floor_that_is_measured_once(session: wb.Session) -> None:
    heard: list[str] = []
    unsubscribe = session.on("progress", lambda event: heard.append(event.data["what"].code))
    first = session.compare({"attention": "eager"}, {"attention": "sdpa"}, WORK, precision=0.9, budget_s=30)
    assert first.pairs >= 6
    assert first.stopped_by == "precision"
    assert (first.resolved_a.attention, first.resolved_b.attention) == ("eager", "sdpa")
    assert all(low < first.ratio[name] < high for name, (low, high) in first.ci95.items())
    assert all(len(values) == first.pairs for values in first.samples.values())
    assert first.workload.new_tokens == 5
    assert session.config == CONFIG
    assert session.resolved.attention == "sdpa"
    assert heard.count("progress.floor") == first.floor.pairs == 8

    heard.clear()
    again = session.compare({"attention": "eager"}, {"threads": 1, "attention": "sdpa"}, WORK, precision=0.9)
    assert "progress.floor" not in heard
    assert again.floor == first.floor
    unsubscribe()
    stored = session.runs.list(kind="comparison")
    assert wb.Comparison.from_dict(stored[0]["result"]).samples == again.samples
    assert session.last["comparison"].floor.key == first.floor.key


def test_the_ratio_is_that_of_its_own_samples(session: wb.Session) -> None:
    import math

    found = session.compare(CONFIG, CONFIG.replace(attention="eager"), WORK, precision=0.9)
    logs = [math.log(b / a) for a, b in found.samples["decode_tps"]]
    assert found.ratio["decode_tps"] == pytest.approx(math.exp(sum(logs) / len(logs)))
    assert found.mean_a["ttft_s"] == pytest.approx(sum(a for a, _ in found.samples["ttft_s"]) / found.pairs)


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
        ({}, {"dtype": "bfloat16"}, wb.CapabilityError, "compare.needs_reload"),
        ({}, {"atention": "eager"}, wb.ConfigError, None),
        ({"device": "cuda"}, {}, wb.CapabilityError, None),
    ],
    ids=["the same", "a reload", "a typo", "no such device"],
)
def test_what_cannot_be_compared_is_told(
    session: wb.Session, a: dict[str, str], b: dict[str, str], kind: type[wb.WorkbenchError], code: str | None
) -> None:
    with pytest.raises(kind) as caught:
        session.compare(a, b, WORK)
    assert code in (None, caught.value.code)
    assert session.config == CONFIG
