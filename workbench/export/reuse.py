"""What is said of reused prefixes, speculation, offloading and crossovers, as cells for a page or a terminal."""

from workbench.export.judged import Told
from workbench.results import PrefixReuse
from workbench.words import text
from workbench.words.format import count, interval, number, ratio, seconds, size


def prefix(found: PrefixReuse) -> Told:
    """A line for each prefix; the verdicts, and whether the answers stay, under it."""
    names = ("reused", "computed", "cache", "cold", "cached", "ratio", "proportion", "pays")
    rows = tuple(
        (
            count(point.tokens),
            count(point.reused),
            number(point.computed),
            size(point.cache_bytes),
            seconds(point.cold_s),
            seconds(point.cached_s),
            f"{ratio(point.ratio)} {interval(point.ci95)}",
            ratio(point.proportion),
            text("prefix.never_pays") if point.pays_from is None else text("prefix.pays", prompts=point.pays_from),
        )
        for point in found.points
    )
    said = [str(each) for point in found.points for each in (point.verdict, point.agreement)]
    return Told(tuple(text(f"prefix.head.{name}") for name in names), rows, (*said, *map(str, found.flags)))
