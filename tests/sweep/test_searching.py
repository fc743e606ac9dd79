"""The search by itself: what Optuna proposes, that nothing is tried twice, and what it finds beside tries at random."""

import logging
import sys
from pathlib import Path

import optuna
import pytest

import workbench as wb
from benchmarks import search as simulated
from workbench.sweep.proposing import STUDIES, Proposer, require
from workbench.sweep.racing import Race
from workbench.sweep.rules import Rules
from workbench.sweep.searching import Reach, Search
from workbench.sweep.space import load_of

POINTS = simulated.points()
KNOBS = tuple(simulated.SPACE)


def proposer(file: Path | None = None, seed: int = 0, points: tuple[wb.Config, ...] = POINTS) -> Proposer:
    return Proposer(points, KNOBS, "a study", seed=seed, startup=8, file=file)


def studied(file: Path) -> list[optuna.trial.FrozenTrial]:
    storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    try:
        return optuna.load_study(study_name="a study", storage=storage).trials
    finally:
        storage.remove_session()
        storage.engine.dispose()


def gain(point: wb.Config) -> float:
    return 0.5 * (point.attention == "sdpa") + 0.1 * (point.threads == 4) - 0.2 * (point.cache == "quantized")


def test_the_space_is_large_and_conditional() -> None:
    assert len(POINTS) >= 500
    assert any(not point.matters("group_size") for point in POINTS)
    assert len(set(POINTS)) == len(POINTS)


def test_a_batch_is_new_points_of_few_loads() -> None:
    asker = proposer()
    tried: list[wb.Config] = []
    for turn in range(6):
        batch = asker.ask(tried, turn, loads=2, each=8)
        assert len(batch) == len(set(batch)) == 16
        assert not set(batch) & set(tried)
        assert set(batch) <= set(POINTS)
        assert len(set(map(load_of, batch))) <= 2
        for point in batch:
            asker.tell(point, gain(point), {})
        tried += batch
    late = tried[-32:]
    assert sum(point.attention == "sdpa" for point in late) > 24  # it learned


def test_what_it_learned_leads_it_one_knob_beside_the_best() -> None:
    asker = proposer()
    first = asker.ask([], 0, loads=2, each=8)
    best = first[3]
    for point in first:
        asker.tell(point, 1.0 if point is best else -1.0, {"peak_bytes": 0.5} if point is first[4] else {})
    second = asker.ask(first, 1, loads=2, each=8)
    knobs = {knob: repr(best[knob]) for knob in KNOBS if best.matters(knob)}
    beside = [
        point
        for point in second[:8]
        if len(dict(knobs.items() ^ {knob: repr(point[knob]) for knob in KNOBS if point.matters(knob)}.items())) == 1
    ]
    assert beside
    assert second[0] in beside
    assert len({load_of(point) for point in beside if second.index(point) < len(beside)}) == 1


def test_of_a_small_space_all_are_tried_in_the_end_and_none_twice() -> None:
    few = POINTS[:20]
    asker = proposer(points=few)
    tried: list[wb.Config] = []
    turn = 0
    while batch := asker.ask(tried, turn, loads=2, each=4):
        tried += batch
        for point in batch:
            asker.tell(point, gain(point), {})
        turn += 1
    assert sorted(map(repr, tried)) == sorted(map(repr, few))


def test_a_knob_without_effect_is_not_drawn_and_what_repeats_is_not_told(tmp_path: Path) -> None:
    file = tmp_path / STUDIES
    asker = proposer(file)
    batch = asker.ask([], 0, loads=3, each=6)
    for point in batch:
        asker.tell(point, gain(point), {})
        asker.tell(point, 99.0, {})
    asker.close()
    told = [trial for trial in studied(file) if trial.state is optuna.trial.TrialState.COMPLETE]
    assert [trial.value for trial in told] == [gain(point) for point in batch]
    for trial, point in zip(told, batch, strict=True):
        assert trial.params == {knob: repr(point[knob]) for knob in KNOBS if point.matters(knob)}
    assert any("group_size" not in trial.params for trial in told)


def test_what_breaks_a_limit_or_cannot_run_is_told_as_infeasible(tmp_path: Path) -> None:
    file = tmp_path / STUDIES
    asker = proposer(file)
    heavy, dead, fine = asker.ask([], 0, loads=1, each=3)
    asker.tell(heavy, 1.0, {"peak_bytes": 0.25})
    asker.tell(dead, None, {})
    asker.tell(fine, 0.5, {})
    asker.close()
    found = [
        trial
        for trial in studied(file)
        if trial.state.is_finished() and trial.state is not optuna.trial.TrialState.FAIL
    ]
    assert [trial.constraints for trial in found] == [{"peak_bytes": 0.25}, {"runs": 1.0}, {}]
    assert [trial.value for trial in found] == [1.0, None, 0.5]


def test_a_call_that_was_cut_short_proposes_the_same_again(tmp_path: Path) -> None:
    def told(asker: Proposer) -> list[wb.Config]:
        first = asker.ask([], 0, loads=2, each=8)
        for point in first:
            asker.tell(point, gain(point), {})
        return first

    whole = proposer(tmp_path / "whole.sqlite3")
    first = told(whole)
    expected = whole.ask(first, 1, loads=2, each=8)
    whole.close()
    cut = proposer(tmp_path / "cut.sqlite3")
    assert told(cut) == first
    cut.ask(first, 1, loads=2, each=8)  # and then it was killed
    cut.close()
    again = proposer(tmp_path / "cut.sqlite3")
    for point in first:
        again.tell(point, gain(point), {})
    assert again.ask(first, 1, loads=2, each=8) == expected
    again.close()
    lost = proposer(tmp_path / "lost.sqlite3")
    for point in first:
        lost.tell(point, gain(point), {})
    assert lost.ask(first, 1, loads=2, each=8) == expected
    lost.close()
    assert proposer(seed=1).ask([], 0, loads=2, each=8) != first


def test_optuna_is_quiet_and_the_persons_level_stays(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    optuna.logging.set_verbosity(logging.DEBUG)
    try:
        asker = proposer(tmp_path / STUDIES)
        (point,) = asker.ask([], 0, loads=1, each=1)
        asker.tell(point, 1.0, {})
        asker.close()
        assert optuna.logging.get_verbosity() == logging.DEBUG
    finally:
        optuna.logging.set_verbosity(logging.INFO)
    assert capfd.readouterr() == ("", "")


def test_a_damaged_file_and_a_missing_package_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / STUDIES).write_bytes(b"no database, and longer than the header of one" * 10)
    with pytest.raises(wb.WorkbenchError, match="may be deleted"):
        proposer(tmp_path / STUDIES)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(wb.CapabilityError, match=r"pip install -c constraints\.txt optuna"):
        require()


class Listed:
    """Proposes what it was given, one after the other."""

    def __init__(self) -> None:
        self.points = POINTS
        self.heard: dict[wb.Config, tuple[float | None, dict[str, float]]] = {}

    def ask(self, tried: list[wb.Config], turn: int, *, loads: int, each: int) -> list[wb.Config]:
        return [point for point in self.points if point not in set(tried)][: loads * each]

    def tell(self, point: wb.Config, gain: float | None, broken: dict[str, float]) -> None:
        self.heard[point] = (gain, broken)

    def close(self) -> None: ...


def went(
    gains: dict[int, float], reach: Reach, broken: dict[int, dict[str, float]] | None = None
) -> tuple[Search, Listed]:
    """A search to its end; gains: of points by the order in which they are tried, 0 for the others."""
    listed = Listed()
    base = POINTS[0]
    search = Search(base, len(POINTS), lambda: listed, reach, 0.05, base_enters=True)
    race = Race([0], Rules(), together=lambda _a, _b: True, most=reach.proposals + 1)
    race.widening = True
    while found := search.propose():
        groups = search.group(found)
        search.entered(found, groups)
        race.admit(groups)
        while step := race.next():
            wobble = 0.001 * (len(race.visits) % 3)
            race.tell(step, {arm: gains.get(arm, 0.0) + wobble * (arm % 2) for arm in step.arms})
        search.heard(race, lambda arm: gains.get(arm) is None and arm in gains, lambda arm: (broken or {}).get(arm, {}))
    return search, listed


REACH = Reach(proposals=120, loads=2, each=5, startup=10, patience=2)


def test_it_ends_when_batches_bring_nothing_better_by_more_than_the_precision() -> None:
    search, listed = went({3: 0.5, 15: 0.53}, REACH)  # 0.53 is better, and not by more than the precision
    assert search.ended == "no_gain"
    assert search.batches == 3  # the one with 0.5, and two that brought little
    assert listed.heard[search.tried[3]][0] == pytest.approx(0.5, abs=0.01)


def test_what_brings_more_is_waited_for() -> None:
    short, _ = went({3: 0.5}, REACH)
    longer, _ = went({3: 0.5, 25: 0.7}, REACH)
    assert longer.batches > short.batches


def test_it_ends_with_its_proposals_and_with_the_space() -> None:
    search, _ = went({at: 0.1 * at for at in range(121)}, REACH)
    assert (search.ended, search.count) == ("proposals", 120)
    assert search.told().of == len(POINTS)


def test_points_that_break_limits_are_told_with_them() -> None:
    search, listed = went({3: 0.5}, REACH, {3: {"peak_bytes": 0.1}})
    assert listed.heard[search.tried[3]][1] == {"peak_bytes": 0.1}
    assert listed.heard[search.tried[4]][1] == {}


@pytest.mark.model  # there is none in it, but it takes minutes of a slow machine
@pytest.mark.timeout(1200)
def test_it_finds_better_ones_than_tries_at_random() -> None:
    both = simulated.both(simulated.SEEDS[:8])
    assert all(search.tried == blind.tried < 0.3 * len(simulated.points()) for search, blind in both)
    assert simulated.advantage(both)[0] > 0, "the whole interval of the paired log-ratio"
