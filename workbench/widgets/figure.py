"""A live figure that is made once and changed in place."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go

from workbench.widgets.parts import classed

Draw = Callable[[], dict[str, Any]]  # -> {"data": traces, "layout": layout}, always with the same traces


class LiveFigure:
    """A FigureWidget and the function that says what it shows now. Callers hold the panel's lock."""

    def __init__(self, draw: Draw, *classes: str) -> None:
        self._draw = draw
        spec = draw()
        self.widget = go.FigureWidget(spec)
        # drawing tools would change what a measurement shows; the picture button stays
        self.widget._config = {
            "displaylogo": False,
            "responsive": True,
            "modeBarButtons": [["toImage"]],
        }
        classed(self.widget, "wb-chart", *classes)

    def redraw(self) -> None:
        """Show what `draw` says now, in one message."""
        spec = self._draw()
        with self.widget.batch_update():
            for trace, new in zip(self.widget.data, spec["data"], strict=True):
                trace.update({key: value for key, value in new.items() if key != "type"})
            self.widget.layout.update(spec["layout"], overwrite=False)

    def on_point(self, clicked: Callable[[int], None]) -> None:
        """`clicked(index)` for a person's click on a point whose trace carries `customdata`."""

        def handle(trace: Any, points: Any, _state: Any) -> None:
            if points.point_inds and trace.customdata is not None:
                clicked(int(trace.customdata[points.point_inds[0]]))

        for trace in self.widget.data:
            trace.on_click(handle)
