"""Counts, last values and histograms of what happened, by series and labels: a scrape sees all at one moment."""

import threading
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from workbench.metrics.exported import SERIES

Labels = tuple[str, ...]  # values, in the order of the series' label names
Key = tuple[str, Labels]


@dataclass
class Histogram:
    """counts: of each bucket alone, the last one without a bound."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1  # a bound belongs to its bucket: le
        self.total += value


@dataclass
class Tally:
    """numbers: of counters and gauges. A label value outside the series' own list is an error of the workbench."""

    numbers: dict[Key, float] = field(default_factory=dict)
    histograms: dict[Key, Histogram] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is noted within it is seen together or not at all."""
        with self._lock:
            yield

    def add(self, series: str, *labels: str, by: float = 1) -> None:
        with self._lock:
            key = _key(series, labels)
            self.numbers[key] = self.numbers.get(key, 0) + by

    def set(self, series: str, *labels: str, to: float) -> None:
        with self._lock:
            self.numbers[_key(series, labels)] = to

    def begin(self, series: str, *labels: str) -> None:
        """A histogram without observations."""
        with self._lock:
            self.histograms.setdefault(_key(series, labels), Histogram(SERIES[series].buckets))

    def observe(self, series: str, *labels: str, value: float) -> None:
        with self._lock:
            self.begin(series, *labels)
            self.histograms[_key(series, labels)].observe(value)

    def snapshot(self) -> tuple[dict[Key, float], dict[Key, Histogram]]:
        """(numbers, histograms) as they are at this moment."""
        with self._lock:
            copies = {key: Histogram(one.bounds, [*one.counts], one.total) for key, one in self.histograms.items()}
            return dict(self.numbers), copies


def _key(series: str, labels: Labels) -> Key:
    for value, (name, allowed) in zip(labels, SERIES[series].labels.items(), strict=True):
        if value not in allowed:
            raise ValueError(f"{series}: {name} has no value {value!r}")
    return series, labels
