"""What a sweep is asked, and what it knows so far, by arm."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from workbench.config import Config
from workbench.constraints import Limit
from workbench.errors import OutOfMemory, WorkbenchError
from workbench.results import QualityDiff, SweepQuality, SweepRun, Workload
from workbench.sweep.rules import Rules
from workbench.words import Message, say
from workbench.words.format import size


@dataclass(frozen=True)
class Task:
    """What is asked. `points`: the base line first."""

    points: tuple[Config, ...]
    groups: tuple[int, ...]
    together: frozenset[tuple[int, int]]
    base_enters: bool
    workload: Workload
    objective: str
    limits: tuple[Limit, ...]
    rules: Rules
    suite: str | Path = "short"
    budget_s: float | None = None
    energy: bool = False  # whether rounds measure it


@dataclass
class State:
    """What is known so far, by arm."""

    runs: dict[int, list[SweepRun]] = field(default_factory=dict)
    peaks: dict[int, int] = field(default_factory=dict)
    out: dict[int, tuple[str, Message]] = field(default_factory=dict)  # state, why
    quality: dict[int, SweepQuality] = field(default_factory=dict)
    deaths: Counter[int] = field(default_factory=Counter)
    reused: int = 0
    busy: list[float] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(map(len, self.runs.values()))

    def broken(self, arm: int, limits: Sequence[Limit]) -> dict[str, float]:
        """Limits that it breaks by what was measured, and by which share of them."""
        found = {}
        for limit in limits:
            if limit.of_quality:
                values = [getattr(self.quality[arm], limit.metric)] if arm in self.quality else []
            else:
                values = self.values(arm, limit.metric)
            known = [value for value in values if value is not None]
            if known and (excess := limit.excess(fmean(known))):
                found[limit.metric] = excess
        return found

    def values(self, arm: int, metric: str) -> list[float]:
        if metric == "peak_bytes":
            return [float(self.peaks[arm])] * len(self.runs.get(arm, ())) if arm in self.peaks else []
        return [each.run[metric] for each in self.runs.get(arm, ()) if metric in each.run]


def memory_told(error: OutOfMemory) -> Message:
    """What did not fit, in bytes where the refusal told them."""
    said = error.params
    asked, free = said.get("asked_bytes"), said.get("left_bytes", said.get("free_bytes"))
    if asked is None or free is None:
        return say("sweep.why.failed", problem=error.what, why=error.why)
    held = said.get("held_bytes", said.get("allocated_bytes")) or 0
    return say("sweep.why.memory", needed=size(held + asked), available=size(held + free))


def told(error: WorkbenchError) -> Message:
    return say("sweep.why.failed", problem=error.what, why=error.why)


def quality_of(found: QualityDiff) -> SweepQuality:
    return SweepQuality(
        kld_mean=found.kld_mean, kld_mean_ci95=found.kld_mean_ci95, same_top=found.same_top, ppl_ratio=found.ppl_ratio
    )


def brief(config: Config) -> str:
    return repr(config).removeprefix("Config(").removesuffix(")") or "Config()"
