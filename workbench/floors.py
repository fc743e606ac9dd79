"""The noise floor that earlier comparisons of the same work saw on this machine: what to expect before the next."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from workbench.results import Comparison, NoiseFloor, Way, Workload
from workbench.runs import Runs

_LOOKED_AT = 50  # the newest comparisons of the model here


@dataclass(frozen=True)
class Remembered:
    """`floor` pools the A/A pairs of `comparisons`; `pair_seconds` is what one pair took in the newest."""

    floor: NoiseFloor
    comparisons: int
    pair_seconds: float


def remembered(runs: Runs, model: str, machine: str, workload: Workload, way: Way) -> Remembered | None:
    """Of `model` on the machine of that label, for the same block of work; None when there is none yet.

    Loads that alternate scatter more than runs that do, so that each of the two is remembered for itself; two engines
    and one run the same blocks. StoreError when the store cannot be read.
    """
    alternating = way == "alternating"
    found: list[Comparison] = []
    for document in runs.filter(kind="comparison", model=model, machine=machine, limit=_LOOKED_AT):
        comparison = _read(document)
        if (
            comparison
            and comparison.floor.spread
            and not comparison.quick
            and not comparison.shared
            and (comparison.way == "alternating") is alternating
            and _same_work(comparison.workload, workload)
        ):
            found.append(comparison)
    if not found:
        return None
    newest = found[0]
    return Remembered(_pooled(found), len(found), newest.seconds / max(newest.pairs + newest.set_aside, 1))


def _pooled(found: list[Comparison]) -> NoiseFloor:
    """Variances averaged by their degrees of freedom."""
    freedom = [comparison.floor.pairs - 1 for comparison in found]
    spread = {
        metric: math.sqrt(
            sum(free * one.floor.spread[metric] ** 2 for free, one in zip(freedom, found, strict=True)) / sum(freedom)
        )
        for metric in set.intersection(*(set(one.floor.spread) for one in found))
    }
    return NoiseFloor(spread=spread, pairs=sum(one.floor.pairs for one in found))


def _same_work(done: Workload, asked: Workload) -> bool:
    """The tokens of given prompts were counted when they were done."""
    return done == (asked if asked.prompts is None else asked.replace(prompt_tokens=done.prompt_tokens))


def _read(document: Mapping[str, Any]) -> Comparison | None:
    try:
        return Comparison.from_dict(document["result"])
    except (ValidationError, KeyError):  # of another version
        return None
