"""Ceilings and limits as plain cells of text, for a notebook's table and for the command line."""

from workbench.export.judged import Told
from workbench.results import Ceilings, Interval, Limits, PhaseLimit, PhaseWork
from workbench.words import text
from workbench.words.format import interval, measured, number, quantity, seconds, share, size

BOUNDS = ("memory", "compute", "launches")
_GIGA = 1e9


def limits(found: Limits) -> Told:
    """A line for each floor and for what it is made of, prefill beside decode; then runs; sources under it."""
    heading = tuple(text(f"limits.phase.{limit.phase}") for limit in found.phases)
    rows = [(text(f"limits.bound.{bound}"), *(_floor(limit, bound) for limit in found.phases)) for bound in BOUNDS]
    rows.append((text("limits.row.limit"), *(_binding(limit) for limit in found.phases)))
    rows += [(text(f"limits.row.{name}"), *(cell(limit.work) for limit in found.phases)) for name, cell in _WORK]
    rows += _runs(found)
    said = [message for limit in found.phases for message in limit.work.sources]
    said += [floor.source for limit in found.phases for floor in limit.floors]
    said += [floor.missing for limit in found.phases for floor in limit.floors if floor.missing is not None]
    remarks = list(dict.fromkeys(map(str, [*said, *found.flags])))
    if found.left_out:
        remarks.append(text("limits.left_out", count=found.left_out))
    return Told(heading, tuple(rows), tuple(remarks))


def ceilings(found: Ceilings) -> Told:
    """A line for each ceiling with its interval; what this device cannot do says why."""
    unmeasured = text("format.not_measured")
    band, launch = found.bandwidth, found.launch
    bandwidth = measured(band.bytes_per_s / _GIGA, _by(band.ci95, _GIGA), "GB/s") if band else unmeasured
    rows = [(text("limits.ceiling.bandwidth"), bandwidth)]
    for rate in found.matmul:
        if rate.flops_per_s is None:
            told = text("limits.ceiling.missing", why=str(rate.missing))
        else:
            told = measured(rate.flops_per_s / _GIGA, _by(rate.ci95, _GIGA), "GFLOP/s")
        rows.append((text("limits.ceiling.rate", format=rate.format), told))
    if launch is None:
        rows.append((text("limits.ceiling.launch"), unmeasured))
    else:
        rows.append((text("limits.ceiling.launch"), measured(launch.seconds * 1e6, _by(launch.ci95, 1e-6), "µs")))
        if launch.round_trip_s is not None:
            told = measured(launch.round_trip_s * 1e6, _by(launch.round_trip_ci95, 1e-6), "µs")
            rows.append((text("limits.ceiling.round_trip"), told))
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    rows.append((text("limits.ceiling.of"), " · ".join(part for part in (found.key, versions) if part)))
    return Told(("",), tuple(rows), tuple(map(str, found.flags)))


def _floor(limit: PhaseLimit, bound: str) -> str:
    floor = next(one for one in limit.floors if one.bound == bound)
    if floor.seconds is None:
        return text("limits.unknown", why=str(floor.missing))
    bounds = floor.ci95 and (limit.work.tokens / floor.ci95[1], limit.work.tokens / floor.ci95[0])
    rate = measured(limit.work.tokens / floor.seconds, bounds, "tok/s")
    return text("limits.floor", rate=rate, seconds=seconds(floor.seconds))


def _binding(limit: PhaseLimit) -> str:
    floor = limit.binding
    if floor is None:
        return text("format.not_measured")
    return text("limits.binding", rate=quantity(limit.tps(), "tok/s"), bound=text(f"limits.bound.{floor.bound}"))


def _runs(found: Limits) -> list[tuple[str, ...]]:
    """A row for each run or place of a scan: prefill and decode beside each other."""
    together: dict[str, dict[str, str]] = {}
    for point in found.points:
        cell = text(
            "limits.reached",
            rate=quantity(point.tokens_per_s, "tok/s"),
            flops=quantity(point.flops_per_s / _GIGA, "GFLOP/s"),
            interval=interval(_by(point.ci95, _GIGA)),
            share=share(point.share),
        )
        together.setdefault(point.words, {})[point.phase] = cell
    none = text("format.not_measured")
    return [(name, *(cells.get(limit.phase, none) for limit in found.phases)) for name, cells in together.items()]


def _flops(work: PhaseWork) -> str:
    return text("tables.unknown") if work.flops is None else quantity(work.flops / _GIGA, "GFLOP")


def _bytes(work: PhaseWork) -> str:
    if work.weight_bytes is None:
        return text("tables.unknown")
    return text("limits.bytes", weights=size(work.weight_bytes), cache=size(work.kv_bytes))


def _intensity(work: PhaseWork) -> str:
    return text("tables.unknown") if work.intensity is None else number(work.intensity)


_WORK = (("bytes", _bytes), ("flops", _flops), ("intensity", _intensity))


def _by(bounds: Interval | None, unit: float) -> Interval | None:
    return bounds and (bounds[0] / unit, bounds[1] / unit)
