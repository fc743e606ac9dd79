"""The race by itself: seeded, over noise that was measured, against measuring everything; its plan of loads."""

import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import fmean

import pytest

from benchmarks import race as simulated
from workbench.sweep.racing import Race
from workbench.sweep.rules import Rules, Step

RULES = simulated.RULES


@pytest.mark.parametrize("metric", simulated.METRICS)
def test_the_winner_is_the_exhaustive_one_or_inside_its_interval_in_20_of_20(metric: str) -> None:
    place = simulated.land(metric)
    assert len(place.gains) > 20
    raced = [simulated.simulate(place, seed, RULES) for seed in range(simulated.SEEDS)]
    assert [each.inside for each in raced] == [True] * 20
    assert max(each.share for each in raced) <= simulated.MOST_SHARE
    assert not any(each.dropped_best for each in raced)
    assert fmean(each.loads for each in raced) <= 2 * raced[0].all_loads


@pytest.mark.parametrize("metric", simulated.METRICS)
def test_without_engines_side_by_side_it_finds_the_same_winner(metric: str) -> None:
    """As with a model that fills most of the memory: the reference is loaded again between two groups."""
    place = simulated.land(metric)
    raced = [simulated.simulate(place, seed, RULES, together=False) for seed in range(simulated.SEEDS)]
    assert sum(each.inside for each in raced) >= 19
    assert not any(each.dropped_best for each in raced)
    assert fmean(each.share for each in raced) <= simulated.MOST_SHARE


def test_the_noise_is_that_of_the_kept_benchmark() -> None:
    """Drift, autocorrelation and heavy tails are in it: without them a simulation would prove little."""
    noise = simulated.land("prefill").noise
    squares = [value**2 for value in noise]
    assert fmean(value**4 for value in noise) / fmean(squares) ** 2 > 4
    assert fmean(a * b for a, b in zip(noise, noise[2:], strict=False)) / fmean(squares) > 0.2


def go(
    race: Race, gains: Sequence[float], *, spread: float = 0.02, each: Callable[[Step], None] = lambda _step: None
) -> list[Step]:
    generator = random.Random(7)
    steps = []
    while step := race.next():
        steps.append(step)
        assert len(steps) < 2000
        each(step)
        race.tell(step, {arm: gains[arm] + generator.gauss(0, spread) for arm in step.arms})
    return steps


def loads(steps: Sequence[Step]) -> int:
    return sum(len(step.loads) for step in steps)


def test_one_load_serves_all_that_is_live() -> None:
    race = Race([0] * 8, RULES)
    steps = go(race, [0.0, 0.3, 0.31, 0.1, 0.2, -0.4, 0.0, 0.29])
    assert loads(steps) == 1
    assert race.ranked[0] in (1, 2)
    assert {0, 3, 5, 6} <= set(race.dropped)


def test_side_by_side_each_group_is_loaded_once_and_finalists_meet_directly() -> None:
    race = Race([0, 0, 1, 1, 2, 2], RULES, together=lambda _a, _b: True)
    steps = go(race, [0.0, 0.2, -0.5, -0.5, 0.22, -0.3])
    assert loads(steps) == 3
    assert race.ranked[0] == 4
    assert race.ended_by == "precision"
    assert all(len(step.groups) <= 2 for step in steps)
    assert race.against(1, 4).half_width() <= RULES.precision
    assert set(steps[-1].arms) == {1, 4}


def test_a_group_that_nothing_links_yet_is_judged_by_its_own_best() -> None:
    race = Race([0, 1, 1, 1, 1], RULES)
    race.tell(Step((0,), (0,), (0,)), {0: 0.0})
    for wobble in (0.01, -0.01):
        race.tell(Step((1, 2, 3, 4), (1,), (1,)), {1: wobble, 2: 0.1 - wobble, 3: 0.9 + wobble, 4: 0.1 + wobble})
    assert race.ranked[:2] == [0, 3]
    assert race.rivals(2) == [0, 3]
    assert race.settled(3, 2)


def test_a_visit_that_nothing_links_leaves_rounds_for_the_next() -> None:
    race = Race([0, 1], Rules(precision=0.001))
    go(race, [0.0, 0.05], spread=0.05)
    assert sum(1 in each for each in race.visits[1].rounds) < race.rules.most_rounds / 2
    assert race.against(0, 1).samples


def test_groups_that_never_meet_lie_between_visits_of_the_reference() -> None:
    race = Race([0, 1, 2], RULES)
    go(race, [0.0, 0.5, -0.5])
    kinds = ["reference" if visit.of(0) else "group" for visit in race.visits]
    assert kinds[0] == kinds[-1] == "reference"
    assert all("reference" in pair for pair in pairwise(kinds))
    assert race.ranked[0] == 1


def test_rounds_go_forwards_and_backwards() -> None:
    steps = go(Race([0, 0, 0], Rules(precision=0.001, screening=6, looks=(6,), most_rounds=6)), [0.0, 0.0, 0.0])
    assert [step.arms for step in steps[:3]] == [(0, 1, 2), (2, 1, 0), (0, 1, 2)]
    assert len(steps) == 6


def test_of_equals_none_is_dropped_and_it_ends_all_the_same() -> None:
    race = Race([0] * 5, Rules(precision=0.02))
    go(race, [0.0] * 5, spread=0.05)
    assert not race.dropped
    assert race.ended_by == "precision"


def test_the_chance_to_drop_the_best_stays_below_its_error() -> None:
    lost = 0
    for seed in range(100):
        race, generator = Race([0] * 6, Rules(precision=0.02, most_rounds=24)), random.Random(seed)
        while step := race.next():
            race.tell(step, {arm: (0.01 if arm == 3 else 0.0) + generator.gauss(0, 0.05) for arm in step.arms})
        lost += 3 in race.dropped
    assert lost / 100 <= 0.05


def test_what_is_out_is_asked_no_more() -> None:
    race = Race([0, 0, 1, 1], RULES, together=lambda _a, _b: True)

    def fail(step: Step) -> None:
        assert not race.gone & set(step.arms)
        if 2 in step.arms:
            race.out(2)
            race.out(3)

    steps = go(race, [0.0, 0.1, 5.0, 5.0], each=lambda step: None if 2 in race.gone else fail(step))
    assert race.ranked[0] == 1
    assert 3 not in {arm for step in steps[5:] for arm in step.arms}


def test_who_was_behind_a_leader_that_goes_out_is_back_in_the_race() -> None:
    race = Race([0] * 4, RULES)
    go(race, [0.0, 1.0, 0.3, 0.1])
    assert set(race.dropped) == {0, 2, 3}
    assert {told.leader for told in race.dropped.values()} == {1}
    race.out(1)  # it broke a constraint
    assert race.dropped == {}
    go(race, [0.0, 1.0, 0.3, 0.1])
    assert race.ranked[0] == 2
    assert race.ended_by == "precision"


def test_a_reference_that_may_not_win_still_links() -> None:
    race = Race([0, 1, 1], RULES, together=lambda _a, _b: True, runs=False)
    go(race, [9.0, 0.0, 0.3])
    assert race.ranked == [2]
    assert race.against(0, 2).mean == pytest.approx(-8.7, abs=0.1)


def test_nothing_left_ends_it() -> None:
    race = Race([0, 0], RULES)
    race.out(0)
    race.out(1)
    assert race.next() is None
    assert race.ended_by == "nothing"
