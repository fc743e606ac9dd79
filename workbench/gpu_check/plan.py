"""What a section of the GPU check works by: where it runs, how long it may take, and how it counts its parts."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.config import Config
from workbench.errors import WorkbenchError
from workbench.knobs import KNOBS, Choice, refusals
from workbench.results import Machine, ModelFacts
from workbench.words import text

LIMIT_S = 240.0
# what torch, transformers, a driver or a full disk raise; anything else is a bug of ours and ends the check
CONTAINED = (WorkbenchError, RuntimeError, OSError, ValueError, ImportError, MemoryError)


@dataclass(frozen=True)
class Plan:
    """`device`: cuda or cpu; `model`: measured instead of the section's own choice; `ends_s`: on time.monotonic()."""

    machine: Machine
    device: str
    model: str | None = None
    budget_s: float = 60.0
    limit_s: float = LIMIT_S
    ends_s: float = math.inf

    @property
    def left_s(self) -> float:
        return max(self.ends_s - time.monotonic(), 0.0)

    def models(self, slugs: Sequence[str]) -> list[str]:
        """Random models of these catalogue slugs: a few layers of the real size on a GPU, tiny on a CPU."""
        return [f"random:{slug}?{'layers=4' if self.device == 'cuda' else 'scale=tiny&layers=2'}" for slug in slugs]

    def values(self, knob: str) -> list[str]:
        """Every listed value of a choice, and those that this machine's libraries name beside them."""
        kind = KNOBS[knob].kind
        assert isinstance(kind, Choice)
        return list(dict.fromkeys((*kind.values, *KNOBS[knob].offered(self.machine))))


@dataclass
class Findings:
    """The parts of one section: what was found, what was left out and why, what failed."""

    plan: Plan
    rows: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)

    def each(self, parts: Iterable[tuple[str, Callable[[], dict[str, Any] | None]]]) -> None:
        """Runs the named parts one by one while there is time; a failure is one part's own."""
        for name, run in parts:
            if self.plan.left_s <= 0:
                self.skip(name, text("gpu.no_time", seconds=round(self.plan.limit_s)))
                continue
            began = time.perf_counter()
            try:
                found = run()
            except CONTAINED as problem:
                self.failed.append({"what": name, "why": f"{type(problem).__name__}: {problem}"})
                continue
            if found is not None:
                self.rows.append({"part": name, **found, "seconds": time.perf_counter() - began})

    def skip(self, what: str, why: str) -> None:
        self.skipped.append({"what": what, "why": why})

    def possible(self, config: Config, facts: ModelFacts | None, what: str) -> bool:
        """Whether this machine and model can do `config`; what cannot be done is named with its reason."""
        if self.plan.device == "cpu" and config.attention == "flex_attention":
            self.skip(what, text("gpu.flex_on_cpu"))
            return False
        for knob, capability in refusals(config, self.plan.machine, facts).items():
            self.skip(what, f"{knob}: {capability.reason}")
            return False
        return True

    def to_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "skipped": self.skipped, "failed": self.failed}
