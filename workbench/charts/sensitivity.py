"""The chart of sensitivity: which modules quantisation hurts, and what leaving each in full would give."""

from typing import Any

from workbench.charts.quality import candidate_words
from workbench.charts.theme import Theme, layout, note, titled
from workbench.results import Sensitive, Sensitivity
from workbench.words import text
from workbench.words.format import escape, number, printable, share, size

MOST_GROUPS = 16
_LEGEND = 52  # pixels below the axis
_ROW = 26  # pixels


def sensitivity(found: Sensitivity | None, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary: relative output error on the left, KLD with the group in full on the right.

    Traces: the others and the suggested ones in the left pane, the same in the right one, then the KLD as it is.
    """
    groups = found.groups[:MOST_GROUPS] if found else ()
    rows = [escape(each.label, 40) for each in groups]
    spared = [bool(found and _suggested(each, found)) for each in groups]
    spec = layout(theme, _title(found), max(340, 170 + _ROW * len(rows)))
    spec["margin"] |= {"l": 150, "b": 104, "t": 76}
    y = {
        "tickvals": list(range(len(rows))),
        "ticktext": rows,
        "range": [max(len(rows), 1) - 0.4, -0.6],
        "fixedrange": True,
    }
    spec["yaxis"] = {**y, "showgrid": False}
    spec["yaxis2"] = {**y, "anchor": "x2", "showticklabels": False, "matches": "y", "showgrid": True}
    known = [each.kld_without for each in groups if each.kld_without is not None]
    top = max([*known, found.kld if found else 0.0], default=0.0) or 1.0
    spec["xaxis"] = {
        "title": {"text": text("chart.sensitivity.error")},
        "domain": [0.0, 0.42],
        "rangemode": "tozero",
        "fixedrange": True,
    }
    spec["xaxis2"] = {
        "title": {"text": text("chart.sensitivity.kld")},
        "domain": [0.48, 1.0],
        "anchor": "y2",
        "range": [0, 1.3 * top],
        "fixedrange": True,
    }
    spec["bargap"] = 0.35
    spec["barmode"] = "overlay"
    # below the axis: long names fill several rows, which above would run into the title
    spec["legend"] |= {"y": -_LEGEND / (spec["height"] - spec["margin"]["t"] - spec["margin"]["b"]), "yanchor": "top"}
    spec["annotations"] = note(theme, "" if groups else text("chart.sensitivity.empty"))
    traces = []
    for pane in ("error", "kld"):
        for chosen in (False, True):
            members = [(row, each) for row, each in enumerate(groups) if spared[row] is chosen]
            draw = _errors if pane == "error" else _klds
            traces.append(draw(found, members, chosen, theme))
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": text("chart.sensitivity.as_is", kld=number(found.kld if found else None)),
            "x": [found.kld] * 2 if found and rows else [],
            "y": [-0.6, len(rows) - 0.4] if rows else [],
            "xaxis": "x2",
            "yaxis": "y2",
            "line": {"dash": "dash", "width": 2, "color": theme.muted},
            "hoverinfo": "name",
            "showlegend": bool(rows),
        }
    )
    return {"data": traces, "layout": spec}


def _suggested(group: Sensitive, found: Sensitivity) -> bool:
    return bool(group.names) and set(group.names) <= set(found.suggestion)


def _title(found: Sensitivity | None) -> str:
    if found is None:
        return text("chart.sensitivity.title_empty")
    name = printable(candidate_words(found.candidate, found.candidate), 60)
    return titled(text("chart.sensitivity.title", config=name), str(found.sentence))


def _colour(chosen: bool, theme: Theme) -> str:
    return theme.second if chosen else theme.first


def _name(chosen: bool) -> str:
    return text("chart.sensitivity.spare" if chosen else "chart.sensitivity.rest")


def _errors(
    found: Sensitivity | None, members: list[tuple[int, Sensitive]], chosen: bool, theme: Theme
) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": _name(chosen),
        "legendgroup": str(chosen),
        "y": [row for row, _ in members],
        "x": [100 * each.error for _, each in members],
        "marker": {
            "color": _colour(chosen, theme),
            "pattern": {"shape": "/" if chosen else "", "size": 6, "solidity": 0.25},
            "line": {"width": 1, "color": theme.muted},
        },
        "hoverinfo": "text",
        "hovertext": _hovers(found, members),
        "showlegend": bool(members),
    }


def _klds(
    found: Sensitivity | None, members: list[tuple[int, Sensitive]], chosen: bool, theme: Theme
) -> dict[str, Any]:
    """Only those that were measured; each says what it costs in memory."""
    members = [(row, each) for row, each in members if each.kld_without is not None]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": _name(chosen),
        "legendgroup": str(chosen),
        "showlegend": False,
        "y": [row for row, _ in members],
        "x": [each.kld_without for _, each in members],
        "xaxis": "x2",
        "yaxis": "y2",
        "text": [f"\u2002+{size(each.more_bytes)}" for _, each in members],
        "textposition": "middle right",
        "textfont": {"color": theme.muted, "size": 11},
        "marker": {"symbol": "diamond" if chosen else "circle", "size": 10, "color": _colour(chosen, theme)},
        "hoverinfo": "text",
        "hovertext": _hovers(found, members),
    }


def _hovers(found: Sensitivity | None, members: list[tuple[int, Sensitive]]) -> list[str]:
    return [
        text(
            "chart.sensitivity.hover",
            label=escape(each.label, 80),
            error=share(each.error),
            kld=number(each.kld_without),
            as_is=number(found.kld if found else None),
            more=size(each.more_bytes),
        )
        for _, each in members
    ]
