"""What rounds say of two configurations, with its error bar: shared rounds, the reference, the bracket."""

import math
import random
from collections.abc import Callable

import pytest

from workbench.stats import t95, t_quantile
from workbench.sweep.estimates import UNKNOWN, Visit, estimate, noise, same

SEEDS = 1500
LEAST_COVERED = 0.93  # of intervals that say 95 %


def test_the_quantile_is_students() -> None:
    assert [t_quantile(0.025, n) for n in range(1, 31)] == pytest.approx([t95(n) for n in range(1, 31)], abs=1e-3)
    # National Institute of Standards, Engineering Statistics Handbook, table 1.3.6.7.2
    assert t_quantile(0.001, 3) == pytest.approx(10.215, abs=1e-3)
    assert t_quantile(0.001, 10) == pytest.approx(4.144, abs=1e-3)
    assert t_quantile(0.05, 100) == pytest.approx(1.660, abs=1e-3)
    assert t_quantile(0.05, 0.5) == math.inf


def test_what_disturbs_a_whole_round_cancels() -> None:
    visit = Visit([{0: shift, 1: shift + 0.1 + wobble} for shift, wobble in ((0, 0.01), (5, -0.01), (-3, 0.0))])
    seen = estimate([visit], 0, 1)
    assert seen.mean == pytest.approx(0.1)
    assert seen.samples == 3
    assert seen.half_width() == pytest.approx(t95(2) * 0.01 / math.sqrt(3), rel=1e-3)
    assert estimate([visit], 1, 0).mean == pytest.approx(-0.1)


def test_the_spread_is_pooled_and_one_that_scatters_more_keeps_its_own() -> None:
    wobbles = [0.01, -0.01, 0.02, -0.02]
    visit = Visit([{0: 0.0, 1: 0.1 + wobble, 2: 10 * wobble} for wobble in wobbles])
    _, freedom = noise([visit])
    assert freedom == 2 * 3
    assert estimate([visit], 0, 2).half_width() > estimate([visit], 0, 1).half_width()
    own = [10 * wobble for wobble in wobbles]
    spread = math.sqrt(sum(value**2 for value in own) / 3)
    assert estimate([visit], 0, 2).half_width() >= t_quantile(0.025, freedom) * spread / 2


def test_the_spread_may_be_that_of_those_in_question() -> None:
    """Two threads that are held up at every barrier say nothing of how well two quiet ones are known."""
    visit = Visit([{0: 0.0, 1: 0.1 + w, 2: 10 * w} for w in (0.01, -0.01, 0.02, -0.02)])
    everybody, quiet = noise([visit]), noise([visit], {0, 1})
    assert quiet[1] == 3
    assert quiet[0] < everybody[0] / 20
    assert estimate([visit], 0, 1, quiet).half_width() < estimate([visit], 0, 1, everybody).half_width() / 4


def test_the_pooled_spread_is_that_of_a_run_with_and_without_stalls() -> None:
    found = {}
    for stalls in (0.0, 0.03):
        draw = random.Random(2)
        rounds = [{arm: draw.gauss(0, 0.02) - 0.25 * (draw.random() < stalls) for arm in range(3)} for _ in range(400)]
        found[stalls] = math.sqrt(noise([Visit(rounds)])[0])
    assert found[0.0] == pytest.approx(0.02, rel=0.08)
    assert found[0.03] < 0.03  # that of all values: 0.046


def test_one_run_of_ten_that_was_held_up_does_not_decide() -> None:
    wobbles = [0.01, -0.01] * 6
    quiet, held = (Visit([{0: 0.0, 1: 0.1 + w} for w in (*wobbles[:-1], last)]) for last in (-0.01, -0.4))
    assert estimate([held], 0, 1).mean == pytest.approx(estimate([quiet], 0, 1).mean, abs=0.01)
    plain = t95(11) * 0.4 / 12  # of all twelve differences
    assert estimate([held], 0, 1).half_width() < plain / 2


def test_neighbours_of_one_configuration_stand_where_rounds_meet() -> None:
    visit = Visit([{0: 1.0, 1: 2.0}, {1: 2.5, 0: 1.1}, {0: 1.3, 1: 2.2}])
    assert same([visit]) == pytest.approx([0.5, 0.2])


def test_without_a_link_nothing_is_said() -> None:
    assert estimate([Visit([{1: 0.0}, {1: 0.1}]), Visit([{2: 0.0}, {2: 0.1}])], 1, 2) is UNKNOWN


def covered(world: Callable[[random.Random], list[Visit]], truth: float, a: int = 1, b: int = 2) -> float:
    hits = 0
    for seed in range(SEEDS):
        low, high = estimate(world(random.Random(seed)), a, b).interval()
        hits += low <= truth <= high
    return hits / SEEDS


def beside(generator: random.Random) -> list[Visit]:
    """The reference in the rounds of two groups; drift from round to round is larger than the noise of a run."""
    level, visits = 0.0, []
    for arm, gain in ((1, 0.1), (2, 0.25)):
        visit = Visit()
        for _ in range(6):
            level += generator.gauss(0, 0.05)
            noise_of = [generator.gauss(0, 0.02) for _ in range(2)]
            visit.rounds.append({0: level + noise_of[0], arm: level + gain + noise_of[1]})
        visits.append(visit)
    return visits


def bracketed(loads: float, drift: float) -> Callable[[random.Random], list[Visit]]:
    """Groups by turns with the reference; every load shifts all its runs, and the device drifts."""

    def world(generator: random.Random) -> list[Visit]:
        level, visits = 0.0, []
        for arm, gain in ((0, 0.0), (1, 0.1), (0, 0.0), (2, 0.25), (0, 0.0), (3, 0.0), (0, 0.0), (1, 0.1), (0, 0.0)):
            level += generator.gauss(0, drift)
            shift = generator.gauss(0, loads)
            visits.append(Visit([{arm: level + shift + gain + generator.gauss(0, 0.02)} for _ in range(4)]))
        return visits

    return world


@pytest.mark.parametrize(
    "world",
    [beside, bracketed(0.03, 0.0), bracketed(0.0, 0.04), bracketed(0.03, 0.03), bracketed(0.0, 0.0)],
    ids=["beside", "loads", "drift", "both", "neither"],
)
def test_chained_intervals_cover_what_is_true(world: Callable[[random.Random], list[Visit]]) -> None:
    assert covered(world, 0.15) >= LEAST_COVERED


def test_an_open_bracket_says_nothing() -> None:
    visits = bracketed(0.03, 0.02)(random.Random(0))
    assert estimate(visits[:2], 0, 1) is UNKNOWN
    assert estimate(visits[:4], 1, 2) is UNKNOWN
    assert estimate(visits[:3], 0, 1) is UNKNOWN  # one bracket, one difference
    assert estimate(visits[:5], 1, 2).samples


def test_without_the_links_variance_it_would_not_cover() -> None:
    """The simulation can fail: the same worlds without what a load does to all runs of it."""

    def unlinked(generator: random.Random) -> list[Visit]:
        return bracketed(0.03, 0.0)(generator)

    hits = 0
    for seed in range(300):
        visits = unlinked(random.Random(seed))
        ones, twos = visits[1].of(1) + visits[7].of(1), visits[3].of(2)
        apart = sum(twos) / len(twos) - sum(ones) / len(ones)
        half = 1.96 * 0.02 * math.sqrt(1 / len(ones) + 1 / len(twos))
        hits += abs(apart - 0.15) <= half
    assert hits / 300 < LEAST_COVERED - 0.1
