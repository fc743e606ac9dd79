"""Memory over requests of random length: held, in use, and the largest free block; a colour for each allocator."""

from typing import Any

from workbench.charts.theme import Theme, layout, note
from workbench.results import MemoryHealth
from workbench.results.memory_health import HealthPoint, HealthRun
from workbench.words import text
from workbench.words.format import escape, share, size

# quantity -> how its line and points look: told apart without colour
_LOOKS = {
    "held": {"dash": "solid", "symbol": "circle"},
    "in_use": {"dash": "dash", "symbol": "square-open"},
    "largest_free": {"dash": "dot", "symbol": "triangle-up-open"},
}
_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"))


def memory_health(found: MemoryHealth, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary. The dashed level is what the largest request took."""
    spec = layout(theme, text("chart.memory_health.title"), height=380)
    # several allocators have more names than fit above
    spec["legend"] = {"orientation": "h", "x": 0, "xanchor": "left", "y": -0.2, "yanchor": "top"}
    spec["margin"] |= {"t": 40}
    known = [run for run in found.runs if run.after.source is not None]
    missing = next((str(run.after.missing) for run in found.runs if run.after.missing), "")
    spec["annotations"] = note(theme, "" if known else escape(text("chart.memory_health.empty", why=missing), 300))
    spec["xaxis"] = {"title": {"text": text("chart.memory_health.x")}, "fixedrange": True}
    if not known:
        return {"data": [], "layout": spec}
    most = max(run.highest("held") or 0 for run in known)
    scale, unit = next((pair for pair in _UNITS if most >= pair[0]), _UNITS[-1])
    spec["yaxis"] = {
        "title": {"text": text("chart.memory_health.y", unit=unit)},
        "rangemode": "tozero",
        "fixedrange": True,
    }
    allocators = list(dict.fromkeys(run.allocator for run in known))
    called, traces = found.names, []
    for at, run in enumerate(found.runs):
        if run.after.source is None:
            continue
        colour = theme.series[allocators.index(run.allocator) % len(theme.series)]
        first = all(run.allocator != before.allocator for before in found.runs[:at])
        for name, look in _LOOKS.items():
            label = text(f"chart.memory_health.{name}")
            label = f"{run.allocator}: {label}" if len(allocators) > 1 else label
            traces.append(_line(run, name, look, scale, label, first, colour, called[at]))
    spec["shapes"], level = _need(known, scale, theme)
    spec["annotations"] += level
    return {"data": traces, "layout": spec}


def _line(
    run: HealthRun, name: str, look: dict[str, str], scale: int, label: str, first: bool, colour: str, called: str
) -> dict[str, Any]:
    values = [getattr(point.state, name) for point in run.points]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": label,
        "legendgroup": label,
        "showlegend": first,
        "x": list(range(1, len(values) + 1)),
        "y": [None if value is None else value / scale for value in values],
        "line": {"color": colour, "width": 1.5, "dash": look["dash"]},
        "marker": {"size": 6, "symbol": look["symbol"], "color": colour},
        "hoverinfo": "text",
        "hovertext": [_hover(called, at, label, name, point) for at, point in enumerate(run.points, start=1)],
    }


def _hover(called: str, at: int, label: str, name: str, point: HealthPoint) -> str:
    return text(
        "chart.memory_health.hover",
        run=called,
        request=at,
        prompt=point.prompt_tokens,
        new=point.new_tokens,
        name=label,
        value=size(getattr(point.state, name)),
        split=share(point.state.split_share),
        unused=share(point.state.unused_share),
    )


def _need(known: list[HealthRun], scale: int, theme: Theme) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A level, and its words at the right end."""
    need = max(run.need_bytes for run in known)
    level = {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": need / scale,
        "y1": need / scale,
        "line": {"color": theme.muted, "width": 1, "dash": "longdash"},
    }
    words = {
        "text": text("chart.memory_health.need") + f" {size(need)}",
        "xref": "paper",
        "x": 1,
        "xanchor": "right",
        "y": need / scale,
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"color": theme.muted, "size": 11},
    }
    return [level], [words]
