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
    """A point with its label, already escaped. `x` on a linear axis from 0, `y` on a logarithmic one.

    ends  of its error bar on x: a label that lies on a bar looks struck out
    """

    x: float
    y: float
    label: str
    ends: tuple[float, float] | None = None


@dataclass(frozen=True)
class Pane:
    """Where the marks stand: the axes' ends, about how many pixels they span, and plotly's names of the axes.

    also  widths that other pages give: labels are kept apart there too
    """

    x_end: float
    y_low: float
    y_high: float
    width: float
    height: float
    xref: str
    yref: str
    also: tuple[float, ...] = ()

    @property
    def widths(self) -> tuple[float, ...]:
        return (self.width, *self.also)

    def height_of(self, mark: Mark) -> float:
        """Pixels from the top."""
        above = log10(mark.y / self.y_low) / log10(self.y_high / self.y_low)
        return (1 - above) * self.height


_Box = tuple[float, float, float, float]  # left, top, right, bottom


def labels(marks: Sequence[Mark], pane: Pane, theme: Theme) -> list[dict[str, Any]]:
    """Annotations for plotly, one a mark. The width is a guess (the page decides it): crowding is judged by height."""
    taken: list[list[_Box]] = [
        [box for mark in marks for box in _ink(mark, width / pane.x_end, pane.height_of(mark))] for width in pane.widths
    ]
    made = []
    for mark in sorted(marks, key=pane.height_of):
        y, length = pane.height_of(mark), _LETTER * len(mark.label)
        at = [mark.x / pane.x_end * width for width in pane.widths]
        to_right = _to_right(at, length, pane.widths)
        lefts = [x + _BESIDE if to_right else x - _BESIDE - length for x in at]
        shift = _free(lefts, y, length, pane.height, taken)
        for boxes, left in zip(taken, lefts, strict=True):
            boxes.append(_box(left, y + shift, length))
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


def _ink(mark: Mark, scale: float, y: float) -> list[_Box]:
    """What is drawn there: the symbol, and its bar."""
    x = mark.x * scale
    symbol = (x - 7, y - 6, x + 7, y + 6)
    return [symbol] if mark.ends is None else [symbol, (mark.ends[0] * scale, y - 3, mark.ends[1] * scale, y + 3)]


def _to_right(at: Sequence[float], length: float, widths: Sequence[float]) -> bool:
    """Where there is room in every width; with room on both sides or on neither, away from the nearer edge."""
    right = all(x + _BESIDE + length < width for x, width in zip(at, widths, strict=True))
    left = all(x - _BESIDE - length > 0 for x in at)
    return right if right != left else right or at[-1] < widths[-1] / 2


def _free(lefts: Sequence[float], y: float, length: float, height: float, taken: Sequence[Sequence[_Box]]) -> float:
    """The smallest shift, up or down, at which the label lies on nothing in any width; 0 where there is no room."""
    steps = (step * LINE * sign for step in range(int(height / LINE)) for sign in (-1, 1))
    for shift in steps:
        boxes = [_box(left, y + shift, length) for left in lefts]
        inside = boxes[0][1] >= 0 and boxes[0][3] <= height
        if inside and not any(_overlap(box, other) for box, own in zip(boxes, taken, strict=True) for other in own):
            return float(shift)
    return 0.0


def _box(left: float, middle: float, length: float) -> _Box:
    return left, middle - LINE / 2, left + length, middle + LINE / 2


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
