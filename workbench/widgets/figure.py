"""A live figure that is made once and changed in place."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go

from workbench.widgets.parts import classed, close_tree, column, markup
from workbench.words.format import escape

Draw = Callable[[], dict[str, Any]]  # -> {"data": traces, "layout": layout}
LISTS = {"annotations", "shapes"}


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
            changed = _changes(before["layout"], spec["layout"])
            # a shorter list in an update leaves what is over, and a new axis is named in it together with its parts,
            # which the page refuses
            for name in [name for name in changed if name in LISTS or name not in before["layout"]]:
                self.widget.layout[name] = changed.pop(name)
            self.widget.layout.update(changed)
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


class LaterFigure:
    """A LiveFigure that is made by the first `redraw` with something to show: each one sends the page 5 MB of script.

    `box` holds the sentence `empty` until then, that is until `found()` is not None. `draw` gets what it found;
    `clicked` the number that a clicked point carries. Redrawn in sight only: plotly makes a figure out of sight 100 px
    wide.
    """

    def __init__(
        self,
        found: Callable[[], Any],
        draw: Callable[[Any], dict[str, Any]],
        empty: str,
        *classes: str,
        clicked: Callable[[int], None] | None = None,
    ) -> None:
        self._found = found
        self._draw = draw
        self._classes = classes
        self._clicked = clicked
        self._empty = markup(f"<div class='wb-note'>{escape(empty)}</div>", "wb-nothing")
        self._figure: LiveFigure | None = None
        self.box = column([self._empty])

    def redraw(self) -> None:
        """Show what is found now; in sight only."""
        if self._figure is not None:
            self._figure.redraw()
        elif self._found() is not None:
            self._figure = LiveFigure(lambda: self._draw(self._found()), *self._classes)
            if self._clicked is not None:
                self._figure.on_point(self._clicked)
            self.box.children = (self._figure.widget,)
            close_tree(self._empty)


def _changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What of `new` differs from `old`, None where it is gone; dictionaries are compared inside, lists as wholes."""
    changed: dict[str, Any] = dict.fromkeys(old.keys() - new.keys())
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            inside = _changes(before, value)
            if inside:
                changed[key] = inside
        elif value != before:
            changed[key] = value
    return changed
