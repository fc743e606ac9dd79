"""What the store says of its records: two beside each other, groups of them, and what came in from a file."""

from typing import Any, Literal

from workbench.results.base import Interval, Result
from workbench.words import Message

Seen = Literal["faster", "slower", "none", "unknown"]


class KeptSide(Result):
    """One of two records. `id` None: it is not from the store."""

    id: int | None
    name: str  # what sentences call it
    time: str | None
    model: str | None
    machine: str | None


class KeptMetric(Result):
    """b against a: their recorded means, b ÷ a, and its 95 % interval where both recorded one.

    verdict  a sentence; `seen` says it as a word: none: no difference seen; unknown: no verdict
    """

    a: float
    b: float
    ratio: float
    ci95: Interval | None
    seen: Seen
    verdict: Message


class KeptComparison(Result):
    """Two kept measurements by metric.

    paired   never: two runs of different times, so that what changed on the machine between them is in each ratio
             (`note` says so); `Session.compare` lets short runs alternate
    refused  why there is no verdict at all: another workload (then there are no ratios either), or another process was
             busy, or the device was held below its speed
    caveats  what else is not the same: machine, versions, model
    """

    a: KeptSide
    b: KeptSide
    metrics: dict[str, KeptMetric]
    refused: Message | None = None
    caveats: tuple[Message, ...] = ()
    paired: Literal[False] = False
    note: Message


class KeptDiff(Result):
    """Two records: (a, b) of every part that is not the same; None: that side lacks it. Nested names have dots.

    config, resolved, workload  as asked, as read back, and the work
    machine                     without what is of the moment: free memory, free disk, timings
    metrics                     numbers of both results, those that are the same left out
    comparison                  where both are measurements
    tokens                      how far both gave the same ones, where both did the same work
    """

    a: KeptSide
    b: KeptSide
    config: dict[str, tuple[Any, Any]]
    resolved: dict[str, tuple[Any, Any]]
    workload: dict[str, tuple[Any, Any]]
    versions: dict[str, tuple[Any, Any]]
    machine: dict[str, tuple[Any, Any]]
    metrics: dict[str, tuple[Any, Any]]
    comparison: KeptComparison | None = None
    tokens: Message | None = None


class Group(Result):
    """Runs that share a kind, model, machine or value of a knob. `value` None: theirs has none.

    measured  of them, those with the metric; best, median: of their recorded means, in its unit; best_run: whose it is
    """

    by: str
    value: Any
    runs: int
    metric: str | None = None
    measured: int = 0
    best: float | None = None
    best_run: int | None = None
    median: float | None = None


class Imported(Result):
    """What came in from a file: numbers of the new records, and how many were here already."""

    numbers: tuple[int, ...]
    known: int
    source: str
