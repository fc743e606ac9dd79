"""llama.cpp's block of statistics (tools/perplexity/perplexity.cpp) from positions, with intervals of our own."""

from collections.abc import Sequence

import torch

from workbench.probes.quality.bootstrap import Resamples
from workbench.probes.quality.distributions import Rows
from workbench.results import PERCENTILES, DeltaP, Interval, Kld, Perplexity, Statistics

# percentile -> positions from which it is more than the extreme itself
_ENOUGH = {"99.9": 1000, "99": 100, "1": 100, "95": 20, "5": 20, "90": 10, "10": 10}


def statistics(rows: Rows, lengths: Sequence[int], *, targets: bool = True) -> Statistics | None:
    """Of `rows`, which come from texts of these lengths, in order; None when no position is good.

    targets  whether the rows know the text's own next token, without which there is no perplexity and no Δp
    """
    good = ~rows.bad
    bad = int(rows.bad.sum())
    if bad == len(rows):
        return None
    ends = torch.tensor(lengths).cumsum(0)
    lengths = [int(part.sum()) for part in torch.tensor_split(good, ends[:-1])]
    rows = rows[good]
    p, p_reference = (-rows.nll).exp(), (-rows.nll_reference).exp()
    delta = p - p_reference
    columns = torch.stack([rows.kld, rows.same.double(), rows.nll, rows.nll_reference, delta, delta.square()], dim=1)
    drawn = Resamples(columns, lengths)
    means = columns.mean(0)
    return Statistics(
        positions=len(rows),
        blocks=drawn.blocks,
        perplexity=_perplexity(rows, means, drawn) if targets else None,
        kld=Kld(
            mean=means[0].item(),
            mean_ci95=drawn.interval(lambda mean: mean[0]),
            percentiles=spread(rows.kld),
            by_block=tuple(drawn.sums[:, 0].tolist()),
        ),
        delta_p=DeltaP(
            mean=means[4].item(),
            mean_ci95=drawn.interval(lambda mean: mean[4]),
            rms=means[5].sqrt().item(),
            rms_ci95=drawn.interval(lambda mean: mean[5].sqrt()),
            percentiles=spread(delta),
        )
        if targets
        else None,
        same_top=means[1].item(),
        same_top_ci95=_within(drawn.interval(lambda mean: mean[1]), 0.0, 1.0),
        tail_bound=rows.bound.mean().item(),
        bad_positions=bad,
    )


def spread(values: torch.Tensor) -> dict[str, float]:
    """PERCENTILES of `values`, those left out that so few of them cannot tell from the extremes."""
    ordered = values.sort().values
    found = {}
    for name in PERCENTILES:
        share = {"max": 1.0, "min": 0.0}.get(name)
        if share is None:
            if len(ordered) < _ENOUGH.get(name, 1):
                continue
            share = float(name) / 100
        position = share * (len(ordered) - 1)  # interpolated, as numpy does
        below = int(position)
        above = min(below + 1, len(ordered) - 1)
        found[name] = (ordered[below] + (ordered[above] - ordered[below]) * (position - below)).item()
    return found


def _perplexity(rows: Rows, means: torch.Tensor, drawn: Resamples) -> Perplexity:
    nll, nll_reference = means[2], means[3]
    ln_ratio = drawn.interval(lambda mean: mean[2] - mean[3])
    return Perplexity(
        value=nll.exp().item(),
        reference=nll_reference.exp().item(),
        correlation=_correlation(rows.nll, rows.nll_reference),
        ln_ratio=(nll - nll_reference).item(),
        ln_ratio_ci95=ln_ratio,
        ratio=(nll - nll_reference).exp().item(),
        ratio_ci95=drawn.interval(lambda mean: (mean[2] - mean[3]).exp()),
        difference=(nll.exp() - nll_reference.exp()).item(),
        difference_ci95=drawn.interval(lambda mean: mean[2].exp() - mean[3].exp()),
    )


def _correlation(a: torch.Tensor, b: torch.Tensor) -> float | None:
    """Pearson's; None where one of them does not vary."""
    a, b = a - a.mean(), b - b.mean()
    scale = (a.square().sum() * b.square().sum()).sqrt()
    return ((a * b).sum() / scale).item() if scale > 0 else None


def _within(bounds: Interval, low: float, high: float) -> Interval:
    return max(bounds[0], low), min(bounds[1], high)
