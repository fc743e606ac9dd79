"""From what was found to a verdict: pure, and the same for every kind of experiment.

A bound is met, or missed, only where the whole interval says so. Situations that differ make a claim that depends;
where nothing but open bounds is left, no difference from the claim was seen.
"""

from collections.abc import Mapping, Sequence

from workbench.results import BoundMet, Quantity, TipCell, Verdict
from workbench.tips.experiments import Limit, named, written
from workbench.tips.shown import meaning
from workbench.tips.stand import Cell
from workbench.tips.tip import Tip
from workbench.words import Message, say
from workbench.words.format import interval, number


def cell_of(cell: Cell, limits: Sequence[Limit], other: Mapping[str, Quantity] | None = None) -> TipCell:
    """`other`: the same quantities of a script's other side, for what must change."""
    bounds = tuple(
        _bound(limit, cell.found.values.get(limit.quantity, Quantity(value=None)), other) for limit in limits
    )
    told = [bound.met for bound in bounds]
    met = False if False in told else None if None in told else True
    return TipCell(about=dict(cell.about), bounds=bounds, met=met, notes=cell.found.notes)


def verdict_of(cells: Sequence[TipCell]) -> Verdict:
    """Of one situation or several."""
    told = [cell.met for cell in cells]
    if all(each is True for each in told):
        return Verdict.HOLDS
    if True in told:
        return Verdict.DEPENDS
    return Verdict.NOT if False in told else Verdict.NO_DIFFERENCE


def met(limit: Limit, found: Quantity, other: Quantity | None = None) -> bool | None:
    """Whether `found` keeps to the bound; None where the bound is within its interval. Nothing found keeps to none."""
    if limit.changed is not None:
        return (other is None or found.value != other.value) is limit.changed
    if limit.equals is not None:
        return type(found.value) is type(limit.equals) and found.value == limit.equals
    if not isinstance(found.value, int | float):
        return False
    low, high = found.ci95 or (float(found.value), float(found.value))
    least = limit.low if limit.low is not None else -float("inf")
    most = limit.high if limit.high is not None else float("inf")
    if least <= low and high <= most:
        return True
    return False if high < least or most < low else None


def sentence(tip: Tip, cells: Sequence[TipCell], verdict: Verdict) -> Message:
    """The verdict with the number that decided it."""
    if verdict is Verdict.DEPENDS:
        return say("tips.said.depends", true=sum(cell.met is True for cell in cells), cells=len(cells))
    wanted = {Verdict.HOLDS: True, Verdict.NOT: False, Verdict.NO_DIFFERENCE: None}[verdict]
    bounds = [bound for cell in cells for bound in cell.bounds]
    bound = next(each for each in bounds if each.met is wanted)
    what = meaning(bound.quantity, tip.experiment) or named(bound.quantity)
    params = {"what": what, "found": found_words(bound.found), "bound": str(bound.bound)}
    if verdict is Verdict.NO_DIFFERENCE and bound.found.smallest is not None:
        return say("tips.said.open_smallest", smallest=number(bound.found.smallest), **params)
    return say({True: "tips.said.holds", False: "tips.said.not", None: "tips.said.open"}[wanted], **params)


def found_words(found: Quantity) -> str:
    """1.31 [1.27, 1.36]; yes; sdpa; nothing."""
    if found.ci95 is None or not isinstance(found.value, int | float):
        return written(found.value)
    return f"{number(found.value)} {interval(found.ci95)}"


def _bound(limit: Limit, found: Quantity, other: Mapping[str, Quantity] | None) -> BoundMet:
    beside = other.get(limit.quantity) if other is not None else None
    return BoundMet(quantity=limit.quantity, bound=limit.message, found=found, met=met(limit, found, beside))
