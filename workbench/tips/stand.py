"""The models that experiments run on, each opened once; what was asked already is not asked again."""

import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.config import Config
from workbench.machine import doctor
from workbench.results import Machine, Quantities, Resolved
from workbench.session import Session


@dataclass(frozen=True)
class Cell:
    """What one situation gave. `about`: what tells it from the others."""

    found: Quantities
    about: Mapping[str, Any] = field(default_factory=dict)
    resolved: Resolved | None = None
    config: Mapping[str, Any] | None = None


class Stand:
    """Lends models to experiments. A context manager: what it opened is closed, the bench's configuration is back.

    session  the bench; its model stands for every tip that names none. None: each model is opened when it is needed
    model    what such tips run on then
    """

    def __init__(
        self, session: Session | None = None, model: str = "demo", open_with: Mapping[str, Any] | None = None
    ) -> None:
        self.bench = session
        self.model = session.name if session else model
        self.machine: Machine = session.machine if session else doctor()
        self._open_with = {"when_busy": "beside", **(open_with or {})}
        self._other: Session | None = None  # at most one beside the bench
        self._known: dict[str, Any] = {}
        self._after = ExitStack()
        self._working: Session | None = None
        self._stopped = threading.Event()

    def __enter__(self) -> "Stand":
        if self.bench is not None:
            self._after.callback(_back, self.bench, self.bench.config)
        return self

    def __exit__(self, *_: object) -> None:
        if self._other is not None:
            self._other.close()
        self._after.close()

    @property
    def device(self) -> str:
        """What every configuration of an experiment is for, unless it says otherwise."""
        return str(self.bench.config["device"]) if self.bench else "auto"

    def config(self, knobs: Mapping[str, Any]) -> Config:
        """The default configuration on the bench's device, with these knobs changed."""
        return Config(**{"device": self.device, **knobs})

    def on(self, model: str = "") -> Session:
        """A session with that model; "": the one of the bench."""
        wanted = model or self.model
        if self.bench is not None and wanted == self.bench.name:
            self._working = self.bench
        else:
            if self._other is None or self._other.name != wanted:
                if self._other is not None:
                    self._other.close()
                self._other = self._opened(wanted)
            self._working = self._other
        return self._working

    @contextmanager
    def apart(self, model: str = "") -> Iterator[Session]:
        """A session in a worker of its own, thrown away afterwards: for what may break the model."""
        before = self._working
        with self._opened(model or self.model) as session:
            self._working = session
            try:
                yield session
            finally:
                self._working = before

    def once(self, key: str, make: Callable[[], Any]) -> Any:
        """What `make` gives, made the first time that this key is asked for."""
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def scratch(self) -> Path:
        """An empty folder, gone at the end."""
        return Path(self._after.enter_context(tempfile.TemporaryDirectory(prefix="workbench-tips-")))

    @property
    def stopped(self) -> bool:
        """Whether it was asked to end."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Ends what runs now, and what would follow; from any thread."""
        self._stopped.set()
        if self._working is not None:
            self._working.stop()

    def _opened(self, model: str) -> Session:
        return Session(model, config=Config(device=self.device), **self._open_with)


def _back(session: Session, config: Config) -> None:
    if session.state != "closed" and session.config != config:
        session.apply(config)
