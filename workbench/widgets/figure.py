"""A live figure that is made once and changed in place."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go

from workbench.widgets.parts import classed

Draw = Callable[[], dict[str, Any]]  # -> {"data": traces, "layout": layout}


class LiveFigure:
    """A FigureWidget and the function that says what it shows now. Callers hold the panel's lock."""

    def __init__(self, draw: Draw, *classes: str) -> None:
        self._draw = draw
        self._shown = draw()
        self.widget = go.FigureWidget(self._shown)
        # drawing tools would change what a measurement shows; the picture button stays
        self.widget._config = {"displaylogo": False, "responsive": True, "modeBarButtons": [["toImage"]]}
        classed(self.widget, "wb-chart", *classes)

    def redraw(self) -> None:
        """Show what `draw` says now. Only changes are handed over: plotly checks each value, 70 ms for a figure."""
        spec, before = self._draw(), self._shown
        same = [trace["type"] for trace in spec["data"]] == [trace["type"] for trace in before["data"]]
        with self.widget.batch_update():
            if same:
                for trace, old, new in zip(self.widget.data, before["data"], spec["data"], strict=True):
                    trace.update(_changes(old, new))
            self.widget.layout.update(_changes(before["layout"], spec["layout"]))
        if not same:
            self.widget.data = ()
            self.widget.add_traces(spec["data"])
        self._shown = spec

    def on_point(self, clicked: Callable[[int], None]) -> None:
        """`clicked(index)` for a person's click on a point whose trace carries `customdata`."""

        def handle(trace: Any, points: Any, _state: Any) -> None:
            if points.point_inds and trace.customdata is not None:
                clicked(int(trace.customdata[points.point_inds[0]]))

        for trace in self.widget.data:
            trace.on_click(handle)


def _changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What of `new` differs from `old`; dictionaries are compared inside, lists as wholes."""
    changed = {}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            inside = _changes(before, value)
            if inside:
                changed[key] = inside
        elif value != before:
            changed[key] = value
    return changed
