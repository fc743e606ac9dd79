"""Routed experts: what transformers' ways of computing them do on this device, and the bytes that a step touches."""

from typing import Any, Literal

from workbench.results.base import Interval, Result
from workbench.results.limits import RoutedExperts
from workbench.results.resolved import Resolved
from workbench.results.workload import Workload
from workbench.words import Message


class ExpertsWay(Result):
    """One implementation of the experts, by transformers' own word for it.

    prefill, decode  what was in force there, read back: on a GPU transformers decodes by batched_mm where grouped_mm
                     is set
    same_tokens      new tokens of the first row that are as eager's, from the first on; of random weights, later ones
                     may differ by rounding alone
    ci95             metric -> 95 % interval over the repeats
    problem          why it could not run; nothing was measured then
    """

    name: str
    prefill: str | None = None
    decode: str | None = None
    decode_tps: float | None = None
    prefill_tps: float | None = None
    ci95: dict[str, Interval] = {}
    same_tokens: int | None = None
    repeats: int = 0
    problem: str | None = None


class Experts(Result):
    """All ways, their repeats interleaved. No verdict: intervals beside each other.

    by_default    what the loaded model had, put back afterwards
    weight_bytes  of all weights that a step would read if every expert were chosen
    routed        experts that the rows chose at prefill and in the steps of a run, counted
    step_bytes    that a step reads by that count, KV cache included (see `workbench.limits`); None: not known
    cache_bytes   of the KV cache at the end of a run, counted
    """

    workload: Workload
    config: dict[str, Any]
    resolved: Resolved
    by_default: str
    ways: tuple[ExpertsWay, ...]
    weight_bytes: int
    routed: RoutedExperts | None = None
    step_bytes: float | None
    cache_bytes: int
    stopped_by: Literal["rounds", "budget"]
    flags: tuple[Message, ...] = ()
