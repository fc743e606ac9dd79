"""Joules as what a sweep ranks by and is held to: real runs under a counter file, and what is said without one."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from tests.sweep.made import sweep as made
from tests.sweep.test_sweep import BASE, TINY, Harmed
from tests.test_energy import IDLE_W, Meter
from workbench.constraints import limits
from workbench.powering import LEAST_STEPS, WINDOW_S, counter_here
from workbench.probes.device import sampler
from workbench.probes.device.energy import Counter
from workbench.probes.device.processor import PackageEnergy
from workbench.sweep.rows import rows_of
from workbench.sweep.space import Known, expand

WORK = wb.Workload(prompt_tokens=8, new_tokens=24)
SPACE = {"attention": ["sdpa", "eager"], "threads": [1]}
HOW: dict[str, Any] = {"base": BASE, "precision": 0.9, "when_busy": "beside", "host": "inline"}


@pytest.fixture(scope="module")
def powercap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("meter") / "powercap"
    meter = Meter(folder)
    meter.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampler, "PackageEnergy", partial(PackageEnergy, folder))
        yield folder
    meter.close()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[wb.Runs]:
    with wb.Runs(tmp_path_factory.mktemp("runs") / "runs.sqlite3") as runs:
        yield runs


@pytest.fixture(scope="module")
def found(demo_home: Path, powercap: Path, runs: wb.Runs) -> wb.Sweep:
    sweep: wb.Sweep = wb.sweep(TINY, SPACE, WORK, "joules_per_token", {"joules_per_token": "<1e6"}, runs=runs, **HOW)
    return sweep


@pytest.mark.model
def test_the_winner_takes_the_fewest_joules_and_the_idle_power_is_told(found: wb.Sweep) -> None:
    assert found.better == "lower"
    assert found.workload.new_tokens == 24  # whole requests, where speeds are of few tokens
    best = found.best
    assert best is not None
    for point in found.points:
        assert point.means["joules_per_token"] > point.means["net_joules_per_token"] > 0
        assert point.means["tokens_per_joule"] == pytest.approx(1 / point.means["joules_per_token"], rel=0.2)
        assert point.ratio is None or point.ratio >= 1.0
    assert found.energy is not None
    assert found.energy.source == "rapl"
    assert found.energy.idle_w is not None
    assert found.energy.idle_w > IDLE_W
    assert any("RAPL" in remark and "idle power" in remark for remark in rows_of(found)[2])
    again_free = [point for point in found.points if point.state in ("best", "front", "behind")]
    assert len(again_free) == 2


@pytest.mark.model
def test_what_was_measured_comes_back_from_the_store(found: wb.Sweep, runs: wb.Runs, powercap: Path) -> None:
    how = {**HOW, "constraints": {"joules_per_token": "<1e6"}, "objective": "joules_per_token"}
    again = wb.sweep(TINY, SPACE, WORK, runs=runs, **how)
    assert again.reused == again.runs == found.runs
    assert (again.points, again.energy) == (found.points, found.energy)


@pytest.mark.model
def test_joules_as_a_constraint_of_another_objective(demo_home: Path, powercap: Path, runs: wb.Runs) -> None:
    none = wb.sweep(TINY, {"threads": [1]}, WORK, "decode_tps", {"tokens_per_joule": ">1e9"}, runs=runs, **HOW)
    assert none.best is None
    assert [point.state for point in none.points] == ["constraint"]
    assert "breaks tokens_per_joule > " in str(none.points[0].why)


@pytest.mark.model
def test_a_slow_counter_makes_the_window_longer(demo_home: Path, tmp_path: Path) -> None:
    """It moves every half second: ten of its steps are five seconds, and a window of two is not enough."""
    meter = Meter(tmp_path / "slow", every_s=0.5)
    meter.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sampler, "PackageEnergy", partial(PackageEnergy, tmp_path / "slow"))
            with wb.Session(TINY, config=BASE, host="inline") as session:
                windows = []
                session.on("progress", lambda event: windows.append(event.data))
                block = session.run_once(BASE, WORK, energy=True)
        told = [each for each in windows if "window" in str(each)]
    finally:
        meter.close()
    assert block.run["joules_per_token"] > 0
    assert "idle_w" not in block.run  # asked of the first run alone
    assert len(told) >= 2, "the first window held fewer than ten steps"


def test_steps_of_a_counter() -> None:
    counter = Counter([(0.0, 1.0), (1.0, 1.0), (2.0, 3.0), (3.0, 3.0), (4.0, 5.0)], "rapl", "CPU")
    assert counter.steps(0.0, 4.0) == 2
    assert counter.steps(2.0, 3.0) == 0
    assert LEAST_STEPS * 0.05 < WINDOW_S


def test_without_a_counter_it_ends_before_any_load_and_says_what_is_missing(
    demo_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampler, "PackageEnergy", partial(PackageEnergy, tmp_path / "nothing"))
    monkeypatch.setattr(Harmed, "have", None)
    for objective, constraints in (("joules_per_token", {}), ("decode_tps", {"tokens_per_joule": ">1"})):
        with pytest.raises(wb.CapabilityError) as caught:
            wb.sweep(TINY, SPACE, WORK, objective, constraints, **{**HOW, "host": Harmed})
        assert "RAPL" in str(caught.value)


def test_a_host_that_is_not_under_this_machines_counters_is_refused(demo_home: Path) -> None:
    class Elsewhere:
        pass

    with pytest.raises(wb.CapabilityError, match="not under a counter"):
        wb.sweep(TINY, SPACE, WORK, "tokens_per_joule", **{**HOW, "host": Elsewhere})


def test_points_under_another_counter_are_out_with_their_reason() -> None:
    from tests.knobs.facts import A100

    known = Known(A100, WORK, metered="cuda-0")
    laid = expand({"device": ["cpu", "cuda"]}, wb.Config(device="cuda"), known)
    assert [point.device for point in laid.points] == ["cuda"]
    assert "another counter" in str(laid.removed[0].why)


def test_the_counter_of_here(powercap: Path) -> None:
    counter = counter_here("cpu", wb.doctor())
    assert counter.source == "rapl"


def test_limits_and_chart_speak_of_joules() -> None:
    (limit,) = limits({"joules_per_token": "<500mJ"})
    assert limit.value == pytest.approx(0.5)
    assert str(limit).endswith("J")
    (limit,) = limits({"tokens_per_joule": ">= 2 tok/J"})
    assert limit.keeps(2.0)
    plain = made()
    points = tuple(
        point.model_copy(update={"means": {"joules_per_token": 1.0 + place}, "ci95": {}})
        for place, point in enumerate(plain.points)
    )
    figure = wb.charts.figure(made(objective="joules_per_token", better="lower", points=points))
    assert figure.layout.xaxis.title.text == "Energy per token, J"
    assert list(figure.data[0].x) == [4.0]
