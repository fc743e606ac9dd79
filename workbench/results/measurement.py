"""One measurement of speed and memory, with intervals."""

from typing import Self

from workbench.results.base import Interval, Result
from workbench.results.compiled import CompileReport
from workbench.results.device import DeviceWindow, RunConditions
from workbench.results.limits import Phase, PhaseWork, RoutedExperts
from workbench.results.resolved import TRANSFORMERS_LOOP, Resolved
from workbench.results.workload import Workload
from workbench.words import Message


class Latencies(Result):
    """Percentiles of the gaps between successive new tokens, seconds. p99 only from at least 100 gaps."""

    p50: float
    p90: float
    p99: float | None
    n: int


class WarmUp(Result):
    """The runs before the samples: first call apart, because it pays for page-in, autotuning and compilation.

    compiled            what torch.compile made of the decode step, where the compiled loop ran
    compile_s           seconds of it that this warm-up paid for: 0 when it was compiled before
    uncompiled_tpot_s   time per output token of a short run without compiling, for the break-even
    """

    first_call_s: float
    runs: int
    compiled: CompileReport | None = None
    compile_s: float = 0.0
    uncompiled_tpot_s: float | None = None


class Measurement(Result):
    """Means over `repeats` runs of the same work; definitions in `workbench.metrics`.

    ttft_s, tpot_s, e2e_s   seconds
    itl_s                   percentiles of inter-token latency, seconds
    decode_tps, prefill_tps tokens per second, all rows together
    peak_bytes              highest memory during the runs; `peak_method` says how it was read
    kv_cache_bytes          device -> bytes that the KV cache held at the end of a run
    ci95                    metric -> (low, high), from the repeats
    samples                 metric -> one value per repeat, in order
    token_ids               new tokens of the first row, the same in every repeat: an exported check finds them again
    own_share               the measuring code's own thread time ÷ wall time of a token
    decode_limit_share      achieved bytes/s ÷ measured copy bandwidth; None while that is not measured, and with drafts
    prefill_limit_share     achieved FLOP/s ÷ measured rate of products in the format in force; None: not measured
    work                    phase -> what it must at least do (`workbench.limits`), for the shares and the roofline
    routed                  experts that the rows chose, counted in the warm-up; None: dense, or not counted
    compile_s               seconds that compiling this decode loop took, whenever it was; None: it is not compiled
    break_even_tokens       new tokens after which compiling has paid for itself; None: unknown, or never
    set_aside               runs in which the device was held below its speed; they were repeated
    conditions              clocks, temperature and power cap of the runs that count, and what held them back
    device                  the whole stretch as the sampler saw it from outside
    stopped_by              "precision" or "budget": why no more repeats were taken
    """

    ttft_s: float
    tpot_s: float
    itl_s: Latencies
    decode_tps: float
    prefill_tps: float
    e2e_s: float
    peak_bytes: int
    kv_cache_bytes: dict[str, int] = {}
    peak_method: str
    ci95: dict[str, Interval]
    samples: dict[str, tuple[float, ...]]
    repeats: int
    warm_up: WarmUp
    token_ids: tuple[int, ...] = ()
    own_share: float
    decode_limit_share: float | None = None
    prefill_limit_share: float | None = None
    work: dict[Phase, PhaseWork] = {}
    routed: RoutedExperts | None = None
    cpu_busy_elsewhere: float | None = None  # cores used by other processes during the runs
    compile_s: float | None = None
    break_even_tokens: int | None = None
    set_aside: int = 0
    conditions: RunConditions = RunConditions()
    device: DeviceWindow | None = None
    stopped_by: str
    loop: str = TRANSFORMERS_LOOP
    workload: Workload
    resolved: Resolved
    flags: tuple[Message, ...] = ()

    def flagged(self, flag: Message) -> Self:
        """The same with one flag more."""
        return self.model_copy(update={"flags": (*self.flags, flag)})
