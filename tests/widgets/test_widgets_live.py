"""The live chart: it moves, it stops, and there is one of it."""

import threading
from collections.abc import Iterator

import pytest

from tests.widgets.conftest import until
from workbench.widgets import LiveUtilisation


@pytest.fixture
def live() -> Iterator[LiveUtilisation]:
    made = LiveUtilisation(period_s=0.2)
    yield made
    made.close()


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name in ("workbench-live", "workbench-sampler")]


def test_it_draws_what_was_sampled(live: LiveUtilisation) -> None:
    until(lambda: len(live._figure.widget.data[0].x) >= 3)
    (available,) = (trace for trace in live._figure.widget.data if "memory available" in trace.name)
    assert all(value > 0 for value in available.y)
    assert "CPU" in live._words.value
    assert live.samples


def test_stop_and_start_again(live: LiveUtilisation) -> None:
    until(lambda: len(live.samples) >= 2)
    live._toggle.click()
    until(lambda: threads() == [])
    seen = len(live.samples)
    assert live._toggle.description == "Start"
    live._toggle.click()
    until(lambda: len(live.samples) > seen)
    assert sorted(threads()) == ["workbench-live", "workbench-sampler"]


def test_a_second_one_ends_the_first_and_closing_leaves_no_thread(live: LiveUtilisation) -> None:
    second = LiveUtilisation(period_s=0.2)
    assert live.box.comm is None
    assert sorted(threads()) == ["workbench-live", "workbench-sampler"]
    second.close()
    second.close()
    until(lambda: threads() == [])


def test_it_does_not_redraw_more_often_than_a_measurement_bears() -> None:
    with pytest.raises(ValueError, match=r"0\.2"):
        LiveUtilisation(period_s=0.05)
    assert threads() == []
