"""Whether exported code, run without the workbench, does what the session does."""

from typing import Any, Literal

from workbench.results.base import Interval, Result, recorded
from workbench.results.workload import Workload
from workbench.words import Message

VerifyWay = Literal["beside", "by_turns"]
Speed = Literal["within", "open", "differs", "unknown", "shared"]


class Answers(Result):
    """One batch of prompts, greedy, answered by both.

    chat      through the model's chat template; else continued as text
    tokens    that were compared: those of the session, over all rows
    parts_at  (row, new token) of the first difference; None: there is none
    """

    prompts: tuple[str, ...]
    chat: bool
    tokens: int
    parts_at: tuple[int, int] | None = None


class Verification(Result):
    """A snippet against its session: token ids, the state read back, and decode speed by interleaved pairs.

    ok           everything below agrees: the same tokens, no difference in the state, and a speed that is known and not
                 beyond the tolerance
    same_tokens  greedy token ids of all `answers` are identical; None: it did not get so far
    differences  what was read back in the snippet's process and is not the session's
    speed_ratio  snippet ÷ session, decode tokens/s, over `pairs`; None: not measured
    ci95, ratio, noise_floor  metric -> of all metrics, as a Comparison has them. Each side is one process: what differs
                 from process to process and stays is in none of them (on two CPU cores up to 4 % of decode)
    speed        of decode. within: the whole interval lies within `tolerance`; open: it reaches out of it; differs: it
                 lies outside; unknown: it is too wide to say; shared: other processes were busy during most pairs, so
                 that there is no verdict. None: an estimate, which has no interval
    way          beside: both models in memory, runs that alternate; by_turns: one at a time, which gives an estimate
    without_workbench  `import workbench` failed in that process, and nothing had imported it before
    warnings     the snippet's own, such as another version of a package
    problem      what ended it early: the code raised, its process died or gave no answer; detail: what it printed
    """

    ok: bool
    same_tokens: bool | None
    answers: tuple[Answers, ...] = ()
    differences: tuple[Message, ...] = ()
    speed_ratio: float | None = None
    ratio: dict[str, float] = {}
    ci95: dict[str, Interval] = {}
    noise_floor: dict[str, float] = {}
    samples: dict[str, tuple[tuple[float, float], ...]] = {}
    speed: Speed | None = None
    tolerance: float
    pairs: int = 0
    set_aside: int = 0
    stopped_by: str = ""
    way: VerifyWay
    workload: Workload
    without_workbench: bool = False
    load_seconds: float | None = None
    warnings: tuple[str, ...] = ()
    problem: Message | None = None
    detail: str = ""
    verdict: Message
    seconds: float
    flags: tuple[Message, ...] = ()

    def __str__(self) -> str:
        return str(self.verdict)


def verification_record(model: str, machine: Any, config: Any, resolved: Any, found: Verification) -> dict[str, Any]:
    """The verification as it is stored, and as `--json` prints it."""
    shown = found.model_copy(update={"detail": ""})  # paths and names of the person's stand in it
    return recorded(model, machine, shown, config=config, resolved=resolved)
