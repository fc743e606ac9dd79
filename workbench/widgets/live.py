"""LiveUtilisation: a chart that moves while cells run and while nothing runs.

Class names for tests and style sheets: wb-live, wb-chart-live, wb-live-words, wb-live-toggle.
"""

import os
import threading
from typing import TYPE_CHECKING, Any

from workbench import machine as machines
from workbench.charts import DARK, LIGHT
from workbench.charts.utilisation import utilisation, utilisation_words
from workbench.machine.gpus import sampled_uuids
from workbench.probes.device import Sampler
from workbench.results import DeviceSample
from workbench.widgets.figure import LiveFigure
from workbench.widgets.guard import Guard
from workbench.widgets.page import Page
from workbench.widgets.parts import button, close_tree, column, markup, only_one, row
from workbench.words import text
from workbench.words.format import escape

if TYPE_CHECKING:
    from workbench.session import Session

WINDOW_S = 45.0
LOOK_S = 0.1


class LiveUtilisation:
    """CPU, memory and GPUs of this machine as they are now; shown when it is the last value of a cell.

    session   whose worker is told apart from other processes; None: the machine as a whole
    period_s  between two redraws; at least 0.2 s, because each costs milliseconds that a measurement would notice

    One is open in a kernel: making a new one closes the one before. ValueError for a shorter period.
    """

    def __init__(self, session: "Session | None" = None, period_s: float = 1.0) -> None:
        if period_s < 0.2:
            raise ValueError(f"period_s is at least 0.2, not {period_s}")
        self._session = session
        self._period_s = period_s
        self._guard = Guard(self._failed)
        machine = session.machine if session else machines.doctor()
        self._gpus = tuple(gpu.name for gpu in machine.gpus)
        self._sampler = Sampler(period_s=LOOK_S, pid=self._pid(), gpu_uuids=sampled_uuids(machine))
        self._page = Page()
        self._words = markup("", "wb-live-words")
        self._toggle = button(text("chart.live.stop"), "wb-live-toggle")
        self._figure = LiveFigure(self._draw, "wb-chart-live")
        self.box = column(
            [self._page, row([self._words, self._toggle], "wb-live-top"), self._figure.widget], "wb-panel"
        )
        self.box.add_class("wb-live")
        self._toggle.on_click(self._guard(self._toggled))
        self._page.observe(self._guard(lambda _change: self._figure.redraw()), "dark")
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False
        self.start()
        only_one(self)

    def start(self) -> None:
        """Sample and redraw from now on; nothing happens when it runs already."""
        if self._thread is None:
            self._stop = threading.Event()  # one per thread: a former one may still be on its way out
            self._sampler.start()
            self._thread = threading.Thread(target=self._run, args=(self._stop,), name="workbench-live", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop sampling and redrawing; the last picture stays."""
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5.0)
        self._sampler.stop()

    def close(self) -> None:
        """Stop, and remove the chart from the page. May be called again."""
        self.stop()
        with self._guard:
            if not self._closed:
                self._closed = True
                close_tree(self.box)

    @property
    def samples(self) -> tuple[DeviceSample, ...]:
        """The looks of the last seconds, oldest first."""
        return self._sampler.samples

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.box._repr_mimebundle_(**kwargs)

    def _pid(self) -> int | None:
        if self._session is None:
            return None
        return self._session.pid or os.getpid()  # inline, the model is in this process

    def _run(self, stop: threading.Event) -> None:
        watched = self._pid()
        while not stop.wait(self._period_s):
            if self._pid() != watched:
                watched = self._pid()
                self._sampler.watch(watched)
            with self._guard:
                self._figure.redraw()
                self._words.value = f"<div>{escape(utilisation_words(self._sampler.latest), 400)}</div>"

    def _draw(self) -> dict[str, Any]:
        thinned = self._sampler.samples[:: -max(1, round(self._period_s / LOOK_S))][::-1]
        theme = DARK if self._page.dark else LIGHT
        return utilisation(thinned, theme, WINDOW_S, self._gpus, os.cpu_count())

    def _toggled(self, _button: Any) -> None:
        if self._thread is None:
            self.start()
        else:
            # not joined here: the thread may be waiting for the lock that this callback holds
            self._stop.set()
            self._thread = None
            self._sampler.stop()
        self._toggle.description = text("chart.live.start" if self._thread is None else "chart.live.stop")

    def _failed(self, error: Exception) -> None:
        self._stop.set()
        self._sampler.stop()
        self._words.value = f"<div class='wb-error'>{escape(f'{type(error).__name__}: {error}', 400)}</div>"
