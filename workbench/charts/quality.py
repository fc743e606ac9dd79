"""The chart of one quality diff: mean KLD by domain, over all text and along the decode path, above its noise floor."""

from collections.abc import Mapping
from typing import Any

from workbench.charts.theme import Theme, layout, note, titled
from workbench.config import Config
from workbench.results import QualityDiff, Statistics
from workbench.results.quality import domain_words
from workbench.words import text
from workbench.words.format import escape, interval, knob_value, number, printable, share

_ROW = 34  # pixels


def quality(found: QualityDiff | None, theme: Theme) -> dict[str, Any]:
    """A plotly figure as a dictionary: traces "noise floor", "by domain" (the worst on top), "whole"."""
    domains = dict(sorted(found.by_domain.items(), key=lambda item: -item[1].kld.mean)) if found else {}
    together: dict[str, Statistics] = {}
    if found:
        together[text("chart.domains.whole")] = found.overall
        if found.decode_path is not None:
            together[text("chart.domains.decode")] = found.decode_path
    by_domain = {escape(domain_words(name)): statistics for name, statistics in domains.items()}
    rows = [*by_domain, *together]
    spec = layout(theme, _title(found), max(300, 150 + _ROW * len(rows)))
    spec["margin"] |= {"l": 200, "b": 48, "t": 104}
    ends = [end for each in (*by_domain.values(), *together.values()) for end in (*each.kld.mean_ci95, each.kld.mean)]
    reach = 1.25 * max([*ends, found.noise_floor.reach if found else 0.0], default=0.0)
    spec["xaxis"] = {"title": {"text": text("chart.domains.x")}, "range": [0, reach or 1.0], "fixedrange": True}
    spec["yaxis"] = {
        "tickvals": list(range(len(rows))),
        "ticktext": rows,
        "range": [max(len(rows), 1) - 0.4, -0.6],
        "showgrid": False,
        "fixedrange": True,
    }
    spec["bargap"] = 0.35
    spec["barmode"] = "overlay"
    spec["annotations"] = note(theme, "" if found else text("chart.domains.empty"))
    traces = [
        _floor(found, len(rows), theme),
        _bars(by_domain, 0, text("chart.domains.texts"), theme.first, "", theme),
        _bars(together, len(by_domain), text("chart.domains.together"), theme.second, "/", theme),
    ]
    return {"data": traces, "layout": spec}


def candidate_words(values: Mapping[str, Any], reference: Mapping[str, Any]) -> str:
    """A candidate in few words: its format, or else what it changes of the reference. Not escaped."""
    config = Config(**values)
    if config["quantization"] not in ("auto", "none"):
        return str(config["quantization"])
    changed = Config(**reference).diff(config)
    return ", ".join(_value(name, new) for name, (_, new) in changed.items()) or text("format.none")


def _value(name: str, value: Any) -> str:
    """As it stands; "auto" alone would not say of what."""
    return f"{name} {knob_value(value)}" if value == "auto" else knob_value(value)


def _title(found: QualityDiff | None) -> str:
    if found is None:
        return text("chart.domains.title_empty")
    name = printable(candidate_words(found.candidate, found.reference), 60)
    return titled(text("chart.domains.title", config=name), str(found.verdict), width=64)


def _bars(
    rows: Mapping[str, Statistics], first: int, name: str, colour: str, pattern: str, theme: Theme
) -> dict[str, Any]:
    values = [each.kld.mean for each in rows.values()]
    bounds = [each.kld.mean_ci95 for each in rows.values()]
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": list(range(first, first + len(rows))),
        "x": values,
        "marker": {
            "color": colour,
            "pattern": {"shape": pattern, "size": 6, "solidity": 0.25},
            "line": {"width": 1, "color": theme.muted},
        },
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [high - value for value, (_, high) in zip(values, bounds, strict=True)],
            "arrayminus": [value - low for value, (low, _) in zip(values, bounds, strict=True)],
            "thickness": 2,
            "width": 6,
            "color": theme.text,
        },
        "hoverinfo": "text",
        "hovertext": [
            text(
                "chart.domains.hover",
                name=row,
                kld=f"{number(each.kld.mean)} {interval(each.kld.mean_ci95)}",
                same_top=share(each.same_top),
                positions=each.positions,
            )
            for row, each in rows.items()
        ],
        "showlegend": bool(rows),
    }


def _floor(found: QualityDiff | None, rows: int, theme: Theme) -> dict[str, Any]:
    """A band from 0 to what the reference shows against itself; too thin to be seen where the damage is large."""
    floor = found.noise_floor.reach if found else 0.0
    return {
        "type": "scatter",
        "mode": "lines",
        "fill": "toself",
        "fillcolor": theme.grid,
        "line": {"width": 1, "dash": "dash", "color": theme.muted},
        "name": text("chart.domains.floor"),
        "x": [0, floor, floor, 0] if rows else [],
        "y": [-0.6, -0.6, rows - 0.4, rows - 0.4] if rows else [],
        "hoverinfo": "name",
        "showlegend": bool(rows),
    }
