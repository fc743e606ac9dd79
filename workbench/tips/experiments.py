"""How a tip is decided, as data: what is run, and between which bounds the claim is true.

One runner can execute every kind: two configurations by pairs, a named probe, or scripts in fresh processes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.words import Message, say, text
from workbench.words.format import number

Values = Mapping[str, Any]
_NONE: Values = {}

# numbers of `QualityDiff` that a pair can be judged by -> what they are
QUALITY: dict[str, str] = {
    "ppl_ratio": "perplexity ÷ that of the reference",
    "kld_mean": "mean divergence of the next token (KLD, nats)",
    "same_top": "share of positions with the same likeliest token",
}


@dataclass(frozen=True)
class Pair:
    """Two configurations by runs that alternate.

    a, b        changes of knobs from the default configuration
    works       fields of a Workload; several are cells, each with a verdict of its own ("depends" where they differ)
    a_work, b_work  what a side changes in each of them
    reference   of a quality number: both sides are judged against this configuration; None: b against a

    A quantity is the key of a metric, as the ratio b ÷ a, or a number of `QualityDiff`: of b against a, or with a
    reference the ratio of the two.
    """

    a: Values
    b: Values
    works: tuple[Values, ...] = (_NONE,)
    a_work: Values = field(default_factory=dict)
    b_work: Values = field(default_factory=dict)
    reference: Values | None = None


@dataclass(frozen=True)
class Probe:
    """A question of `workbench.tips.probes.PROBES` with its parameters; its answers are the quantities.

    cells  further parameters, each asked by itself with a verdict of its own ("depends" where they differ)
    """

    name: str
    params: Values = field(default_factory=dict)
    cells: tuple[Values, ...] = (_NONE,)


@dataclass(frozen=True)
class Fresh:
    """One fresh process: `environment` stands before Python starts, then `code` runs.

    The code leaves a dict named `result`. Where it needs a model, the variable TIP_MODEL names a folder with a tiny
    one, made for this process, which may change it.
    """

    code: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Script:
    """One fresh process, or two that differ in what the tip is about.

    Quantities: the entries of `result`; `exception`, the class that ended the code, or "none"; `warned`, whether
    anything was warned or logged as a warning. What an exception left unsaid meets no limit. With two, the value is
    b's, and `changed` compares it with a's.
    """

    a: Fresh
    b: Fresh | None = None


@dataclass(frozen=True)
class Untestable:
    """Nothing here could decide it; the reason says what stands in the way."""

    reason: str


Experiment = Pair | Probe | Script | Untestable


@dataclass(frozen=True)
class Limit:
    """The claim is true where `quantity` lies within these bounds, with all of its 95 % interval where it has one.

    low, high  bounds, both included, in the quantity's unit
    equals     the one exact value
    changed    of a script with two sides: whether b's value is another than a's
    """

    quantity: str
    low: float | None = None
    high: float | None = None
    equals: str | int | bool | None = None
    changed: bool | None = None

    def __post_init__(self) -> None:
        ranged = self.low is not None or self.high is not None
        if [ranged, self.equals is not None, self.changed is not None].count(True) != 1:
            raise ValueError(f"{self.quantity}: a limit is a range, an exact value, or a change")

    def __str__(self) -> str:
        return str(self.message)

    @property
    def message(self) -> Message:
        """The bound as a sentence that can be stored."""
        quantity = named(self.quantity)
        if self.changed is not None:
            return say("tips.limit.changed" if self.changed else "tips.limit.unchanged", quantity=quantity)
        if self.equals is not None:
            return say("tips.limit.equals", quantity=quantity, value=written(self.equals))
        if self.low is not None and self.high is not None:
            return say("tips.limit.between", quantity=quantity, low=f"{self.low:g}", high=f"{self.high:g}")
        if self.low is not None:
            return say("tips.limit.at_least", quantity=quantity, low=f"{self.low:g}")
        return say("tips.limit.at_most", quantity=quantity, high=f"{self.high:g}")


def named(quantity: str) -> str:
    """A quantity's name as people read it."""
    return quantity.replace("_", " ")


def written(value: str | float | bool | None) -> str:
    """A value as people read it."""
    if isinstance(value, bool):
        return text("tips.yes") if value else text("tips.no")
    if isinstance(value, float):
        return number(value)
    return text("format.none") if value is None else str(value)
