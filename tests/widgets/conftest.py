"""A real session on a tiny model in this process, and ways to find and press what is in a panel."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import pytest

import workbench as wb
from workbench.widgets import TuningPanel
from workbench.widgets.tabs import TABS

PATIENCE_S = 120.0


class Driver:
    """A panel as a test sees it: by class names, as the browser tests do."""

    def __init__(self, panel: TuningPanel, session: wb.Session) -> None:
        self.panel = panel
        self.session = session

    def __getitem__(self, name: str) -> Any:
        """The widget of class wb-<name>."""
        found = [widget for widget in self.widgets() if f"wb-{name}" in widget._dom_classes]
        assert len(found) == 1, f"{len(found)} widgets of class wb-{name}"
        return found[0]

    def widgets(self) -> list[Any]:
        return list(_below(self.panel.box))

    def html(self) -> str:
        """All that the browser will read as HTML."""
        return "\n".join(widget.value for widget in self.widgets() if isinstance(widget, ipywidgets.HTML))

    def points(self, chart: str = "speed") -> dict[int, float]:
        """Place -> value of every measured point in a chart."""
        figure = self[f"chart-{chart}"]
        return {x: y for trace in figure.data[:2] for x, y in zip(trace.x, trace.y, strict=True)}

    def tab(self, name: str) -> None:
        """Bring a tab to the front."""
        self["tabs"].selected_index = TABS.index(name)

    def idle(self) -> None:
        """Wait until the session rests and the panel has heard of it."""
        until(lambda: self.session.state == "idle" and "idle" in self["state"].value)
        assert self.session._dispatcher.flush()

    def press(self, name: str) -> None:
        """A click as the browser sends it, and the end of what it started."""
        button = self[name]
        assert not button.disabled, f"wb-{name} cannot be pressed"
        button.click()
        self.idle()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def _below(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _below(child)


@pytest.fixture(scope="module")
def session(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[wb.Session]:
    store = wb.Runs(tmp_path_factory.mktemp("store") / "runs.sqlite3")
    model = "random:deepseek-llm-7b-base?scale=tiny&layers=2"
    with wb.Session(model, host="inline", runs=store, config=wb.Config(dtype="float32", threads=1)) as session:
        yield session
    store.close()


@pytest.fixture
def panel(session: wb.Session) -> Iterator[Driver]:
    """A fresh panel; the session is back in its first config, with no measurement behind it."""
    session.last.clear()
    session.apply(wb.Config(dtype="float32", threads=1))
    made = TuningPanel(session, groups=["attention", "precision", "tokens", "generation", "machine"], budget_s=1)
    driver = Driver(made, session)
    driver["workload"].value = "quick"
    for field, value in (("prompt_tokens", 16), ("new_tokens", 4)):
        driver[f"work-{field}"].value = value
    yield driver
    if session.state != "closed":
        driver.idle()
    made.close()
