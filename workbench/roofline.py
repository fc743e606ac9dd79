"""Measured phases under the roofs of bandwidth and products: where each run lies, and what bounds it there.

Williams, Waterman, Patterson 2009, Roofline, doi 10.1145/1498765.1498785.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from workbench.limits import product_rate
from workbench.results import (
    Ceilings,
    LimitPoint,
    Measurement,
    Phase,
    PhaseWork,
    Resolved,
    Scan,
    Workload,
    ceiling_key,
)


@dataclass(frozen=True)
class _Run:
    """What a measured run brings into the roofline."""

    of: Literal["run", "scan"]
    label: str
    workload: Workload
    work: Mapping[Phase, PhaseWork]
    mean: Mapping[str, float]
    ci95: Mapping[str, tuple[float, float]]
    resolved: Resolved


def points_of(
    measurements: Iterable[Measurement], scan: Scan | None, ceilings: Ceilings
) -> tuple[tuple[LimitPoint, ...], int]:
    """Measured phases under these roofs, and how many runs have other roofs (device, threads) and are left out."""
    points: list[LimitPoint] = []
    left_out = 0
    for number, taken in enumerate(measurements, 1):
        if ceilings.key != _key(taken.resolved):
            left_out += 1
            continue
        speeds = {"prefill_tps": taken.prefill_tps, "decode_tps": taken.decode_tps}
        run = _Run("run", str(number), taken.workload, taken.work, speeds, taken.ci95, taken.resolved)
        points += _points(run, ceilings)
    for place in scan.points if scan else ():
        assert scan is not None
        if ceilings.key != _key(place.resolved):
            left_out += 1
            continue
        label = " ".join(part for part in (scan.lines[place.line].label, f"{scan.parameter} {place.value}") if part)
        workload = place.workload or scan.workload
        points += _points(_Run("scan", label, workload, place.work, place.mean, place.ci95, place.resolved), ceilings)
    return tuple(points), left_out


def roof(ceilings: Ceilings, resolved: Resolved, intensity: float) -> float | None:
    """FLOP/s that bandwidth and products allow at so many FLOP per byte; None where one was not measured."""
    rate = product_rate(ceilings, resolved)
    if ceilings.bandwidth is None or rate is None or rate.flops_per_s is None:
        return None
    return min(intensity * ceilings.bandwidth.bytes_per_s, rate.flops_per_s)


def _points(run: _Run, ceilings: Ceilings) -> list[LimitPoint]:
    found = []
    for phase, one in run.work.items():
        flops, intensity = one.flops, one.intensity
        # with drafts a step may bring several tokens: what it did at the least is not known from its rate
        if flops is None or intensity is None or (phase == "decode" and run.resolved.speculation != "off"):
            continue
        each, metric = flops / one.tokens, f"{phase}_tps"  # FLOP of a token
        bounds, top = run.ci95.get(metric), roof(ceilings, run.resolved, intensity)
        found.append(
            LimitPoint(
                phase=phase,
                of=run.of,
                label=run.label,
                batch_size=run.workload.batch_size,
                prompt_tokens=run.workload.prompt_tokens,
                tokens_per_s=run.mean[metric],
                intensity=intensity,
                flops_per_s=each * run.mean[metric],
                ci95=(each * bounds[0], each * bounds[1]) if bounds and math.isfinite(bounds[1]) else None,
                share=each * run.mean[metric] / top if top else None,
            )
        )
    return found


def _key(resolved: Resolved) -> str:
    return ceiling_key(resolved.device, resolved.threads)
