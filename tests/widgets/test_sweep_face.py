"""What a sweep's buttons promise, and the header's word for an engine that is elsewhere."""

import ipywidgets
import pytest

from tests.sweep.made import point, sweep
from workbench.charts import LIGHT
from workbench.results import Sweep
from workbench.widgets.header import Header
from workbench.widgets.sweep_face import SweepFace
from workbench.widgets.sweep_work import SweepWork

ALONE = (
    point(0, "behind", 10, 600),
    point(1, "behind", 9, 600),
    point(2, "behind", 20, 250),
    point(3, "best", 30, 300),
)


def nothing(*_given: object) -> None:
    pass


@pytest.mark.parametrize(
    ("found", "said", "hint"),
    [
        (sweep(points=ALONE), "Apply the best", ""),
        (sweep(), "Apply the one that leads", "from it: 1 more"),
    ],
)
def test_the_button_calls_best_only_what_was_told_apart(found: Sweep, said: str, hint: str) -> None:
    face = SweepFace(SweepWork(nothing, nothing, nothing), lambda: LIGHT, nothing, applies=True)
    face.show(found)
    assert face.apply.description == said
    assert hint in face.apply.tooltip


def test_who_has_the_engine_is_named_while_it_is_elsewhere() -> None:
    header = Header([ipywidgets.HTML()], [ipywidgets.HTML()])
    header.state("released", "<b>02</b>.ipynb")
    assert "● &lt;b&gt;02&lt;/b&gt;.ipynb has the engine" in header._state.value
    header.state("measuring", "02.ipynb")
    assert "02.ipynb" not in header._state.value
