"""What a session says of itself as a guide: why it is slow, what a change really gains; and its place, lent."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from workbench.advising import advise, try_out
from workbench.bench import Bench
from workbench.config import Config
from workbench.jobs import Jobs
from workbench.lending import Work, lend
from workbench.pasted import Pasted
from workbench.quick_check import quick_check
from workbench.reporting import report
from workbench.results import Workload
from workbench.results.advice import Advice, Cure, Finding, QuickCheck

# operation -> what does it, given the bench, the job's number and the arguments of the method of that name
GUIDANCE: Mapping[str, Callable[..., Any]] = {
    "advise": advise,
    "try_out": try_out,
    "quick_check": quick_check,
    "lend": lend,
    "report": report,
}


class Guiding:
    """Methods of a session, in a file of their own."""

    _bench: Bench
    _jobs: Jobs
    submit: Callable[..., Future[Any]]

    def advise(self, workload: Workload | None = None, *, budget_s: float = 5.0) -> list[Finding]:
        """Why `workload` (default: the last that was measured, else preset "quick") is slow here, the worst first.

        Each finding has its evidence, the change that would cure it, and the gain to expect, computed from this
        session's own limits and trace, or None for unknown. Measures (for `budget_s` seconds) and traces where that
        was not done for this configuration and workload. `.last["advice"]` has all of it, also which rules looked.
        """
        found: Advice = self._jobs.wait(self.submit("advise", workload, budget_s=budget_s))
        return list(found.findings)

    def try_out(
        self, finding: Finding, workload: Workload | None = None, *, budget_s: float = 30.0, keep: bool = True
    ) -> Cure:
        """Applies a finding's change and measures it against what was in force, in turns: expected and got.

        It stays in force unless it is seen to be worse; `keep=False` puts back what was in force, whatever came of it.
        ConfigError for a finding without a change.
        """
        result: Cure = self._jobs.wait(self.submit("try_out", finding, workload, budget_s=budget_s, keep=keep))
        return result

    def quick_check(self, workload: Workload | None = None, *, budget_s: float = 150.0) -> QuickCheck:
        """What ran, how far it is from its limit, and the biggest causes tried, in `budget_s` seconds after the load.

        Each cause that a knob cures is measured against what is in force, which is in force again afterwards: apply
        what pleases with `session.apply(**cure.finding.change)`. `.corrected` is the script of `Session.from_code`.
        """
        result: QuickCheck = self._jobs.wait(self.submit("quick_check", workload, budget_s=budget_s))
        script: Pasted | None = getattr(self, "pasted", None)
        return result if script is None else result.model_copy(update={"corrected": script.corrected})

    def report(
        self,
        path: str | Path = "report",
        *,
        sign_off: bool = False,
        targets: Mapping[str, str] | None = None,
        roll_back: Config | None = None,
    ) -> tuple[Path, ...]:
        """What was found with this model here, as report.html (one file, asks nothing of the net) and report.md.

        path       the folder; sign_off: with what a lead signs, and config.json, which `workbench check` guards
        targets    {"decode_tps": ">=30", "kld_mean": "<0.05"}: met only where all of the interval keeps them
        roll_back  what to go back to (default: what transformers does by itself)

        ConfigError for a target that is none; StoreError when the disk refuses.
        """
        options = {"sign_off": sign_off, "targets": targets, "roll_back": roll_back}
        written: tuple[Path, ...] = self._jobs.wait(self.submit("report", path, **options))
        return written

    def lend(self, work: Work, kind: str, *, halt: Callable[[], None]) -> Any:
        """`work(when_busy)`, with this session's place on the device given to it; what it returns.

        The model makes room and is brought back afterwards; meanwhile this session does nothing else, and Stop calls
        `halt`. One that lives in this process stays (`when_busy` is then "beside"). So a resident model is swept.
        CapabilityError for an attached model.
        """
        return self._jobs.wait(self.submit("lend", work, kind, halt=halt))
