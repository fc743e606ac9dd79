"""The order of pairs, when they end, and which are set aside: with runs whose values are known."""

import math
import random
import time
from statistics import stdev

import pytest

from workbench.judging import COMPARED, pairs_for
from workbench.pairing import FEWEST_PAIRS, LEAST_PAIRS, Gathered, Half, Plan, expected_pairs, gather, undisturbed
from workbench.results import RunConditions
from workbench.stats import ratio_interval, t95


def half(value: float, seconds: float = 1.0, cores: float | None = 0.0) -> Half:
    return Half(dict.fromkeys(COMPARED, value), seconds, RunConditions(others_cores=cores))


def gathered(plan: Plan, spread: float = 0.02, ratio: float = 1.0, seed: int = 0) -> tuple[Gathered, str]:
    noise = random.Random(seed)
    order = []

    def run(side: int) -> Half:
        order.append("AB"[side])
        return half((ratio if side else 1.0) * 10 * math.exp(noise.gauss(0, spread)))

    return gather(run, plan, lambda *_so_far: None, time.monotonic()), "".join(order)


def test_the_order_is_a_b_b_a_so_that_drift_meets_both_alike() -> None:
    _, order = gathered(Plan(precision=0.0001, budget_s=0.0))
    assert order == "ABBAAB"
    assert len(order) == 2 * LEAST_PAIRS


def test_it_ends_with_the_precision_and_not_before_the_fewest_pairs() -> None:
    found, _ = gathered(Plan(precision=0.9, budget_s=60.0))
    assert (len(found.pairs), found.stopped_by) == (FEWEST_PAIRS, "precision")
    found, _ = gathered(Plan(precision=0.01, budget_s=60.0))
    _, (low, high) = ratio_interval([(a["decode_tps"], b["decode_tps"]) for a, b in found.pairs])
    assert math.log(high / low) / 2 <= 0.01
    assert found.stopped_by == "precision"


def test_a_quick_look_takes_what_it_was_told() -> None:
    found, order = gathered(Plan(precision=0.01, budget_s=60.0, quick=2))
    assert (order, found.stopped_by, len(found.pairs), len(found.same)) == ("ABBA", "quick", 2, 1)


def test_drift_that_is_steady_leaves_the_ratio_alone() -> None:
    clock = iter(range(1000))

    def run(side: int) -> Half:
        return half((1.1 if side else 1.0) * math.exp(0.01 * next(clock)))

    found = gather(run, Plan(0.0001, 0.0), lambda *_so_far: None, time.monotonic())
    pairs = [(a["decode_tps"], b["decode_tps"]) for a, b in found.pairs[:2]]
    assert ratio_interval(pairs)[0] == pytest.approx(1.1)


def test_pairs_beside_a_busy_process_are_set_aside_whatever_they_say() -> None:
    at = iter(range(1000))

    def run(side: int) -> Half:
        disturbed = next(at) in (4, 5)  # the third pair
        return half(3.0 if disturbed else 10.0 + side / 10, cores=1.5 if disturbed else 0.0)

    found = gather(run, Plan(0.0001, 0.0), lambda *_so_far: None, time.monotonic())
    assert found.set_aside == 1
    assert all(pair[0]["decode_tps"] == 10.0 for pair in found.pairs)
    assert found.others_cores == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("cores", "kept"),
    [
        ((0.0, 0.0, 0.0), [0, 1, 2]),
        ((0.0, 2.0, 0.0), [0, 2]),
        ((2.0, 2.0, 0.0), [0, 1, 2]),  # always shared: no choice is made
        ((None, 2.0, 0.0), [0, 2]),
    ],
)
def test_what_counts_as_undisturbed(cores: tuple[float | None, ...], kept: list[int]) -> None:
    assert undisturbed([(half(1.0), half(1.0, cores=used)) for used in cores]) == kept


def test_runs_too_short_for_the_kernels_clock_are_never_set_aside() -> None:
    brief = half(1.0, seconds=0.05, cores=2.0)
    assert undisturbed([(brief, brief), (half(1.0), half(1.0)), (half(1.0), half(1.0))]) == [0, 1, 2]


@pytest.mark.parametrize(("cores", "shared"), [(2.0, True), (0.1, False), (None, False)])
def test_runs_too_short_one_by_one_tell_of_a_busy_neighbour_together(cores: float | None, shared: bool) -> None:
    found = gather(
        lambda _side: half(1.0, seconds=0.1, cores=cores), Plan(0.1, 60.0), lambda *_so_far: None, time.monotonic()
    )
    assert found.shared is shared


def test_no_more_pairs_are_foretold_than_the_budget_pays_for() -> None:
    told: list[tuple[int, int]] = []
    noise = random.Random(0)

    def run(_side: int) -> Half:
        time.sleep(0.005)
        return half(10 * math.exp(noise.gauss(0, 1.0)))

    gather(run, Plan(0.001, 0.3), lambda done, _reached, all_: told.append((done, all_)), time.monotonic())
    assert all(done < all_ <= 60 for done, all_ in told)


def test_pairs_for_a_precision_are_the_first_that_reach_it() -> None:
    count = pairs_for(0.05, 0.02)
    assert t95(count - 1) * 0.05 / math.sqrt(count) <= 0.02 < t95(count - 2) * 0.05 / math.sqrt(count - 1)
    assert expected_pairs(0.0001, 0.05) == FEWEST_PAIRS


def test_stopping_at_the_precision_keeps_the_interval_honest() -> None:
    # the end depends on the width of the interval, never on where it lies: it covers the truth as often as it says
    covered = 0
    for seed in range(400):
        found, _ = gathered(Plan(precision=0.03, budget_s=60.0), spread=0.05, ratio=1.2, seed=seed)
        _, (low, high) = ratio_interval([(a["decode_tps"], b["decode_tps"]) for a, b in found.pairs])
        covered += low <= 1.2 <= high
    assert covered / 400 > 0.9


def test_the_neighbours_are_runs_of_one_configuration() -> None:
    found, _ = gathered(Plan(precision=0.0001, budget_s=0.0), spread=0.0, ratio=2.0)
    assert len(found.same) == LEAST_PAIRS - 1
    assert stdev([math.log(b["decode_tps"] / a["decode_tps"]) for a, b in found.same]) == pytest.approx(0)
    assert [a["decode_tps"] for a, _ in found.same] == pytest.approx([20.0, 10.0])
