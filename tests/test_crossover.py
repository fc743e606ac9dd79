"""Session.crossover between two configurations of a CPU: the same road that leads from a CPU to a GPU."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import workbench as wb
from workbench.charts import figure
from workbench.decoding import crossover as crossovers
from workbench.decoding.crossover import sentence
from workbench.results import Crossing, Crossover, CrossoverPoint, NoiseFloor
from workbench.widgets.tables import show

CONFIG = wb.Config(dtype="float32", threads=1, device="cpu")
NAME = "random:deepseek-llm-7b-base?scale=tiny&layers=2"
QUICK = {"new_tokens": 2, "precision": 5.0, "budget_s": 1.0}


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session(NAME, config=CONFIG, host="inline") as session:
        yield session


@pytest.fixture(scope="module")
def found(session: wb.Session) -> Crossover:
    return session.crossover({}, {"attention": "eager"}, [8, 64], **QUICK)


def point(tokens: int, ratio: float, *, seen: bool = True) -> CrossoverPoint:
    metrics = ("ttft_s", "decode_tps", "e2e_s")
    return CrossoverPoint(
        prompt_tokens=tokens,
        ratio=dict.fromkeys(metrics, ratio),
        ci95=dict.fromkeys(metrics, (ratio * 0.9, ratio * 1.1)),
        mean_a=dict.fromkeys(metrics, 1.0),
        mean_b=dict.fromkeys(metrics, ratio),
        noise_floor=dict.fromkeys(metrics, 1.05),
        seen=metrics if seen else (),
        floor=NoiseFloor(spread={}, pairs=6),
        pairs=6,
        set_aside=0,
        stopped_by="precision",
    )


def test_live_configurations_take_turns_on_one_model(found: Crossover, session: wb.Session) -> None:
    assert [each.prompt_tokens for each in found.points] == [8, 64]
    assert found.way == "live"
    assert found.loads == 0
    assert (found.resolved_a.attention, found.resolved_b.attention) == ("sdpa", "eager")
    assert all(each.pairs >= 3 and each.ratio["ttft_s"] > 0 for each in found.points)
    assert set(found.sentence) == {"ttft_s", "decode_tps", "e2e_s"}
    assert session.config == CONFIG
    assert Crossover.from_dict(session.runs.list(kind="crossover")[0]["result"]) == found


@pytest.mark.model
def test_two_engines_side_by_side(demo_home: Path) -> None:
    with wb.Session(NAME, config=CONFIG) as session:
        found = session.crossover({}, {"dtype": "bfloat16"}, [8, 32], **QUICK)
        assert (found.way, found.loads) == ("two_engines", 1)
        assert (found.resolved_a.dtype, found.resolved_b.dtype) == ("float32", "bfloat16")
        assert session.config == CONFIG


def test_what_is_said_follows_from_who_is_ahead() -> None:
    names = ("cpu", "cuda")
    crosses = Crossing(at=64.2, interval=(50.0, 80.0), b_below=False, between=(32, 128))
    points = [point(32, 2.0), point(128, 0.5)]
    assert "cpu is ahead up to 64" in str(sentence("ttft_s", names, points, crosses))
    upwards = crosses.model_copy(update={"b_below": True})
    assert "cpu is ahead up to 64" in str(sentence("decode_tps", names, points, upwards))
    ahead = [point(32, 0.5), point(128, 0.4)]
    assert "cuda is ahead at every length from 32 to 128: no crossing" in str(sentence("ttft_s", names, ahead, None))
    assert "cpu is ahead at every length" in str(sentence("decode_tps", names, ahead, None))
    unclear = [point(32, 0.5), point(128, 1.0, seen=False)]
    assert "1 of 2 lengths show a difference" in str(sentence("ttft_s", names, unclear, None))


def test_without_a_gpu_it_says_what_it_needs(session: wb.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crossovers, "on_cuda", lambda *_: False)
    with pytest.raises(wb.CapabilityError, match="needs both"):
        session.crossover()


def test_what_cannot_be_tried(session: wb.Session) -> None:
    with pytest.raises(wb.ConfigError):
        session.crossover({}, {}, [8, 16])
    lengths: list[object] = [[8], [16, 8], [0, 8], [8, True]]
    for wrong in lengths:
        with pytest.raises(wb.ConfigError, match="lengths"):
            session.crossover({}, {"threads": 2}, wrong, **QUICK)  # type: ignore[arg-type]
    with pytest.raises(wb.CapabilityError):  # an inline session has no process for a second engine
        session.crossover({}, {"dtype": "bfloat16"}, [8, 16], **QUICK)


def test_shown_and_drawn(found: Crossover) -> None:
    assert [row[0] for row in show(found).rows] == ["8", "64"]
    drawn = figure(found)
    assert list(drawn.data[0].x) == [8, 64]
    crosses = Crossing(at=20, interval=(10, 40), b_below=True, between=(8, 64))
    assert len(figure(found.model_copy(update={"crossing": {"ttft_s": crosses}})).layout.shapes) == 2
