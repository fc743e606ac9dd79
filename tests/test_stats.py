"""Intervals against values computed another way, and against what they promise: coverage."""

import math
import random
import statistics

import pytest

from workbench.stats import (
    affordable,
    independent_ratio,
    mean_interval,
    percentile,
    positive_mean_interval,
    ratio_interval,
    relative_half_width,
    shared_ratio,
    t95,
    t_quantile,
    trimmed,
)


def student_t_cdf(t: float, degrees: int, steps: int = 20_000) -> float:
    """Simpson's rule over the density: independent of the table."""
    scale = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)) / math.sqrt(degrees * math.pi)

    def density(x: float) -> float:
        return scale * (1 + x * x / degrees) ** (-(degrees + 1) / 2)

    width = t / steps
    inner = sum((4 if step % 2 else 2) * density(step * width) for step in range(1, steps))
    return 0.5 + width / 3 * (density(0) + inner + density(t))


@pytest.mark.parametrize("degrees", [*range(1, 31), 31, 35, 40, 60, 120, 1000])
def test_quantiles_leave_two_and_a_half_percent_above(degrees: int) -> None:
    assert student_t_cdf(t95(degrees), degrees) == pytest.approx(0.975, abs=1.5e-4)


def test_quantiles_fall_towards_the_normal_one() -> None:
    values = [t95(degrees) for degrees in range(1, 200)]
    assert values == sorted(values, reverse=True)
    assert t95(10**6) == pytest.approx(statistics.NormalDist().inv_cdf(0.975), abs=1e-4)
    assert t95(0) == math.inf


def test_mean_interval_by_hand() -> None:
    # mean 2, standard deviation 1, three samples: 2 ± 4.303 / √3
    low, high = mean_interval([1.0, 2.0, 3.0])
    assert (low, high) == pytest.approx((2 - 4.303 / 3**0.5, 2 + 4.303 / 3**0.5))
    assert relative_half_width([1.0, 2.0, 3.0]) == pytest.approx(4.303 / 3**0.5 / 2)


@pytest.mark.parametrize("samples", [[], [1.0]])
def test_too_few_samples_know_nothing(samples: list[float]) -> None:
    assert mean_interval(samples) == (-math.inf, math.inf)


@pytest.mark.parametrize("size", [3, 5, 12, 40])
def test_95_percent_of_intervals_hold_the_mean(size: int) -> None:
    draw = random.Random(size)
    rounds = 4000
    held = 0
    for _ in range(rounds):
        low, high = mean_interval([draw.gauss(10.0, 2.0) for _ in range(size)])
        held += low <= 10.0 <= high
    # four standard errors of a share of 0.95 over so many rounds
    assert held / rounds == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / rounds))


def test_paired_ratio_cancels_what_disturbs_both() -> None:
    draw = random.Random(1)
    pairs = []
    for _ in range(30):
        disturbance = draw.uniform(1.0, 10.0)
        pairs.append((disturbance, disturbance * 1.31 * math.exp(draw.gauss(0, 0.01))))
    ratio, (low, high) = ratio_interval(pairs)
    assert low < 1.31 < high
    assert ratio == pytest.approx(1.31, rel=0.01)
    assert high - low < 0.02
    back, (back_low, back_high) = ratio_interval([(b, a) for a, b in pairs])
    assert (back, back_low, back_high) == pytest.approx((1 / ratio, 1 / high, 1 / low))


def test_coverage_of_the_ratio() -> None:
    draw = random.Random(7)
    rounds, held = 3000, 0
    for _ in range(rounds):
        pairs = [(1.0, 1.05 * math.exp(draw.gauss(0, 0.1))) for _ in range(8)]
        _ratio, (low, high) = ratio_interval(pairs)
        held += low <= 1.05 <= high
    assert held / rounds == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / rounds))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99, 1.0])
def test_percentiles_are_numpys(share: float) -> None:
    numpy = pytest.importorskip("numpy")
    draw = random.Random(3)
    for size in (1, 2, 7, 100):
        samples = [draw.expovariate(1.0) for _ in range(size)]
        assert percentile(samples, share) == pytest.approx(float(numpy.percentile(samples, 100 * share)))


def test_a_rate_is_never_said_to_be_below_zero() -> None:
    assert mean_interval([57.0, 9.0])[0] < 0
    assert positive_mean_interval([57.0, 9.0]) == (0.0, mean_interval([57.0, 9.0])[1])
    assert positive_mean_interval([57.0, 56.0]) == mean_interval([57.0, 56.0])


def test_a_ratio_of_independent_means_is_the_same_turned_round() -> None:
    ratio, (low, high) = independent_ratio(10.0, (9.0, 11.5), 20.0, (19.0, 22.0))
    back, (back_low, back_high) = independent_ratio(20.0, (19.0, 22.0), 10.0, (9.0, 11.5))
    assert ratio == 2.0
    assert (back, back_low, back_high) == pytest.approx((1 / ratio, 1 / high, 1 / low))
    assert low < ratio < high
    assert independent_ratio(10.0, (0.0, 20.0), 5.0, (4.0, 6.0))[1][1] == math.inf
    assert independent_ratio(10.0, (9.0, 11.0), 5.0, (0.0, 10.0))[1][0] == 0.0


@pytest.mark.parametrize("count", [3, 5, 20])
def test_a_ratio_of_independent_means_covers_the_truth(count: int) -> None:
    generator = random.Random(7)
    trials, held = 2000, 0
    for _ in range(trials):
        a = [generator.gauss(100.0, 6.0) for _ in range(count)]
        b = [generator.gauss(130.0, 13.0) for _ in range(count)]
        first, second = mean_interval(a), mean_interval(b)
        _ratio, (low, high) = independent_ratio(sum(a) / count, first, sum(b) / count, second)
        held += low <= 1.3 <= high
    assert 0.94 < held / trials < 0.995


def test_a_ratio_over_shared_blocks_forgets_what_they_share() -> None:
    ratio, (low, high) = shared_ratio([(1.0, 2.0), (30.0, 60.0), (5.0, 10.0)])
    assert (ratio, low, high) == (2.0, 2.0, 2.0)
    assert shared_ratio([(2.0, 3.0)]) == (1.5, (0.0, math.inf))
    _ratio, (low, high) = shared_ratio([(1.0, 2.0), (30.0, 50.0), (5.0, 14.0)])
    _back, (back_low, back_high) = shared_ratio([(2.0, 1.0), (50.0, 30.0), (14.0, 5.0)])
    assert (back_low, back_high) == pytest.approx((1 / high, 1 / low))


@pytest.mark.parametrize("blocks", [20, 100, 300])
def test_a_ratio_over_shared_blocks_covers_the_truth(blocks: int) -> None:
    """Blocks differ tenfold; both sides share that, and each has noise of its own."""
    generator = random.Random(7)
    trials, held = 1000, 0
    for _ in range(trials):
        hard = [generator.lognormvariate(0.0, 0.7) for _ in range(blocks)]
        noisy = [(each * generator.gauss(1.0, 0.2), 1.3 * each * generator.gauss(1.0, 0.2)) for each in hard]
        _ratio, (low, high) = shared_ratio(noisy)
        held += low <= 1.3 <= high
    assert 0.92 < held / trials < 0.98


def test_a_trimmed_mean_by_hand() -> None:
    # twenty values, two left out at each end: 3 to 18; pulled in, both ends count three times
    mean, variance, freedom = trimmed([float(value) for value in range(1, 21)])
    pulled = [3.0] * 3 + [float(value) for value in range(4, 18)] + [18.0] * 3
    assert (mean, freedom) == (10.5, 15)
    assert variance == pytest.approx(19 * statistics.variance(pulled) / (16 * 15))


def test_few_values_are_not_trimmed() -> None:
    values = [1.0, 2.0, 4.0, 9.0]
    assert trimmed(values) == pytest.approx((4.0, statistics.variance(values) / 4, 3))


@pytest.mark.parametrize(("size", "stalls"), [(8, 0.0), (10, 0.0), (12, 0.04), (30, 0.04)])
def test_a_trimmed_interval_holds_the_middle_and_stalls_do_not_widen_it(size: int, stalls: float) -> None:
    """Differences of two runs, of which either may be held up by a quarter."""
    draw, rounds, held, narrow = random.Random(size), 3000, 0, 0.0
    for _ in range(rounds):
        values = [draw.gauss(0, 0.02) + draw.choice((-0.25, 0.25)) * (draw.random() < stalls) for _ in range(size)]
        mean, variance, freedom = trimmed(values)
        half = t_quantile(0.025, freedom) * math.sqrt(variance)
        held += abs(mean) <= half
        low, high = mean_interval(values)
        narrow += 2 * half / (high - low) / rounds
    assert held / rounds > 0.935
    assert narrow < (0.9 if stalls else 1.2)


@pytest.mark.parametrize(
    ("expected", "done", "spent_s", "budget_s", "told"),
    [(100, 10, 1.0, 60.0, 100), (10**9, 10, 1.0, 6.0, 60), (10**9, 10, 6.0, 6.0, 11), (5, 10, 0.0, 6.0, 11)],
)
def test_no_more_is_foretold_than_the_budget_pays_for(
    expected: int, done: int, spent_s: float, budget_s: float, told: int
) -> None:
    assert affordable(expected, done, spent_s, budget_s) == told
