"""What bounds a phase: the work that it cannot do without, over what the device reaches by itself."""

from typing import Any, Literal

from workbench.results.base import Interval, Result
from workbench.results.ceilings import Ceilings
from workbench.results.resolved import Resolved
from workbench.results.workload import Workload
from workbench.words import Message, text

Phase = Literal["prefill", "decode"]
Bound = Literal["memory", "compute", "launches"]


class RoutedExperts(Result):
    """Distinct routed experts that the rows of a pass chose together, counted by hooks on the routers of a run.

    layers           that route; per_layer: experts of each
    prefill, decode  mean of the layers (and steps); decode None: no step was counted
    steps            decode steps counted
    """

    layers: int
    per_layer: int
    prefill: float
    decode: float | None
    steps: int

    def share(self, phase: Phase) -> float | None:
        """Of all routed experts, those that such a pass reads."""
        distinct = self.prefill if phase == "prefill" else self.decode
        return None if distinct is None else distinct / self.per_layer


class PhaseWork(Result):
    """What a prefill, or one decode step in the middle of the answer, must at least do; all rows together.

    tokens           taken in (prefill: rows × prompt tokens) or given (decode: rows)
    weight_bytes     of weights read, each once; None: not known for this architecture
    kv_bytes         of the KV cache: written by prefill, read by a decode step
    weight_flops     products with weights; None: not known for this architecture
    attention_flops  scores and sums of values over what causal attention sees
    sources          where each count comes from
    """

    tokens: int
    weight_bytes: float | None
    kv_bytes: float
    weight_flops: float | None
    attention_flops: float
    sources: tuple[Message, ...] = ()

    @property
    def bytes(self) -> float | None:
        return None if self.weight_bytes is None else self.weight_bytes + self.kv_bytes

    @property
    def flops(self) -> float | None:
        return None if self.weight_flops is None else self.weight_flops + self.attention_flops

    @property
    def intensity(self) -> float | None:
        """FLOP per byte."""
        return None if self.flops is None or self.bytes is None else self.flops / self.bytes


class Floor(Result):
    """The least seconds that one kind of work takes: `amount` ÷ `rate`.

    bound    memory (bytes), compute (FLOP) or launches (operations)
    rate     measured on this device, per second
    seconds  None: amount or rate is not known, and `missing` says which
    ci95     of the seconds, from the interval of the rate; None: not known
    source   what the amount and the rate are
    """

    bound: Bound
    amount: float | None
    rate: float | None
    seconds: float | None
    ci95: Interval | None = None
    source: Message
    missing: Message | None = None


class PhaseLimit(Result):
    """The floors of one phase. They may overlap in time, so that the longest of them is the phase's own."""

    phase: Phase
    work: PhaseWork
    floors: tuple[Floor, ...]

    def floor(self, bound: Bound) -> Floor:
        return next(floor for floor in self.floors if floor.bound == bound)

    @property
    def binding(self) -> Floor | None:
        """The longest floor; None: none is known."""
        known = [floor for floor in self.floors if floor.seconds is not None]
        return max(known, key=lambda floor: floor.seconds or 0.0, default=None)

    def tps(self, bound: Bound | None = None) -> float | None:
        """Tokens per second, all rows together, that this floor (default: the longest) allows."""
        floor = self.binding if bound is None else self.floor(bound)
        return self.work.tokens / floor.seconds if floor is not None and floor.seconds else None

    def share(self, bound: Bound, seconds: float) -> float | None:
        """Of a phase that took `seconds`: floor ÷ seconds."""
        floor = self.floor(bound)
        return None if floor.seconds is None else floor.seconds / seconds


class LimitPoint(Result):
    """One measured phase in the roofline: `flops_per_s` at `intensity` FLOP per byte.

    tokens_per_s  measured; share: of what the roofs allow at this intensity, None where a roof is not known
    ci95          of flops_per_s
    of            run, or scan
    """

    phase: Phase
    of: Literal["run", "scan"]
    label: str
    batch_size: int
    prompt_tokens: int
    tokens_per_s: float
    intensity: float
    flops_per_s: float
    ci95: Interval | None = None
    share: float | None = None

    @property
    def words(self) -> str:
        """run 1: 256 prompt tokens, batch 1."""
        code = f"limits.point.{self.of}"
        return text(code, label=self.label, prompt=self.prompt_tokens, batch=self.batch_size)


class Limits(Result):
    """How fast this model can be here at the most, and how near the runs of this session came.

    format    of products in force; the roof over `points` is that of its rate
    ceilings  what the device reached by itself
    left_out  runs of the session under other threads or on another device, which have other roofs
    """

    device: str
    threads: int | None
    format: str
    workload: Workload
    config: dict[str, Any]
    resolved: Resolved
    prefill: PhaseLimit
    decode: PhaseLimit
    ceilings: Ceilings
    points: tuple[LimitPoint, ...] = ()
    left_out: int = 0
    flags: tuple[Message, ...] = ()

    @property
    def phases(self) -> tuple[PhaseLimit, PhaseLimit]:
        return self.prefill, self.decode
