"""How many distinct experts the rows of each pass chose together, by hooks on the routers while a run goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import fmean
from typing import Any

import torch

from workbench.probes.bench import Bench
from workbench.probes.quality.routing import choices, gates
from workbench.results import RoutedExperts


class Routed:
    """Counts of one run: a list for each layer that routes, one number a pass, prefill first."""

    def __init__(self, per_layer: int) -> None:
        self._per_layer = per_layer
        self._counts: dict[str, list[int]] = {}

    def add(self, layer: str, chosen: torch.Tensor) -> None:
        """chosen: [token, k]."""
        self._counts.setdefault(layer, []).append(torch.unique(chosen).numel())

    def found(self) -> RoutedExperts | None:
        """None where nothing routed, or layers saw different numbers of passes."""
        counts = list(self._counts.values())
        if not counts or len({len(each) for each in counts}) != 1:
            return None
        steps = [count for each in counts for count in each[1:]]
        return RoutedExperts(
            layers=len(counts),
            per_layer=self._per_layer,
            prefill=fmean(each[0] for each in counts),
            decode=fmean(steps) if steps else None,
            steps=len(counts[0]) - 1,
        )


@contextmanager
def counted(bench: Bench) -> Iterator[Routed]:
    """Within it one run is counted; the hooks cost time, so that no sample is taken there.

    Nothing is counted of a dense model, of compiled code, which hooks would break, and with drafts, whose passes are
    no steps.
    """
    routed = Routed(int(bench.facts.config.get("n_routed_experts") or 0))
    plain = bench.config["compile"] == "off" and bench.config["speculation"] == "off"
    found = gates(bench.model) if plain else {}

    def watch(name: str) -> Any:
        return lambda _module, _inputs, output: routed.add(name, choices(output))

    handles = [module.register_forward_hook(watch(name)) for name, module in found.items()]
    try:
        yield routed
    finally:
        for handle in handles:
            handle.remove()
