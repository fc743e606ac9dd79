"""A bench without a model, for what no model is needed for: it says what it is told, and nothing ever happens on it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.charts.samples import resolved
from workbench.results import AllocatorReading, Event, Resolved


@dataclass
class Told:
    state: str = "idle"
    pid: int | None = 1
    in_process: bool = False
    waiting: int = 0
    allocator: AllocatorReading | None = None
    resolved: Resolved = field(default_factory=resolved)

    def on(self, event: str, callback: Callable[[Event], None]) -> Callable[[], None]:
        return lambda: None
