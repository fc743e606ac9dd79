"""What a sweep says while it runs and at its end, as HTML that is escaped here. Pure."""

from collections.abc import Iterable

from workbench.constraints import shown
from workbench.metrics import METRICS
from workbench.results import Sweep, SweepPoint
from workbench.sweep.progress import Progress
from workbench.sweep.rows import remarks_of, standing
from workbench.widgets.parts import notes
from workbench.words import text, translate
from workbench.words.format import escape, interval, number, size

_LABEL, _WHY = 160, 300  # characters
_LOST = ("behind", "failed", "constraint")


def numbers(told: Progress | None, elapsed_s: float, running: bool) -> str:
    """Done, dropped, left, elapsed, time left, best so far; a bar. Not a live region: it changes every second."""
    if told is None:
        return _listed([(text("sweep.panel.elapsed"), _clock(elapsed_s))] if running else [])
    best = f"{told.best or text('sweep.base')} · {told.best_value}" if told.best_value else "–"
    left_s = None if told.left_s is None else max(told.left_s - max(elapsed_s - told.seconds, 0.0), 0.0)
    pairs = [
        (text("sweep.panel.done"), text("sweep.panel.of", done=told.done, total=told.total)),
        (text("sweep.panel.dropped"), str(told.dropped)),
        (text("sweep.panel.left"), str(told.left)),
        (text("sweep.panel.elapsed"), _clock(elapsed_s)),
    ]
    if running:
        pairs.append((text("sweep.panel.time_left"), _left(left_s)))
    pairs.append((text("sweep.panel.best" if running else "sweep.panel.best_of_all"), best))
    percent = 100 * told.done / max(told.total, 1)
    bar = f"<span class='wb-bar wb-sweep-bar' aria-hidden='true'><span style='width:{percent:.0f}%'></span></span>"
    return _listed(pairs) + (bar if running else "")


def _left(left_s: float | None) -> str:
    if left_s is None:
        return "–"
    return f"≈ {_clock(left_s)}" if left_s >= 1 else text("sweep.panel.soon")


def _clock(time_s: float) -> str:
    """Whole seconds: it is read while it moves."""
    minutes, rest = divmod(round(time_s), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _listed(pairs: Iterable[tuple[str, str]]) -> str:
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value, _LABEL)}</dd></div>" for name, value in pairs)
    return f"<dl class='wb-numbers'>{cells}</dl>"


def field(found: Sweep, running: bool) -> str:
    """Every configuration: rounds, value with interval, memory, state, why; best first."""
    metric = METRICS[found.objective]
    head = (
        text("sweep.head.point"),
        text("sweep.panel.rounds"),
        translate(metric.label),
        text("sweep.head.peak"),
        text("sweep.head.state"),
        text("sweep.head.why"),
    )
    top = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in head)
    body = "".join(_row(found, point, running) for point in standing(found))
    caption = escape(text("sweep.panel.field"))
    return (
        f"<div class='wb-scroll' tabindex='0'><table class='wb-table wb-sweep-table'>"
        f"<caption>{caption}</caption><tr>{top}</tr>{body}</table></div>"
    )


def _row(found: Sweep, point: SweepPoint, running: bool) -> str:
    value = point.peak_bytes if found.objective == "peak_bytes" else point.means.get(found.objective)
    if value is None:
        told = "–"
    elif METRICS[found.objective].unit == "B":
        told = size(value)
    else:
        bounds = point.ci95.get(found.objective)
        told = f"{shown(found.objective, value)} {interval(bounds) if bounds else ''}".rstrip()
    waits = running and point.state == "unmeasured"
    state = text(f"sweep.live.{point.state}" if running else f"sweep.state.{point.state}")
    cells = (
        str(point.rounds),
        told,
        size(point.peak_bytes) if point.peak_bytes is not None else "–",
        state,
        "" if waits else str(point.why),
    )
    name = point.label or text("sweep.base")
    name += f" ({text('sweep.base')})" if point.reference and point.label else ""
    lost = " class='wb-sweep-lost'" if point.state in _LOST or waits else ""
    row = "".join(f"<td>{escape(cell, _WHY)}</td>" for cell in cells)
    return f"<tr{lost}><th scope='row'>{escape(name, _LABEL)}</th>{row}</tr>"


def result(found: Sweep) -> str:
    """The best by how much, what nothing beats, why the others lost, what could not be, and how it ended."""
    parts = [f"<div class='wb-verdict'>{escape(str(found.verdict), _WHY)}</div>"]
    leads = [str(lead.verdict) for lead in found.leads]
    best = found.best
    if best is not None:
        value = best.peak_bytes if found.objective == "peak_bytes" else best.means.get(found.objective)
        said = [f"{best.label or text('sweep.base')}: {shown(found.objective, value)}"]
        if best.peak_bytes is not None and found.objective != "peak_bytes":
            said.append(text("sweep.panel.peak", peak=size(best.peak_bytes)))
        if best.quality is not None:
            said.append(f"KLD {number(best.quality.kld_mean)}")
        parts.append(_section("sweep.panel.winner", [" · ".join(said), *leads]))
    if found.pareto:
        parts.append(_section("sweep.panel.pareto", [_pareto(found, place) for place in found.pareto]))
    lost = [f"{point.label or text('sweep.base')}: {point.why}" for point in standing(found) if point.state in _LOST]
    if lost:
        parts.append(_section("sweep.panel.why", lost))
    return "".join(parts) + notes(remarks_of(found, pareto=False))


def _pareto(found: Sweep, place: int) -> str:
    point = found.points[place]
    value = None if found.objective == "peak_bytes" else point.means.get(found.objective)
    told = [shown(found.objective, value)] if value is not None else []
    told += [size(point.peak_bytes)] if point.peak_bytes is not None else []
    told += [f"KLD {number(point.quality.kld_mean)}"] if point.quality else []
    return f"{point.label or text('sweep.base')}: {' · '.join(told)}"


def _section(code: str, lines: Iterable[str]) -> str:
    listed = "".join(f"<li>{escape(line, _WHY + _LABEL)}</li>" for line in lines)
    return f"<div class='wb-because'><b>{escape(text(code))}</b><ul>{listed}</ul></div>"
