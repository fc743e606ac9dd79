"""What is said of latency over time, as cells for a page or a terminal: all that the chart shows, in words."""

from workbench.export.judged import Told
from workbench.results import ColdStart, Drift, LatencyRun, Percentiles
from workbench.steadiness import SHARES
from workbench.words import text
from workbench.words.format import interval, measured, number, ratio, seconds, share, size

METRICS = ("ttft", "itl", "tpot", "e2e")
_AS_SECONDS = ("gc_s", "waited_s", "quota_s")


def latency(found: LatencyRun) -> Told:
    """A line for each latency with its percentiles; load, drift, stutters, causes and the cold start under it."""
    heading = tuple(text(f"latency.{name}") for name in (*SHARES, "n"))
    rows = tuple((text(f"latency.{metric}"), *_cells(getattr(found, metric))) for metric in METRICS)
    remarks = [_load(found), *_lengths(found)]
    remarks += [drift(text(f"latency.{metric.removesuffix('_s')}"), each) for metric, each in found.drift.items()]
    remarks += [*stutters(found), *_counts(found.totals), cold_start(found.cold_start)]
    return Told(heading, rows, (*remarks, *map(str, found.flags)))


def cell(found: Percentiles, name: str) -> str:
    """One percentile with its interval, or what it takes to tell it."""
    value, needed = getattr(found, name), found.needed.get(name)
    if value is None:
        return text("latency.too_few", needed=needed)
    if name in found.ci95:
        low, high = found.ci95[name]
        scale, unit = (1e3, "ms") if max(value, high) < 1 else (1.0, "s")
        return measured(value * scale, (low * scale, high * scale), unit)
    if needed is None:
        return text("latency.bare", value=seconds(value))
    return text("latency.open", value=seconds(value), needed=needed)


def _cells(found: Percentiles) -> list[str]:
    gaps = found.n != found.units
    n = text("latency.n_gaps", n=found.n, units=found.units) if gaps else text("latency.n_requests", n=found.n)
    return [*(cell(found, name) for name in SHARES), n]


def _load(found: LatencyRun) -> str:
    load = text(
        "latency.load",
        requests=found.requests,
        seconds=seconds(found.seconds),
        rate=number(found.requests_per_s),
        tokens=number(found.tokens_per_s),
    )
    if found.every_s is None:
        return text("latency.load_closed", load=load)
    return text("latency.load_every", load=load, every=seconds(found.every_s))


def _lengths(found: LatencyRun) -> list[str]:
    return [text("latency.vary")] if found.vary else []


def drift(metric: str, found: Drift) -> str:
    """Whether it drifted, or what would have been seen."""
    if found.percent_per_minute is None:
        return text("latency.drift.unknown", metric=metric)
    if found.seen:
        percent = f"{'+' if found.percent_per_minute > 0 else ''}{number(found.percent_per_minute)}"
        said = text("latency.drift.seen", metric=metric, percent=percent, interval=interval(found.ci95))
    else:
        said = text("latency.drift.none", metric=metric, smallest=number(found.smallest, 2))
    if found.last_over_first is None:
        return said
    return text("latency.drift.minutes", drift=said, ratio=ratio(found.last_over_first))


def stutters(found: LatencyRun) -> list[str]:
    """How many, how long, and what was beside them."""
    if not found.stutter_count:
        return [text("latency.stutters.none" if "decode" in found.stutter_from_s else "latency.stutters.unruled")]
    limits = [
        text("latency.limit", from_s=seconds(limit), phase=text(f"latency.phase.{phase}"))
        for phase, limit in found.stutter_from_s.items()
    ]
    if found.vary:
        limits.append(text("latency.limit_by_length"))
    longest = max(found.stutters, key=lambda each: each.seconds)
    said = text(
        "latency.stutters.some",
        count=found.stutter_count,
        limits=", ".join(limits),
        excess=seconds(found.stutter_s),
        longest=seconds(longest.seconds),
        at=seconds(longest.at_s),
    )
    causes = ", ".join(
        text(
            "latency.cause_share",
            cause=text(f"latency.cause.{each.cause}"),
            share=share(each.share),
            stutters=each.stutters,
        )
        for each in found.causes
    )
    if found.stutter_count == len(found.stutters):
        return [said, text("latency.causes", causes=causes)]
    return [said, text("latency.causes_longest", listed=len(found.stutters), causes=causes)]


def _counts(totals: dict[str, float]) -> list[str]:
    said = []
    for name, count in totals.items():
        if name in _AS_SECONDS:
            said.append(text(f"latency.count.{name}", seconds=seconds(count)))
        elif name == "grown_bytes":
            said.append(text("latency.count.grown_bytes", size=size(count)))
        else:
            said.append(text(f"latency.count.{name}", count=round(count)))
    return [text("latency.counts", counts=", ".join(said))] if said else []


def cold_start(found: ColdStart) -> str:
    """Its parts, or that it was not measured."""
    if found.measured == "none":
        return text("latency.cold.none")
    start, imports, load = seconds(found.start_s), seconds(found.import_s), seconds(found.load_s)
    if found.measured == "at_open":
        return text("latency.cold.at_open", start=start, imports=imports, load=load)
    cached = text("latency.cached_unknown") if found.cached_share is None else share(found.cached_share)
    first = seconds(found.first_token_s)
    return text("latency.cold.now", start=start, imports=imports, load=load, first=first, cached=cached)
