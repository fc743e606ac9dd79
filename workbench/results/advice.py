"""Why a model is slow here: findings with their evidence, what would cure them, and what that should gain."""

from typing import Any, ClassVar, Literal

from workbench.results.base import Interval, Result
from workbench.results.comparison import Comparison
from workbench.results.resolved import Resolved
from workbench.results.workload import Workload
from workbench.words.message import Message

# answers are wrong · numbers cannot be believed · slower than need be
Severity = Literal["wrong", "unreliable", "slow"]
SEVERITIES: tuple[Severity, ...] = ("wrong", "unreliable", "slow")


class Gain(Result):
    """What a change should do to one metric, as a ratio new ÷ old, from this session's own numbers.

    low, high  between which it should lie; 1 where it may be nothing
    how        what it was computed from
    """

    metric: str
    low: float
    high: float
    how: Message


class Finding(Result):
    """One thing that makes this model slow, or its numbers doubtful, here.

    rule           its name in `workbench.advice.RULES`
    evidence       what was seen, in this session
    change         knob -> value that would cure it: `session.apply(**finding.change)`; empty: no knob does
    action         what to do, where no knob does or beside it
    expected_gain  None: unknown, and `unknown` says what would tell
    """

    rule: str
    severity: Severity
    title: Message
    evidence: tuple[Message, ...]
    change: dict[str, Any] = {}
    action: Message | None = None
    expected_gain: Gain | None = None
    unknown: Message | None = None

    def __str__(self) -> str:
        return str(self.title)


class Advice(Result):
    """What was found, ranked: wrong answers, doubtful numbers, then the largest gain that can be expected.

    looked_at  the rules that had what they need; left_out: rule -> why it was not asked
    """

    findings: tuple[Finding, ...]
    looked_at: tuple[str, ...]
    left_out: dict[str, Message] = {}
    config: dict[str, Any]
    resolved: Resolved
    workload: Workload
    seconds: float
    flags: tuple[Message, ...] = ()

    def found(self, rule: str) -> Finding | None:
        return next((finding for finding in self.findings if finding.rule == rule), None)


class Cure(Result):
    """A finding's change, tried: both configurations in turns, and what came of what was expected.

    got, got_ci95  new ÷ old of the metric that was expected to change; no interval of a single pair
    kept           whether the new configuration is in force now
    """

    finding: Finding
    comparison: Comparison
    metric: str
    got: float
    got_ci95: Interval | None
    sentence: Message
    kept: bool


class QuickCheck(Result):
    """What a session says of itself in three minutes.

    kernels        phase -> attention that ran, by the trace; None: not recognised
    limit_shares   phase -> its floor ÷ what it took; None: no floor is known
    cures          the biggest causes that a knob cures, each tried against what was in force, which is in force again
    untried        findings that were left, with the reason
    corrected      the pasted script with its marked arguments mended; None: the session was not opened from one
    """

    KIND: ClassVar[str] = "quick-check"

    advice: Advice
    kernels: dict[str, str | None]
    limit_shares: dict[str, float | None]
    cures: tuple[Cure, ...] = ()
    untried: tuple[Message, ...] = ()
    corrected: str | None = None
    seconds: float
    flags: tuple[Message, ...] = ()

    @property
    def config(self) -> dict[str, Any]:
        return self.advice.config

    @property
    def resolved(self) -> Resolved:
        return self.advice.resolved

    @property
    def workload(self) -> Workload:
        return self.advice.workload

    @property
    def best(self) -> Cure | None:
        """The cure that gained most, if any was seen to gain."""
        seen = [cure for cure in self.cures if cure.metric in cure.comparison.seen and cure.got > 1]
        return max(seen, key=lambda cure: cure.got, default=None)
