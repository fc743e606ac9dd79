"""Divergences against another implementation, by hand, from the most likely tokens alone, and in bounded memory."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.probes.quality import independent
from workbench.probes.quality.distributions import Kept, Rows, compare, kept
from workbench.probes.quality.logits import CHUNK_BYTES, chunk_of

pytestmark = pytest.mark.model

VOCABULARY = 997


def random_logits(seed: int, positions: int = 64, spread: float = 3.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return spread * torch.randn(positions, VOCABULARY, generator=generator)


def moved(logits: torch.Tensor, by: float, seed: int = 1) -> torch.Tensor:
    return logits + by * torch.randn(logits.shape, generator=torch.Generator().manual_seed(seed))


def targets_of(logits: torch.Tensor) -> torch.Tensor:
    return torch.randint(logits.shape[1], (len(logits),), generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("by", [0.01, 0.3, 3.0])
@pytest.mark.parametrize("spread", [0.5, 3.0, 8.0])
def test_kld_is_that_of_another_implementation(by: float, spread: float) -> None:
    reference = random_logits(0, spread=spread)
    candidate, targets = moved(reference, by), targets_of(reference)
    stored = kept(reference, targets, 0)
    unrounded = replace(stored, logp=reference.log_softmax(-1))
    rows = compare(candidate, unrounded, targets)
    ours, theirs = reference.double().numpy(), candidate.double().numpy()
    truth = independent.kld(ours, theirs)
    assert rows.kld.numpy() == pytest.approx(truth, rel=1e-4, abs=2e-6)
    in_16_bits = compare(candidate, stored, targets).kld
    assert in_16_bits.numpy() == pytest.approx(truth, rel=1e-2, abs=5e-5)
    assert in_16_bits.mean().item() == pytest.approx(truth.mean(), rel=1e-3, abs=1e-5)
    at = np.arange(len(targets)), targets.numpy()
    assert (-rows.nll).numpy() == pytest.approx(independent.log_softmax(theirs)[at], abs=1e-5)
    assert (-rows.nll_reference).numpy() == pytest.approx(independent.log_softmax(ours)[at], abs=1e-5)
    assert rows.same.numpy().tolist() == (ours.argmax(-1) == theirs.argmax(-1)).tolist()


def test_by_hand() -> None:
    # p = (1/2, 1/4, 1/4), q = (1/4, 1/2, 1/4): Σ p ln(p/q) = 1/2 ln 2 − 1/4 ln 2
    p, q = torch.tensor([[0.5, 0.25, 0.25]]).log(), torch.tensor([[0.25, 0.5, 0.25]]).log()
    rows = compare(q, kept(p, torch.tensor([0]), 0), torch.tensor([0]))
    assert rows.kld.item() == pytest.approx(math.log(2) / 4, abs=1e-4)
    assert rows.nll.item() == pytest.approx(math.log(4), abs=1e-6)
    assert rows.nll_reference.item() == pytest.approx(math.log(2), abs=1e-6)
    assert not rows.same.item()


def test_the_same_distribution_is_no_difference() -> None:
    logits = random_logits(3)
    rows = compare(logits, kept(logits, None, 0), None)
    assert rows.kld.max().item() < 1e-5  # storing in 16 bits
    assert bool(rows.same.all())
    assert not rows.bound.any()


@given(st.integers(0, 10_000), st.sampled_from([16, 64, 256]), st.floats(0.01, 2.0), st.floats(0.5, 6.0))
def test_the_most_likely_tokens_alone_hide_no_more_than_the_bound(
    seed: int, most: int, by: float, spread: float
) -> None:
    reference = random_logits(seed, positions=8, spread=spread)
    candidate = moved(reference, by, seed + 1)
    truth = independent.kld(reference.double().numpy(), candidate.double().numpy())
    rows = compare(candidate, kept(reference, None, most), None)
    rounding = 5e-4 * truth + 2e-4
    assert bool((rows.kld.numpy() <= truth + rounding).all())  # a lower bound
    assert bool((truth <= (rows.kld + rows.bound).numpy() + rounding).all())


def test_keeping_more_hides_less() -> None:
    reference = random_logits(5)
    candidate = moved(reference, 0.5)
    bounds = [compare(candidate, kept(reference, None, most), None).bound.mean().item() for most in (16, 128, 900)]
    assert bounds[0] > bounds[1] > bounds[2] > 0
    assert bounds[2] < 0.01 * bounds[0]


def test_targets_are_exact_whatever_is_kept() -> None:
    logits = random_logits(6)
    targets = logits.argmin(-1)  # never among the most likely
    whole, few = (kept(logits, targets, most) for most in (0, 16))
    assert torch.equal(whole.target_logp, few.target_logp)
    assert torch.equal(whole.top, few.top)
    assert few.tail == pytest.approx(1 - logits.softmax(-1).topk(16).values.sum(-1), abs=1e-5)


@pytest.mark.parametrize("most", [0, 16])
@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_named_and_in_no_number(most: int, broken: float) -> None:
    reference, candidate = random_logits(7), moved(random_logits(7), 0.1)
    reference[2, 5], candidate[9, 0] = broken, broken
    rows = compare(candidate, kept(reference, None, most), None)
    assert rows.bad.nonzero()[:, 0].tolist() == [2, 9]
    assert all(bool(torch.isfinite(column).all()) for column in (rows.kld, rows.bound, rows.nll))


def test_rows_and_kept_join_in_order() -> None:
    logits, candidate = random_logits(8), moved(random_logits(8), 0.2)
    whole = compare(candidate, kept(logits, None, 16), None)
    parts = [kept(logits[start : start + 20], None, 16) for start in range(0, 64, 20)]
    joined = Kept.join(parts)
    assert torch.equal(compare(candidate, joined, None).kld, whole.kld)
    pieces = Rows.join([compare(candidate[:30], joined[:30], None), compare(candidate[30:], joined[30:], None)])
    assert torch.equal(pieces.kld, whole.kld)


@pytest.mark.parametrize("most", [0, 4096])
def test_a_chunk_of_a_large_vocabulary_stays_small(most: int) -> None:
    vocabulary = 102_400
    positions = chunk_of(vocabulary)
    logits = torch.randn(positions, vocabulary)
    with torch.profiler.profile(profile_memory=True) as profiler:
        rows = compare(logits, kept(logits, None, most), None)
    assert len(rows) == positions
    assert peak_bytes(profiler) < 12 * CHUNK_BYTES < 2**29


def peak_bytes(profiler: torch.profiler.profile) -> int:
    """Of tensors at once: the allocator's events in time order."""
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak
