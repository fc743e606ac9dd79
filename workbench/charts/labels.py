"""Labels beside the marks of a chart, moved apart where they would lie on each other, a thin line to their mark."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from typing import Any

from workbench.charts.theme import Theme

LINE = 13  # pixels from one label to the next
_LETTER = 6.3  # pixels, of a letter at this size, a little more than most
_BESIDE = 9  # pixels between mark and label
_SIZE = 11


@dataclass(frozen=True)
class Mark:
    """A point with its label, already escaped. `x` on a linear axis from 0, `y` on a logarithmic one."""

    x: float
    y: float
    label: str


@dataclass(frozen=True)
class Pane:
    """Where the marks stand: the axes' ends, about how many pixels they span, and plotly's names of the axes."""

    x_end: float
    y_low: float
    y_high: float
    width: float
    height: float
    xref: str
    yref: str

    def place(self, mark: Mark) -> tuple[float, float]:
        """Pixels from the left and from the top."""
        above = log10(mark.y / self.y_low) / log10(self.y_high / self.y_low)
        return mark.x / self.x_end * self.width, (1 - above) * self.height


_Box = tuple[float, float, float, float]  # left, top, right, bottom


def labels(marks: Sequence[Mark], pane: Pane, theme: Theme) -> list[dict[str, Any]]:
    """Annotations for plotly, one a mark. The width is a guess (the page decides it): crowding is judged by height."""
    places = [pane.place(mark) for mark in marks]
    taken: list[_Box] = [(x - 7, y - 6, x + 7, y + 6) for x, y in places]
    made = []
    for mark, (x, y) in sorted(zip(marks, places, strict=True), key=lambda each: each[1][1]):
        length = _LETTER * len(mark.label)
        fits = x + _BESIDE + length < pane.width, x - _BESIDE - length > 0  # to the right, to the left
        to_right = fits[0] if fits[0] != fits[1] else fits[0] or x < pane.width / 2
        left = x + _BESIDE if to_right else x - _BESIDE - length
        shift = _free(left, y, length, pane.height, taken)
        taken.append(_box(left, y + shift, length))
        made.append(
            {
                "text": mark.label,
                "x": mark.x,
                "y": log10(mark.y),  # an annotation on a logarithmic axis stands at the logarithm
                "xref": pane.xref,
                "yref": pane.yref,
                "ax": _BESIDE if to_right else -_BESIDE,
                "ay": shift,
                "xanchor": "left" if to_right else "right",
                "yanchor": "middle",
                "showarrow": True,
                "arrowhead": 0,
                "arrowwidth": 1,
                "arrowcolor": theme.muted if shift else "rgba(0, 0, 0, 0)",
                "font": {"color": theme.text, "size": _SIZE},
            }
        )
    return made


def _free(left: float, y: float, length: float, height: float, taken: Sequence[_Box]) -> float:
    """The smallest shift, up or down, at which the label lies on nothing; 0 where there is no room anywhere."""
    steps = (step * LINE * sign for step in range(int(height / LINE)) for sign in (-1, 1))
    for shift in steps:
        box = _box(left, y + shift, length)
        if box[1] >= 0 and box[3] <= height and not any(_overlap(box, other) for other in taken):
            return float(shift)
    return 0.0


def _box(left: float, middle: float, length: float) -> _Box:
    return left, middle - LINE / 2, left + length, middle + LINE / 2


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
