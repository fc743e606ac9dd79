"""The chart that decides: what each configuration costs in quality, against decode speed and against memory."""

from math import log10
from typing import Any

from workbench.charts.labels import Mark, Pane, labels
from workbench.charts.memory import scale_of
from workbench.charts.runs import workload_words
from workbench.charts.theme import Theme, layout, note
from workbench.decisions import Candidate, Decision
from workbench.words import text
from workbench.words.format import escape, interval, number, quantity, share, size

# every figure has a trace of each class in both panes, so that it can be changed in place: class -> symbol
CLASSES = {"reference": "star", "full": "circle", "eight": "square", "four": "diamond", "other": "triangle-up"}
_HEIGHT = 520
_TOP, _BOTTOM = 78, 112  # margins, pixels; the legend, which a narrow page wraps, stands below the axis
_DOMAINS = ((0.0, 0.57), (0.62, 1.0))
_WIDTH = 600  # pixels of both panes, where labels are kept apart; wider pages have more room
_LEAST_KLD = 1e-5  # below it nobody sees anything: 16-bit storage of the reference alone gives llama.cpp 5e-4
_MOST_BELOW = 100  # a noise floor so many times below every KLD is told, not drawn to scale


def decision(found: Decision | None, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary: KLD (logarithmic, better is lower) over speed on the left, memory on the right.

    A KLD is that of the text or of the decode path, whichever is larger.

    Traces: the noise floor in each pane, then each class of CLASSES in each pane. A mark's area grows with the bytes of
    the weights; a hollow mark lies within the noise floor. `customdata` is the place among the candidates.
    """
    candidates = found.candidates if found else ()
    low, high = _kld_range(found)
    scale, unit = scale_of([each.weight_bytes for each in candidates])
    panes: tuple[list[float | None], list[float | None]] = (
        [each.decode_tps for each in candidates],
        [each.weight_bytes / scale for each in candidates],
    )
    reaches = [1.3 * max((value for value in values if value is not None), default=1.0) for values in panes]
    traces = [_band(found, pane, (0.0, reaches[pane]), low, theme) for pane in range(2)]
    for name in CLASSES:
        for pane, values in enumerate(panes):
            traces.append(_points(found, name, pane, values, low, theme))
    spec = layout(theme, _title(found), _HEIGHT)
    spec["margin"] |= {"t": _TOP, "b": _BOTTOM, "l": 72}
    spec["legend"] |= {"itemsizing": "constant", "y": -54 / (_HEIGHT - _TOP - _BOTTOM), "yanchor": "top"}
    for pane, (name, words) in enumerate(
        (("xaxis", text("chart.decision.speed")), ("xaxis2", text("chart.decision.memory", unit=unit)))
    ):
        spec[name] = {
            "title": {"text": words},
            "range": [0, reaches[pane]],
            "domain": list(_DOMAINS[pane]),
            "anchor": "y" if pane == 0 else "y2",
            "fixedrange": True,
        }
    y = {"type": "log", "range": [log10(low), log10(high)], "fixedrange": True, "exponentformat": "power", "dtick": 1}
    spec["yaxis"] = {**y, "title": {"text": text("chart.decision.y")}}
    spec["yaxis2"] = {**y, "anchor": "x2", "matches": "y", "showticklabels": False}
    spec["annotations"] = note(theme, "" if candidates else text("chart.decision.empty"))
    for pane, values in enumerate(panes if candidates else ()):
        spec["annotations"] += _labels(candidates, pane, values, reaches[pane], (low, high), theme)
        spec["annotations"].append(_better(theme, pane))
    return {"data": traces, "layout": spec}


def class_of(candidate: Candidate) -> str:
    """Which of CLASSES it is drawn as."""
    if candidate.reference:
        return "reference"
    return {None: "full", 8: "eight", 4: "four"}.get(candidate.bits, "other")


def _title(found: Decision | None) -> str:
    lines = [text("chart.decision.title")]
    reference = found.reference if found else None
    if found and reference:
        workload = workload_words(found.workload) if found.workload else text("decision.no_workload")
        lines.append(
            text(
                "chart.decision.suite",
                suite=escape(found.suite, 60),
                reference=escape(reference.label, 60),
                workload=escape(workload),
            )
        )
        if found.small:
            lines.append(text("chart.decision.small", model=escape(found.model, 60)))
    small = "".join(f"<br><span style='font-size:12px'>{line}</span>" for line in lines[1:])
    return lines[0] + small


def _kld_range(found: Decision | None) -> tuple[float, float]:
    """Holds every KLD that is worth a place, and the noise floor unless it lies far below them."""
    candidates = [each for each in found.candidates if not each.reference] if found else []
    floor = found.floor if found and found.floor else 0.0
    ends = [end for each in candidates for end in (each.kld, *(each.kld_ci95 or ()))]
    least = min([each.kld for each in candidates if each.kld > max(floor, _LEAST_KLD)], default=max(floor, _LEAST_KLD))
    low = floor / 20 if floor >= least / _MOST_BELOW else least / 20
    return low, 2.5 * max([*ends, floor, 100 * low])


def _band(found: Decision | None, pane: int, x: tuple[float, float], low: float, theme: Theme) -> dict[str, Any]:
    """From the bottom of the axis to the noise floor: what lies in it was not told apart from the reference."""
    floor = found.floor if found else None
    top = max(floor, 1.3 * low) if floor is not None else None  # a floor far below still shows as a line
    name = text("chart.decision.floor" if top == floor else "chart.decision.floor_below", kld=number(floor))
    return {
        "type": "scatter",
        "mode": "lines",
        "fill": "toself",
        "fillcolor": theme.grid,
        "line": {"width": 1, "dash": "dash", "color": theme.muted},
        "name": name,
        "x": [x[0], x[1], x[1], x[0], x[0]] if top is not None else [],
        "y": [low, low, top, top, low] if top is not None else [],
        "xaxis": f"x{'2' if pane else ''}",
        "yaxis": f"y{'2' if pane else ''}",
        "hoveron": "fills",
        "hoverinfo": "text",
        "text": text("chart.decision.hover_floor", kld=number(floor)),
        "legendgroup": "floor",
        "showlegend": pane == 0 and floor is not None,
    }


def _points(
    found: Decision | None,
    name: str,
    pane: int,
    values: list[float | None],
    low: float,
    theme: Theme,
) -> dict[str, Any]:
    candidates = found.candidates if found else ()
    members = [place for place, each in enumerate(candidates) if class_of(each) == name]
    places = [place for place in members if values[place] is not None]
    shown = [candidates[place] for place in places]
    height = [_height(each, low) for each in shown]
    colour = _colour(name, theme)
    largest = max((each.weight_bytes for each in candidates), default=1)
    # what stands on the bottom of the axis has no place there, and neither has its interval
    bounds = [each.kld_ci95 if at == each.kld else None for each, at in zip(shown, height, strict=True)]
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers",
        "name": text(f"chart.decision.class.{name}"),
        "legendgroup": name,
        # the pane of memory knows every candidate, that of speed only those which were measured
        "showlegend": bool(members) and pane == (0 if any(_timed(candidates[place]) for place in members) else 1),
        "x": [values[place] for place in places],
        "y": height,
        "xaxis": f"x{'2' if pane else ''}",
        "yaxis": f"y{'2' if pane else ''}",
        "marker": {
            "symbol": [f"{CLASSES[name]}{'-open' if each.same else ''}" for each in shown],
            "size": [6 + 10 * (each.weight_bytes / largest) ** 0.5 for each in shown],
            "color": colour,
            "line": {"width": 2, "color": colour},
        },
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [ends[1] - at if ends else None for ends, at in zip(bounds, height, strict=True)],
            # a logarithmic axis has no room for an end at or below 0: the bar runs to its bottom
            "arrayminus": [
                at - max(min(ends[0], at), low) if ends else None for ends, at in zip(bounds, height, strict=True)
            ],
            "thickness": 1.5,
            "width": 5,
            "color": colour,
        },
        "hoverinfo": "text",
        "hovertext": [_hover(each) for each in shown],
        "customdata": places,
    }
    if pane == 0:
        speeds = [(each.decode_tps or 0.0, each.decode_ci95) for each in shown]
        trace["error_x"] = {
            "type": "data",
            "symmetric": False,
            "array": [ends[1] - value if ends else None for value, ends in speeds],
            "arrayminus": [value - ends[0] if ends else None for value, ends in speeds],
            "thickness": 1.5,
            "width": 5,
            "color": colour,
        }
    return trace


def _timed(candidate: Candidate) -> bool:
    return candidate.decode_tps is not None


def _height(candidate: Candidate, low: float) -> float:
    """On the axis. What lies below its end, as the reference with its 0, stands just above it: the hover says."""
    return max(candidate.kld, 2 * low)


def _labels(
    candidates: tuple[Candidate, ...],
    pane: int,
    values: list[float | None],
    reach: float,
    y: tuple[float, float],
    theme: Theme,
) -> list[dict[str, Any]]:
    marks = [
        Mark(value, _height(each, y[0]), escape(each.label, 44))
        for each, value in zip(candidates, values, strict=True)
        if value is not None
    ]
    left, right = _DOMAINS[pane]
    axes = ("x2", "y2") if pane else ("x", "y")
    return labels(marks, Pane(reach, *y, (right - left) * _WIDTH, _HEIGHT - _TOP - _BOTTOM, *axes), theme)


def _colour(name: str, theme: Theme) -> str:
    if name == "reference":
        return theme.text
    return theme.series[list(CLASSES).index(name) - 1]


def _hover(candidate: Candidate) -> str:
    decode = quantity(candidate.decode_tps, "tok/s")
    if candidate.decode_ci95:
        decode += f" {interval(candidate.decode_ci95)}"
    label, held = escape(candidate.label, 120), size(candidate.weight_bytes)
    if candidate.reference:
        return text("chart.decision.hover_reference", label=label, size=held, decode=decode)
    return text(
        "chart.decision.hover",
        label=label,
        kld=f"{number(candidate.kld)} {interval(candidate.kld_ci95)}",
        where=text("quality.the_path" if candidate.along else "quality.the_text"),
        same_top=share(candidate.same_top),
        size=held,
        decode=decode,
    )


def _better(theme: Theme, pane: int) -> dict[str, Any]:
    """Which way is better: down in both panes, fast is right, small is left."""
    word = text("chart.decision.better")
    return {
        "text": f"↙ {word}" if pane else f"{word} ↘",
        "showarrow": False,
        "xref": "paper",
        "yref": "paper",
        "x": _DOMAINS[pane][0] if pane else _DOMAINS[pane][1],
        "y": 1.0,
        "xanchor": "left" if pane else "right",
        "yanchor": "top",
        "font": {"color": theme.muted, "size": 11},
    }
