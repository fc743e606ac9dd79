"""The block of statistics against an implementation of its own, and its intervals against what they promise."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.probes.quality import independent
from workbench.probes.quality import bootstrap
from workbench.probes.quality.bootstrap import BLOCK, Resamples, blocks_of
from workbench.probes.quality.distributions import Rows, compare, kept
from workbench.probes.quality.statistics import spread, statistics
from workbench.results import PERCENTILES

pytestmark = pytest.mark.model


def case(seed: int, positions: int = 1200) -> tuple[Rows, dict[str, float]]:
    generator = torch.Generator().manual_seed(seed)
    reference = 3 * torch.randn(positions, 101, generator=generator)
    candidate = reference + 0.4 * torch.randn(positions, 101, generator=generator)
    targets = torch.randint(101, (positions,), generator=generator)
    stored = kept(reference, targets, 0)
    truth = independent.statistics(reference.double().numpy(), candidate.double().numpy(), targets.numpy())
    return compare(candidate, stored, targets), truth


def test_every_number_is_that_of_another_implementation() -> None:
    rows, truth = case(0)
    found = statistics(rows, [600, 600])
    assert found is not None
    assert found.perplexity is not None
    assert found.delta_p is not None
    assert found.positions == 1200
    ours = {
        "ppl": found.perplexity.value,
        "ppl_reference": found.perplexity.reference,
        "correlation": found.perplexity.correlation,
        "ln_ratio": found.perplexity.ln_ratio,
        "ratio": found.perplexity.ratio,
        "difference": found.perplexity.difference,
        "delta_p": found.delta_p.mean,
        "delta_p_rms": found.delta_p.rms,
        "same_top": found.same_top,
    }
    assert ours == pytest.approx({name: truth[name] for name in ours}, rel=1e-5, abs=1e-7)
    assert found.kld.mean == pytest.approx(truth["kld"], rel=1e-3)
    assert sum(found.kld.by_block) / found.positions == pytest.approx(found.kld.mean)
    assert len(found.kld.by_block) == found.blocks


def test_intervals_of_independent_positions_are_the_paired_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    # what llama.cpp prints: √(σq² + σb² − 2cov) for ln PPL(q)/PPL(base), and the standard error for KLD
    monkeypatch.setattr(bootstrap, "BLOCK", 1)
    rows, truth = case(1, positions=3000)
    found = statistics(rows, [3000])
    assert found is not None
    assert found.perplexity is not None
    for (low, high), error in (
        (found.perplexity.ln_ratio_ci95, truth["ln_ratio_error"]),
        (found.kld.mean_ci95, truth["kld_error"]),
    ):
        assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.08)
    assert found.same_top_ci95[0] < found.same_top < found.same_top_ci95[1] <= 1


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=1500))
def test_percentiles_are_numpys(values: list[float]) -> None:
    found = spread(torch.tensor(values, dtype=torch.float64))
    assert list(found) == [name for name in PERCENTILES if name in found]
    shares = {"max": 100.0, "min": 0.0}
    for name, value in found.items():
        percent = shares[name] if name in shares else float(name)
        assert value == pytest.approx(np.percentile(values, percent), abs=1e-9)


@pytest.mark.parametrize(("positions", "left_out"), [(1000, set()), (999, {"99.9"}), (99, {"99.9", "99", "1"})])
def test_no_percentile_from_too_few_positions(positions: int, left_out: set[str]) -> None:
    assert set(PERCENTILES) - set(spread(torch.arange(positions, dtype=torch.float64))) == left_out


def test_bad_positions_are_counted_and_in_no_mean() -> None:
    rows, _truth = case(2, positions=200)
    clean = statistics(rows[torch.arange(200) >= 20], [100, 80])
    rows.bad[:20] = True
    rows.kld[:20] = 1e9
    found = statistics(rows, [120, 80])
    assert found is not None
    assert clean is not None
    assert found.bad_positions == 20
    assert found.model_copy(update={"bad_positions": 0}) == clean


def test_nothing_good_is_no_statistics() -> None:
    rows, _truth = case(3, positions=30)
    rows.bad[:] = True
    assert statistics(rows, [30]) is None


def test_without_next_tokens_there_is_no_perplexity() -> None:
    rows, _truth = case(4, positions=64)
    found = statistics(rows, [64], targets=False)
    assert found is not None
    assert found.perplexity is None
    assert found.delta_p is None


def test_the_same_numbers_give_the_same_intervals() -> None:
    rows, _truth = case(5, positions=300)
    assert statistics(rows, [300]) == statistics(rows, [300])


@given(st.lists(st.integers(1, 200), min_size=1, max_size=8))
def test_blocks_stay_within_their_text(lengths: list[int]) -> None:
    block = blocks_of(lengths)
    assert len(block) == sum(lengths)
    assert block[0] == 0
    assert set((block[1:] - block[:-1]).tolist()) <= {0, 1}
    owner = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    for number in range(int(block.max()) + 1):
        assert len(set(owner[block == number].tolist())) == 1
        assert int((block == number).sum()) <= BLOCK + BLOCK // 2


def test_one_position_has_no_interval() -> None:
    drawn = Resamples(torch.ones(1, 1, dtype=torch.float64), [1])
    assert drawn.interval(lambda mean: mean[0]) == (-math.inf, math.inf)


def coverage(neighbours: float, block: int, trials: int, monkeypatch: pytest.MonkeyPatch) -> float:
    """How often the interval of a mean of 256 positions holds the truth; log-normal, as KLD over a text nearly is."""
    monkeypatch.setattr(bootstrap, "BLOCK", block)
    generator = torch.Generator().manual_seed(0)
    hits = 0
    noise = torch.randn(trials, 256, generator=generator, dtype=torch.float64)
    series = noise.clone()
    for position in range(1, 256):
        fresh = math.sqrt(1 - neighbours**2) * noise[:, position]
        series[:, position] = neighbours * series[:, position - 1] + fresh
    for trial, values in enumerate(series.exp()):
        low, high = Resamples(values[:, None], [256], seed=trial).interval(lambda mean: mean[0])
        hits += low <= math.exp(0.5) <= high
    return hits / trials


def test_intervals_hold_what_they_promise_although_neighbours_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    assert coverage(0.5, BLOCK, 300, monkeypatch) > 0.89  # of 95 %: 16 blocks of a skewed thing
    assert coverage(0.5, 1, 60, monkeypatch) < 0.87  # what taking positions as independent would promise
