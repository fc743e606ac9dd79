"""What one profile of prefill and a few decode steps showed: kernels, time by category, launches, gaps."""

from pathlib import Path
from typing import Any

from workbench.home import home
from workbench.results.base import Result
from workbench.results.resolved import Resolved
from workbench.results.workload import Workload
from workbench.words import Message, say

PHASES = ("prefill", "decode")
PYTHON, IDLE = "python", "idle"  # beside the categories of `workbench.catalog.kernels`: what no operation accounts for


class KernelUse(Result):
    """One operation (CPU) or kernel (GPU): how often, and its own time in seconds, summed over the phase's steps."""

    name: str
    category: str
    backend: str | None = None
    calls: int
    seconds: float


class CrossingUse(Result):
    """What crossed between two places, or among the ranks, in one forward pass.

    what     weights or states that accelerate moved; else a collective of torch.distributed (all_reduce, all_gather)
    where    the layer or module before which it was; source, target: places. Empty of a collective
    times, bytes, seconds  of one pass; bytes of a collective are those that one rank gives, and its seconds hold the
                           wait for slower ranks
    """

    what: str
    where: str = ""
    source: str = ""
    target: str = ""
    times: float
    bytes: float
    seconds: float


class TracePhase(Result):
    """Prefill, or the decode steps together.

    steps               forward passes in here: 1 of prefill
    seconds             wall time, under the profiler: longer than unobserved
    attention_kernels   names, in the order in which they first ran
    backend             what they are, " + " between several; None: none was recognised
    time_by_category    seconds of all steps; with "python" (CPU: wall time within no operation) or "idle" (GPU: wall
                        time within no kernel)
    launches            kernel launches by the host (GPU), calls into torch from Python (CPU)
    compiled_regions    how often compiled code was entered
    graph_launches      CUDA graphs that the host launched: proof that they ran; each counts as one launch too
    unrecognised        name -> seconds of what the table of kernels does not know
    crossings           between devices or ranks; empty where all is in one place
    """

    steps: int
    seconds: float
    attention_kernels: tuple[str, ...]
    backend: str | None
    time_by_category: dict[str, float]
    launches: int
    gpu_idle_fraction: float | None = None
    compiled_regions: int = 0
    graph_launches: int = 0
    top: tuple[KernelUse, ...] = ()
    unrecognised: dict[str, float] = {}
    crossings: tuple[CrossingUse, ...] = ()

    @property
    def per_step(self) -> dict[str, float]:
        """category -> seconds of one forward pass."""
        return {category: seconds / self.steps for category, seconds in self.time_by_category.items()}

    @property
    def launches_per_step(self) -> float:
        return self.launches / self.steps


class Trace(Result):
    """Times are taken under the profiler: what they are shares of is told, not how fast the model is.

    differences   where what ran is not what was asked, with the reason
    notes         what is worth knowing and contradicts nothing
    warnings      what transformers and torch logged meanwhile, as they wrote it
    artifact      file name in the home's artifacts/ (Chrome trace format, gzip); None: not kept, a note says why
    seconds       what taking the trace cost, warm-up and file included
    """

    prefill: TracePhase
    decode: TracePhase
    device: str
    differences: tuple[Message, ...] = ()
    notes: tuple[Message, ...] = ()
    warnings: tuple[str, ...] = ()
    artifact: str | None = None
    artifact_bytes: int = 0
    seconds: float
    config: dict[str, Any]
    resolved: Resolved
    workload: Workload
    flags: tuple[Message, ...] = ()

    @property
    def phases(self) -> dict[str, TracePhase]:
        return {"prefill": self.prefill, "decode": self.decode}

    @property
    def on_gpu(self) -> bool:
        return not self.device.startswith("cpu")

    @property
    def attention_kernels(self) -> tuple[str, ...]:
        """Of both phases."""
        return tuple(dict.fromkeys(self.prefill.attention_kernels + self.decode.attention_kernels))

    @property
    def backend(self) -> dict[str, str | None]:
        """phase -> which attention ran."""
        return {name: phase.backend for name, phase in self.phases.items()}

    @property
    def time_by_category(self) -> dict[str, dict[str, float]]:
        """phase -> category -> seconds."""
        return {name: phase.time_by_category for name, phase in self.phases.items()}

    @property
    def gpu_idle_fraction(self) -> float | None:
        """Of the decode steps' wall time; None on CPU."""
        return self.decode.gpu_idle_fraction

    @property
    def why_no_gpu_idle(self) -> Message | None:
        return say("trace.no_gpu") if self.gpu_idle_fraction is None else None

    @property
    def launches_per_token(self) -> float:
        """Of one decode step."""
        return self.decode.launches_per_step

    @property
    def path(self) -> Path | None:
        """The file to open in Perfetto (ui.perfetto.dev); None: not kept."""
        return home() / "artifacts" / self.artifact if self.artifact else None

    @property
    def how_to_open(self) -> tuple[Message, ...]:
        """What reads the file and what does not; nothing where none was kept."""
        if self.artifact is None:
            return ()
        return say("trace.open_perfetto", name=self.artifact), say("trace.open_others")


class TraceDiff(Result):
    """b against a.

    gained, lost   phase -> attention kernels that only b has, that only a has
    moved          phase -> category -> seconds of one forward pass, b − a
    seconds        phase -> (a, b), wall time of one forward pass
    launches       per decode step, (a, b)
    reasons        the same in words, the largest first
    """

    gained: dict[str, tuple[str, ...]]
    lost: dict[str, tuple[str, ...]]
    moved: dict[str, dict[str, float]]
    seconds: dict[str, tuple[float, float]]
    launches: tuple[float, float]
    reasons: tuple[Message, ...]
    flags: tuple[Message, ...] = ()
