"""Machines of a cluster beside each other: which are alike, and how far apart their base lines lie. Pure."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, stdev, variance

from workbench.judging import chance
from workbench.results import SweepNode
from workbench.sweep.estimates import Estimate
from workbench.sweep.node_engines import Hello
from workbench.words import Message, say
from workbench.words.format import interval, number, ratio

ALONE = 6  # runs of the base line at each place, before rounds of several are compared


def kind(hello: Hello) -> dict[str, str]:
    """What decides a number besides what is asked: equal for places whose rounds may be compared."""
    machine = hello.machine
    hardware = {
        "machine": machine.label,
        "system": machine.platform,
        "logical cores": str(machine.cpu.logical_cores),
        "GPUs": ", ".join(gpu.name for gpu in machine.gpus) or "–",
        "driver": next((gpu.driver for gpu in machine.gpus if gpu.driver), None) or "–",
    }
    return {**hardware, **hello.versions}


def unlike(kinds: Sequence[dict[str, str]], own: dict[str, str] | None = None) -> dict[int, str]:
    """Who is not of the most frequent kind, by what: place in `kinds` -> "torch 2.12 ≠ 2.13".

    Of equals it is the one that is nearest to `own`, the caller's, then the first.
    """
    count = Counter(frozenset(each.items()) for each in kinds)
    if not count:
        return {}
    mine = (own or {}).items()

    def frequent(met: frozenset[tuple[str, str]]) -> tuple[int, int]:
        return count[met], len(met & mine)

    most = max(count, key=frequent)
    usual = dict(most)
    found = {}
    for at, each in enumerate(kinds):
        if each != usual:
            names = [name for name in {**usual, **each} if usual.get(name) != each.get(name)]
            found[at] = ", ".join(f"{name} {each.get(name, '–')} ≠ {usual.get(name, '–')}" for name in names)
    return found


def compared(first: SweepNode, own: SweepNode, sign: float, there: Sequence[float], here: Sequence[float]) -> SweepNode:
    """`own` with its A/A against the first place. there, here: gains of the base line at each, in order of runs.

    The runs are taken at the same time and are no pairs: two samples, freedom by Satterthwaite. The noise floor is that
    of neighbouring runs at one place.
    """
    runs = min(len(there), len(here))
    base = own.model_copy(update={"rounds": len(here)})
    if own.place == first.place:
        return base.model_copy(update={"ratio": 1.0, "differs": False, "verdict": say("sweep.node.first")})
    if runs < 3:
        return base.model_copy(update={"verdict": say("sweep.node.not_compared", first=first.place)})
    seen = _mean(here).minus(_mean(there))
    spread = [second - before for gains in (there, here) for before, second in pairwise(gains)]
    floor = math.log(chance(stdev(spread), runs))
    low, high = seen.interval()
    differs = (low > 0 or high < 0) and abs(seen.mean) > floor
    ends = sorted((math.exp(sign * low), math.exp(sign * high)))
    times, bounds = math.exp(sign * seen.mean), (ends[0], ends[1])
    widest = math.exp(max(abs(low), abs(high), floor))
    told = (
        say("sweep.node.differs", ratio=ratio(times), first=first.place, interval=interval(bounds))
        if differs
        else say("sweep.node.alike", first=first.place, percent=number(100 * (widest - 1)))
    )
    return base.model_copy(
        update={
            "ratio": times,
            "ci95": bounds,
            "noise_floor": math.exp(floor),
            "differs": differs,
            "verdict": told,
        }
    )


def flags(nodes: Sequence[SweepNode]) -> list[Message]:
    """What has to be said of where it was measured."""
    found = []
    used = [node for node in nodes if node.rounds]
    if apart := [node for node in used if node.differs]:
        found.append(say("sweep.flag.nodes_differ", told=told_of(apart)))
    if unknown := [node for node in used if node.differs is None]:
        found.append(say("sweep.flag.nodes_unknown", told=told_of(unknown)))
    for node in nodes:
        if node.state == "lost":
            found.append(say("sweep.flag.node_lost", place=node.place, node=node.node))
        elif node.state == "left_out":
            found.append(say("sweep.flag.node_left_out", node=node.node, why=str(node.why)))
    return found


def told_of(nodes: Sequence[SweepNode]) -> str:
    return "; ".join(row(node) for node in nodes)


def row(node: SweepNode) -> str:
    """A place in words."""
    what = node.gpu or node.machine or "–"
    told = node.why if node.state != "used" else node.verdict
    return str(say("sweep.node.row", place=node.place, node=node.node, what=what, told=str(told or "–")))


def _mean(gains: Sequence[float]) -> Estimate:
    return Estimate(fmean(gains), variance(gains) / len(gains), len(gains) - 1, len(gains))
