"""What is said of memory over many requests, as cells for a page or a terminal."""

from collections.abc import Iterator

from workbench.export.judged import Told
from workbench.results import MemoryHealth
from workbench.results.memory_health import Growth, HealthRun
from workbench.words import text
from workbench.words.format import count, measured, share, size


def memory_health(found: MemoryHealth) -> Told:
    """A line for each number and a column for each run; what was seen, and what could not be run, under it."""
    shown = [dict(_rows(run)) for run in found.runs]
    labels = list(dict.fromkeys(label for column in shown for label in column))
    rows = tuple((label, *(column.get(label, "") for column in shown)) for label in labels)
    remarks = [verdict for run in found.runs for verdict in verdicts(run, named=len(found.runs) > 1)]
    remarks += [
        text("memory_health.unavailable", allocator=each.allocator, reason=each.reason, remedy=each.remedy or "")
        for each in found.unavailable
    ]
    return Told(found.names, rows, (*dict.fromkeys(remarks), *map(str, found.flags)))


def _rows(run: HealthRun) -> Iterator[tuple[str, str]]:
    glibc = run.after.source == "glibc"
    kind = "glibc" if glibc else "cuda"
    yield text("memory_health.row.requests"), str(len(run.points))
    if run.after.missing is not None:
        yield text("memory_health.row.missing"), str(run.after.missing)
    for name in ("split_share", "unused_share"):
        yield (
            text(f"memory_health.row.{name}.{kind}"),
            text("memory_health.last_highest", last=share(getattr(run.after, name)), highest=share(run.highest(name))),
        )
    yield text("memory_health.row.held"), _before_after(run, "held")
    yield text("memory_health.row.in_use"), _before_after(run, "in_use")
    if glibc:
        yield text("memory_health.row.resident"), _before_after(run, "resident")
    back = run.given_back.resident if glibc else run.given_back.held
    yield text(f"memory_health.row.given_back.{kind}"), size(back)
    yield text("memory_health.row.largest_free"), size(run.after.largest_free)
    yield text("memory_health.row.need"), size(run.need_bytes)
    yield text("memory_health.row.device_free"), size(run.after.device_free)
    if not glibc:
        yield text("memory_health.row.retries"), count(run.added("retries"))
        yield text("memory_health.row.refusals"), count(run.added("refusals"))
        yield text("memory_health.row.segments"), _segments(run)
    for name, growth in run.growth.items():
        yield text(f"memory_health.row.growth_{name}"), _growth(growth)


def _before_after(run: HealthRun, name: str) -> str:
    first, last = size(getattr(run.before, name)), size(getattr(run.after, name))
    return text("memory_health.before_after", before=first, after=last, highest=size(run.highest(name)))


def _segments(run: HealthRun) -> str:
    return text("memory_health.segments", all=count(run.after.segments), expandable=count(run.after.expandable))


def _growth(growth: Growth) -> str:
    return measured(growth.slope, growth.ci95, "B")


def verdicts(run: HealthRun, *, named: bool) -> Iterator[str]:
    """Whether memory creeps up, and whether the driver refused. named: with the allocator."""
    who = f"{run.allocator}: " if named else ""
    growth = run.growth.get("in_use")
    if growth is None or growth.ci95 is None:
        yield who + text("memory_health.verdict.unknown")
    elif growth.seen:
        low, high = (size(bound) for bound in growth.ci95)
        yield who + text("memory_health.verdict.grows", slope=size(growth.slope), low=low, high=high)
    else:
        yield who + text("memory_health.verdict.steady", most=size(max(growth.ci95[1], 0.0)))
    if retries := run.added("retries"):
        yield who + text("memory_health.verdict.retries", retries=retries)
