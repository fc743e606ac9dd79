"""What became of a claim on one machine: what was found, cell by cell, and the verdict on it."""

from enum import StrEnum
from typing import Any, ClassVar

from workbench.results.base import Interval, Result
from workbench.results.resolved import Resolved
from workbench.words import Message


class Verdict(StrEnum):
    """The five that a tip can get; as an expectation, or from a run."""

    HOLDS = "holds"
    NOT = "does not hold"
    DEPENDS = "depends"
    NO_DIFFERENCE = "no difference seen"
    CANNOT = "cannot be tested here"


class Quantity(Result):
    """One quantity as it was found.

    ci95      95 %; None: exact, or too few samples for one
    floor     of a timed ratio: what one configuration against itself could show by chance (≥ 1)
    smallest  the ratio (≥ 1) above which a difference would have been seen
    """

    value: bool | int | float | str | None
    ci95: Interval | None = None
    floor: float | None = None
    smallest: float | None = None


class Quantities(Result):
    """What a question was answered with: name -> Quantity; `notes` say what it was found on."""

    values: dict[str, Quantity]
    notes: tuple[Message, ...] = ()


class BoundMet(Result):
    """One bound of a claim beside what was found. `met` None: the bound lies within the interval."""

    quantity: str
    bound: Message
    found: Quantity
    met: bool | None


class TipCell(Result):
    """One situation. `about`: what tells it from the others; `met`: all bounds, or None where one stays open."""

    about: dict[str, Any] = {}
    bounds: tuple[BoundMet, ...]
    met: bool | None
    notes: tuple[Message, ...] = ()


class TipRun(Result):
    """One tip, tested.

    verdict   by the run; `expected`: what was expected before it
    model     that it ran on; "" where none was needed
    sentence  the verdict with the number that decided it, or what stands in the way
    failed    an error ended the experiment: there is no verdict but that it cannot be tested here
    exact     no interval and no chance in it: counts, bytes, exceptions, tokens
    """

    KIND: ClassVar[str] = "tip"

    id: str
    verdict: Verdict
    expected: Verdict
    model: str = ""
    cells: tuple[TipCell, ...] = ()
    sentence: Message
    remedy: Message | None = None
    failed: bool = False
    exact: bool = False
    resolved: Resolved | None = None
    config: dict[str, Any] | None = None
    seconds: float = 0.0
    flags: tuple[Message, ...] = ()

    @property
    def decided(self) -> bool:
        return self.verdict is not Verdict.CANNOT

    @property
    def against_expectation(self) -> bool:
        """Whether the run says another thing than what was expected; an expected "depends" leaves all open."""
        told = (Verdict.HOLDS, Verdict.NOT)
        return self.expected in told and self.verdict in (*told, Verdict.DEPENDS) and self.verdict is not self.expected


class TipsReport(Result):
    """Many of them, on one machine. `left`: ids that the budget or Stop left untested, in the order of the registry."""

    KIND: ClassVar[str] = "tips"

    machine: str
    versions: dict[str, str]
    model: str
    runs: tuple[TipRun, ...]
    left: tuple[str, ...] = ()
    seconds: float

    @property
    def counts(self) -> dict[Verdict, int]:
        """Each verdict -> how many got it."""
        return {verdict: sum(run.verdict is verdict for run in self.runs) for verdict in Verdict}
