"""How charts look: the Okabe–Ito palette on transparent ground, for a light page, a dark one, or either."""

import html
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from workbench.words.format import printable

# Okabe & Ito 2008, Color Universal Design: told apart with every common colour blindness
OKABE_ITO = {
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
}
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"


@dataclass(frozen=True)
class Theme:
    """Colours of one ground. `first` and `second` are the two main series; `series` the palette in order."""

    name: str
    text: str
    muted: str
    grid: str
    hover: str
    first: str
    second: str
    series: tuple[str, ...]


LIGHT = Theme(
    name="light",
    text="#212121",
    muted="#616161",
    grid="rgba(0, 0, 0, 0.12)",
    hover="#ffffff",
    first=OKABE_ITO["blue"],
    second=OKABE_ITO["vermillion"],
    series=tuple(OKABE_ITO[name] for name in ("blue", "orange", "green", "purple", "vermillion", "sky")),
)
DARK = Theme(
    name="dark",
    text="#e8e8e8",
    muted="#b0b0b0",
    grid="rgba(255, 255, 255, 0.16)",
    hover="#303030",
    first=OKABE_ITO["sky"],
    second=OKABE_ITO["orange"],
    series=tuple(OKABE_ITO[name] for name in ("sky", "orange", "green", "purple", "yellow", "vermillion")),
)
# for saved pictures and pages whose ground is not known: 4.5 : 1 on white and on black
EITHER = Theme(
    name="either",
    text="#767676",
    muted="#767676",
    grid="rgba(127, 127, 127, 0.3)",
    hover="#eeeeee",
    first="#1E88C8",
    second=OKABE_ITO["vermillion"],
    series=("#1E88C8", *(OKABE_ITO[name] for name in ("orange", "green", "purple", "vermillion", "sky"))),
)


def template(theme: Theme) -> dict[str, Any]:
    """The plotly template of a theme."""
    axis = {
        "gridcolor": theme.grid,
        "linecolor": theme.muted,
        "zerolinecolor": theme.grid,
        "tickfont": {"color": theme.muted, "size": 12},
        "title": {"font": {"color": theme.muted, "size": 12}, "standoff": 8},
        "automargin": True,
    }
    return {
        "layout": {
            "paper_bgcolor": "rgba(0, 0, 0, 0)",
            "plot_bgcolor": "rgba(0, 0, 0, 0)",
            "font": {"family": FONT, "color": theme.text, "size": 12},
            "title": {"font": {"size": 14, "color": theme.text}, "x": 0, "xref": "paper", "xanchor": "left"},
            "legend": {"font": {"color": theme.text, "size": 12}, "bgcolor": "rgba(0, 0, 0, 0)"},
            "hoverlabel": {
                "bgcolor": theme.hover,
                "bordercolor": theme.muted,
                "font": {"color": "#212121" if theme is EITHER else theme.text, "family": FONT, "size": 12},
                "align": "left",
                "namelength": -1,
            },
            "modebar": {"bgcolor": "rgba(0, 0, 0, 0)", "color": theme.muted, "activecolor": theme.text},
            "xaxis": axis,
            "yaxis": axis,
            "colorway": list(theme.series),
        }
    }


def layout(theme: Theme, title: str, height: int = 320) -> dict[str, Any]:
    """What every chart's layout has in common. `title` is the question that the chart answers."""
    return {
        "template": template(theme),
        "title": {"text": title, "y": 0.98, "yanchor": "top", "pad": {"t": 4}},
        "autosize": True,
        "height": height,
        "margin": {"l": 56, "r": 16, "t": 64, "b": 40},
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom"},
        "hovermode": "closest",
        "dragmode": False,
    }


def titled(title: str, *lines: str, width: int = 84) -> str:
    """A title with smaller lines under it, each wrapped for a narrow page. Takes plain text: it is escaped here."""
    small = [html.escape(part) for line in lines for part in wrap(printable(line, 400), width)]
    return html.escape(title) + "".join(f"<br><span style='font-size:12px'>{each}</span>" for each in small)


def note(theme: Theme, text: str) -> list[dict[str, Any]]:
    """A sentence in the middle of an empty chart; no annotation when `text` is empty."""
    return [
        {
            "text": text,
            "showarrow": False,
            "xref": "paper",
            "yref": "paper",
            "x": 0.5,
            "y": 0.5,
            "font": {"color": theme.muted, "size": 13},
            "visible": bool(text),
        }
    ]
