"""The chart of a census: bytes of each part of the model by number format; what was asked otherwise is striped."""

from collections.abc import Sequence
from typing import Any

from workbench.charts.memory import scale_of
from workbench.charts.theme import Theme, layout, note, titled
from workbench.results import ROLES, Census, Role
from workbench.results.census import role_words
from workbench.words import text
from workbench.words.format import count, escape, number, printable, size

_LEGEND = 52  # pixels below the axis
_ROW = 40  # pixels


def census(found: Census | None, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary: a bar for each role, a trace for each format; formats that stand where another
    was asked have a trace of their own."""
    shares = found.now if found else ()
    roles = [role for role in ROLES if any(share.role == role for share in shares)]
    totals = {role: sum(share.bytes for share in shares if share.role == role) for role in roles}
    scale, unit = scale_of(list(totals.values()))
    formats = list(dict.fromkeys(share.format for share in sorted(shares, key=lambda share: -share.bytes)))
    traces = []
    for place, name in enumerate(formats):
        colour = theme.series[place % len(theme.series)]
        traces.append(_bars(found, name, roles, scale, colour, theme, left=False))
        if found and any(left.format == name for left in found.left):
            traces.append(_bars(found, name, roles, scale, colour, theme, left=True))
    spec = layout(theme, _title(found), max(320, 190 + _ROW * len(roles)))
    spec["margin"] |= {"l": 110, "b": 130, "t": 76}
    spec["barmode"] = "stack"
    spec["bargap"] = 0.4
    reach = 1.08 * max(totals.values(), default=scale) / scale
    spec["xaxis"] = {"title": {"text": text("chart.census.x", unit=unit)}, "range": [0, reach], "fixedrange": True}
    spec["yaxis"] = {
        "categoryorder": "array",
        "categoryarray": [role_words(role) for role in roles],
        "autorange": "reversed",
        "showgrid": False,
        "fixedrange": True,
    }
    # below the axis: long names fill several rows, which above would run into the title
    spec["legend"] |= {"y": -_LEGEND / (spec["height"] - spec["margin"]["t"] - spec["margin"]["b"]), "yanchor": "top"}
    spec["annotations"] = note(theme, "" if found else text("chart.census.empty"))
    return {"data": traces, "layout": spec}


def _title(found: Census | None) -> str:
    if found is None:
        return text("chart.census.title_empty")
    return titled(text("chart.census.title", asked=printable(found.asked, 40)), str(found.sentence))


def _bars(
    found: Census | None, name: str, roles: Sequence[Role], scale: int, colour: str, theme: Theme, left: bool
) -> dict[str, Any]:
    """Bytes of one format by role: those where another was asked (`left`), or all the others."""
    heights, hovers = [], []
    for role in roles:
        inside = [share for share in found.now if (share.role, share.format) == (role, name)] if found else []
        apart = [each for each in found.left if (each.role, each.format) == (role, name)] if found else []
        apart_bytes, apart_values = sum(each.bytes for each in apart), sum(each.values for each in apart)
        if left:
            held, values = apart_bytes, apart_values
        else:
            held = sum(share.bytes for share in inside) - apart_bytes
            values = sum(share.values for share in inside) - apart_values
        heights.append(held / scale)
        words = {"role": role_words(role), "format": escape(name, 40), "size": size(held), "values": count(values)}
        if left:
            why = "; ".join(dict.fromkeys(escape(str(each.why), 200) for each in apart))
            hovers.append(text("chart.census.hover_left", **words, count=sum(each.count for each in apart), why=why))
        else:
            hovers.append(text("chart.census.hover", **words, bits=number(8 * held / values if values else None)))
    asked = escape(found.asked, 40) if found else ""
    return {
        "type": "bar",
        "orientation": "h",
        "name": text("chart.census.left", format=escape(name, 40), asked=asked) if left else escape(name, 40),
        "y": [role_words(role) for role in roles],
        "x": heights,
        "marker": {
            "color": colour,
            "pattern": {"shape": "/" if left else "", "size": 7, "solidity": 0.35},
            "line": {"width": 1, "color": theme.muted},
        },
        "hoverinfo": "text",
        "hovertext": hovers,
        "showlegend": any(heights),
    }
