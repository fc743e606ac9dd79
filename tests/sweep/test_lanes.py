"""The race on several places, without a cluster: places of different speed, lost ones, brackets, A/A, who is alike."""

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import workbench as wb
from workbench.results import SweepNode
from workbench.sweep import nodes
from workbench.sweep.estimates import UNKNOWN, Visit, estimate
from workbench.sweep.lanes import Lanes
from workbench.sweep.node_engines import Hello
from workbench.sweep.rules import Rules, Step

RULES = Rules(precision=0.02)
GROUPS = [0, 0, 1, 1, 2, 2, 3]
GAINS = [0.0, 0.2, -0.3, 0.1, 0.32, -0.5, 0.3]
Told = list[tuple[int, Step]]


def go(
    race: Lanes,
    gains: Sequence[float],
    levels: Sequence[float],
    *,
    seed: int = 0,
    lost_after: int = 0,
    each: Callable[[int, Step], None] = lambda _place, _step: None,
) -> Told:
    """Places that take turns as they come, each with a level of its own; the second is lost after so many rounds."""
    generator, told = random.Random(seed), Told()
    asked: dict[int, Step] = {}
    there = list(range(1, len(levels) + 1))
    while True:
        for place in there:
            if place not in asked:
                race.enter(place)
                if step := race.next():
                    asked[place] = step
        if not asked:
            return told
        place = generator.choice(sorted(asked))
        step = asked.pop(place)
        if lost_after and place == 2 and sum(one == 2 for one, _ in told) == lost_after:
            there.remove(2)  # its round in flight is never told
            race.leave(2)
            continue
        race.enter(place)
        each(place, step)
        level = levels[place - 1] + generator.gauss(0, 0.05)  # what disturbs a whole round
        race.tell(step, {arm: gains[arm] + level + generator.gauss(0, 0.01) for arm in step.arms})
        told.append((place, step))
        assert len(told) < 3000


@pytest.mark.parametrize("seed", range(8))
def test_places_of_different_speed_find_the_winner_as_one_would(seed: int) -> None:
    """A place twice as fast: whatever compared rounds of two places directly would crown what ran there."""
    race = Lanes(GROUPS, RULES, together=lambda _a, _b: True)
    told = go(race, GAINS, [0.0, 0.7], seed=seed)
    assert race.ranked[0] == 4
    assert race.ended_by == "precision"
    assert {2, 5} <= set(race.dropped)
    assert not {4, 6} & set(race.dropped)
    assert {place for place, _ in told} == {1, 2}
    assert all(race.rounds(arm) >= RULES.screening for arm in range(len(GROUPS)))
    assert math.isclose(race.against(0, 4).mean, 0.32, abs_tol=0.05)


def test_a_group_is_screened_by_one_place_with_its_own_base_line_beside_it() -> None:
    race = Lanes(GROUPS, RULES, together=lambda _a, _b: True)
    screened: dict[int, set[int]] = {}

    def see(place: int, step: Step) -> None:
        for arm in step.arms:
            if arm and race.rounds(arm) < RULES.screening:
                screened.setdefault(GROUPS[arm], set()).add(place)
                assert 0 in step.arms

    told = go(race, GAINS, [0.0, 0.0], each=see)
    assert {group: len(at) for group, at in screened.items()} == {0: 1, 1: 1, 2: 1, 3: 1}
    assert len(set.union(*screened.values())) == 2
    for place in (1, 2):
        assert next(step for one, step in told if one == place).loads  # nothing is resident where nobody loaded


def test_base_lines_at_both_places_first_leave_no_group_unseen() -> None:
    """Rounds of the reference alone, an A/A, do not count as those of the other configurations of its load."""
    race = Lanes([0, 0, 1], RULES, together=lambda _a, _b: True)
    for place in (1, 2):
        race.enter(place)
        for at in range(6):
            race.tell(Step((0,), (0,), () if at else (0,)), {0: 0.1 * place})
    assert [len(visit) for visit in race.levels_at(2)] == [6]
    go(race, [0.0, 0.4, 0.2], [0.0, 0.0])
    assert race.rounds(1) >= RULES.screening
    assert race.ranked[0] == 1


@pytest.mark.parametrize("rounds", range(1, 9))
def test_what_a_lost_place_was_at_is_asked_of_the_other(rounds: int) -> None:
    race = Lanes(GROUPS, RULES, together=lambda _a, _b: True)
    told = go(race, GAINS, [0.0, 0.3], lost_after=rounds)
    assert sum(place == 2 for place, _ in told) == rounds
    assert race.ranked[0] == 4
    assert all(race.rounds(arm) >= RULES.screening for arm in range(len(GROUPS)))


@pytest.mark.parametrize("seed", range(24))
def test_what_is_known_follows_from_what_was_told(seed: int) -> None:
    """A later call tells it again and asks for nothing: the same who, by the same intervals."""
    race = Lanes(GROUPS, RULES, together=lambda _a, _b: True)
    generator, kept = random.Random(seed), []

    def keep(place: int, step: Step) -> None:
        kept.append((place, step))

    go(race, GAINS, [0.0, 0.3], seed=generator.randrange(100), each=keep)
    rounds = {place: [each for v in race.visits if v.place == place for each in v.rounds] for place in (1, 2)}
    again, at = Lanes(GROUPS, RULES, together=lambda _a, _b: True), Counter[int]()
    for place, step in kept:
        again.enter(place)
        again.tell(step, rounds[place][at[place]])
        at[place] += 1
    again.enter(3)
    assert again.next() is None
    for each in (race, again):
        each.settle()
    assert again.dropped == race.dropped
    assert again.ranked == race.ranked
    assert again.against(0, 4) == race.against(0, 4)


def test_two_that_are_left_are_measured_side_by_side_at_all_places() -> None:
    race = Lanes([0, 1], RULES, together=lambda _a, _b: True)
    told = go(race, [0.0, 0.01], [0.0, 0.5])
    both = [place for place, step in told if set(step.arms) == {0, 1}]
    assert set(both) == {1, 2}
    assert race.against(0, 1).half_width() <= RULES.precision


def test_a_bracket_closes_at_the_place_where_it_was_opened() -> None:
    """Groups that cannot stand beside the reference, at places whose speeds differ twofold."""
    race = Lanes([0, 1, 2], RULES)
    go(race, [0.0, 0.5, -0.5], [0.0, 0.7], seed=2)
    for place in (1, 2):
        own = [set(each) for visit in race.visits if visit.place == place for each in visit.rounds]
        assert own[0] == own[-1] == {0}
    assert race.ranked[0] == 1
    seen = race.against(0, 1)
    assert seen.interval()[0] < 0.5 < seen.interval()[1]
    assert seen.half_width() < 0.3  # the 0.7 between places is not in it


def test_brackets_of_two_places_are_not_one() -> None:
    def visit(place: int, arm: int, level: float) -> Visit:
        return Visit([{arm: level + wobble} for wobble in (0.0, 0.01, -0.01)], place)

    open_ends = [visit(1, 0, 0.0), visit(1, 1, 0.5), visit(2, 0, 0.7), visit(2, 0, 0.7)]
    assert estimate(open_ends, 0, 1) is UNKNOWN
    closed = [*open_ends[:2], visit(1, 0, 0.0), *open_ends[2:]]
    assert estimate(closed, 0, 1).mean == pytest.approx(0.5)
    assert estimate(closed, 0, 1).half_width() < 0.1


def place(number: int, **more: Any) -> SweepNode:
    return SweepNode(place=number, node=number, machine="m", **more)


def test_an_a_a_sees_a_slower_place_and_none_where_there_is_none() -> None:
    generator = random.Random(1)
    here = [generator.gauss(0, 0.02) for _ in range(6)]
    slow = [generator.gauss(-0.3, 0.02) for _ in range(6)]
    like = [generator.gauss(0, 0.02) for _ in range(6)]
    first = nodes.compared(place(1), place(1), 1, here, here)
    assert (first.ratio, first.differs) == (1, False)
    seen = nodes.compared(place(1), place(2), 1, here, slow)
    assert seen.differs
    assert seen.ratio == pytest.approx(math.exp(-0.3), rel=0.05)
    assert seen.ci95 is not None
    assert seen.ci95[0] < math.exp(-0.3) < seen.ci95[1] < 1
    seconds = nodes.compared(place(1), place(2), -1, here, slow)  # of an objective of which less is better
    assert seconds.ratio == pytest.approx(math.exp(0.3), rel=0.05)
    alike = nodes.compared(place(1), place(2), 1, here, like)
    assert alike.differs is False
    assert "no difference from place 1; more than" in str(alike.verdict)
    few = nodes.compared(place(1), place(2), 1, here, like[:2])
    assert few.differs is None
    told = [str(flag) for flag in nodes.flags([first, seen, few, place(3, state="lost", why=None)])]
    assert [line.split(":")[0] for line in told] == [
        "places differ by more than the noise",
        "no A/A tells how far these places differ",
        "place 3 (machine 3) was lost",
    ]
    assert nodes.flags([first, alike]) == []


def test_the_interval_of_an_a_a_covers_what_is_true() -> None:
    """Equal places are told apart in few of a hundred, and the ratio of unequal ones lies inside."""
    generator, apart, inside = random.Random(0), 0, 0
    for _ in range(600):
        here, like = ([generator.gauss(0, 0.03) for _ in range(6)] for _ in range(2))
        apart += bool(nodes.compared(place(1), place(2), 1, here, like).differs)
        slow = nodes.compared(place(1), place(2), 1, here, [value - 0.1 for value in like])
        inside += bool(slow.ci95 and slow.ci95[0] < math.exp(-0.1) < slow.ci95[1])
    assert apart / 600 <= 0.05
    assert inside / 600 >= 0.93


def test_who_is_not_like_the_others_and_by_what() -> None:
    machine = wb.doctor()
    usual = {"torch": "2.13.0", "transformers": "5.23.0"}
    kinds = [nodes.kind(Hello(machine, {**usual, **more})) for more in ({"torch": "2.12.0"}, {}, {})]
    assert nodes.unlike(kinds) == {0: "torch 2.12.0 ≠ 2.13.0"}
    assert nodes.unlike(kinds[1:]) == {}
    slower = machine.model_copy(update={"label": "another"})
    mixed = [nodes.kind(Hello(each, usual)) for each in (machine, slower)]
    assert nodes.unlike(mixed) == {1: f"machine another ≠ {machine.label}"}  # of equals the first
    assert nodes.unlike(mixed, mixed[1]) == {0: f"machine {machine.label} ≠ another"}  # or that of the caller
    assert nodes.unlike([]) == {}
