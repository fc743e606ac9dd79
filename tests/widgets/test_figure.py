"""The figure that is changed in place: what it tells the page, and what it keeps."""

from typing import Any

from workbench.widgets.figure import LiveFigure


def _spec(panes: int, *shapes: float) -> dict[str, Any]:
    numbers = [str(pane) if pane > 1 else "" for pane in range(1, panes + 1)]
    line = {"type": "line", "y0": 0, "y1": 1}
    return {
        "data": [{"type": "scatter", "y": [1, 2], "xaxis": f"x{number}", "yaxis": f"y{number}"} for number in numbers],
        "layout": {
            **{f"xaxis{number}": {"type": "log"} for number in numbers},
            f"xaxis{panes}": {"type": "log", "title": {"text": "tokens"}},
            **{f"yaxis{number}": {"domain": [0, 1 / panes]} for number in numbers},
            "shapes": [{**line, "x0": x, "x1": x} for x in shapes],
        },
    }


class Told:
    """Every change of the layout that the page was told."""

    def __init__(self, figure: LiveFigure) -> None:
        self.layouts: list[dict[str, Any]] = []
        figure.widget.observe(self._keep, ["_py2js_relayout", "_py2js_update"])

    def _keep(self, change: Any) -> None:
        if change["new"]:
            self.layouts.append(change["new"].get("layout_data") or change["new"].get("relayout_data"))

    @property
    def names(self) -> set[str]:
        return {name for layout in self.layouts for name in layout}


def test_an_axis_that_is_new_is_told_as_a_whole() -> None:
    """plotly's script throws for `xaxis3` beside `xaxis3.type` in one message."""
    shown = _spec(2)
    figure = LiveFigure(lambda: shown)
    told = Told(figure)
    shown = _spec(3)
    figure.redraw()
    assert {"xaxis3", "yaxis3"} <= told.names
    assert not [name for name in told.names if name.startswith(("xaxis3.", "yaxis3."))]
    assert figure.widget.layout.xaxis3.type == "log"
    assert figure.widget.layout.xaxis3.title.text == "tokens"
    assert figure.widget.layout.xaxis2.title.text is None  # no longer the lowest
    assert len(figure.widget.data) == 3


def test_a_change_inside_an_axis_is_told_alone() -> None:
    shown = _spec(2)
    figure = LiveFigure(lambda: shown)
    told = Told(figure)
    shown = _spec(2)
    shown["layout"]["xaxis2"]["title"]["text"] = "rows"
    figure.redraw()
    assert told.names == {"xaxis2.title.text"}


def test_what_is_no_longer_there_is_taken_away() -> None:
    shown = _spec(3, 1.0, 2.0)
    figure = LiveFigure(lambda: shown)
    shown = _spec(2, 1.0)
    figure.redraw()
    assert not figure.widget.layout.to_plotly_json()["xaxis3"]
    assert len(figure.widget.layout.shapes) == 1
    assert len(figure.widget.data) == 2
