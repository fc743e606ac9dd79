"""What a scrape reads, as Prometheus families: counts, the sampler's last look, the state of the session."""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.metrics_core import Metric

from workbench import __version__
from workbench.errors import WorkbenchError
from workbench.metrics.exported import SERIES
from workbench.metrics.series import OTHER, Series
from workbench.monitor.recorder import Recorder
from workbench.monitor.tally import Histogram
from workbench.monitor.watched import Watched
from workbench.probes.device import Sampler
from workbench.results import GpuSample, Resolved

OLD_S = 10.0  # a look that is older says nothing of now
NOT_RESIDENT = frozenset({"restoring", "released", "failed", "closed"})
Value = tuple[dict[str, str], float]
_BUILD: dict[str, Iterable[Value]] = {"build": [({"version": __version__}, 1.0)]}


class Collector:
    """Registered in a registry of its own. What is unknown has no sample: never 0."""

    def __init__(self, bench: Watched | None, recorder: Recorder, sampler: Sampler) -> None:
        self._bench = bench
        self._recorder = recorder
        self._sampler = sampler

    def describe(self) -> Iterator[Metric]:
        """Every family without samples: the registry asks once, so that no name is given twice."""
        return (_family(series) for series in SERIES.values())

    def collect(self) -> Iterator[Metric]:
        numbers, histograms = self._recorder.tally.snapshot() if self._bench else ({}, {})
        resident = self._resident()
        values = {**_BUILD, **self._session(resident), **self._device(resident)}
        for series in SERIES.values():
            family = _family(series)
            mine = [(labels, value) for (key, labels), value in numbers.items() if key == series.key]
            for labels, value in mine:
                _add(family, series, dict(zip(series.labels, labels, strict=True)), value)
            for named, value in values.get(series.key, ()):
                _add(family, series, named, value)
            for (key, labels), histogram in histograms.items():
                if key == series.key:
                    _add_histogram(family, series, dict(zip(series.labels, labels, strict=True)), histogram)
            if family.samples:
                yield family

    def _resident(self) -> bool:
        bench = self._bench
        return bench is not None and bench.state not in NOT_RESIDENT and (bench.in_process or bench.pid is not None)

    def _session(self, resident: bool) -> dict[str, Iterable[Value]]:
        bench = self._bench
        if bench is None:
            return {}
        state = bench.state
        found: dict[str, Iterable[Value]] = {
            "state": [({"state": name}, float(name == state)) for name in SERIES["state"].labels["state"]],
            "waiting": [({}, float(bench.waiting))],
            "resident": [({}, float(resident))],
        }
        in_force = _in_force(bench) if resident else None
        if in_force is not None:
            found["config"] = [(config_labels(in_force), 1.0)]
        if resident and (held := bench.allocator) is not None:
            found |= {key: [({}, value)] for key, value in _read("allocator", held)}
        return found

    def _device(self, resident: bool) -> dict[str, Iterable[Value]]:
        sample = self._sampler.latest
        if sample is None:
            return {}
        age_s = max(time.monotonic() - sample.time_s, 0.0)
        found: dict[str, list[Value]] = {"sample_age": [({}, age_s)]}
        if age_s > max(OLD_S, 3 * self._sampler.period_s):
            return dict(found)
        for key, value in _read("machine", sample):
            found[key] = [({}, value)]
        for name, gpu in zip(gpu_names(sample.gpus), sample.gpus, strict=True):
            for key, series in SERIES.items():
                if series.of == "gpu":
                    found.setdefault(key, []).extend(_of_gpu(series, name, getattr(gpu, series.reads)))
        # what a process that has just died held at the last look is nothing that it holds
        return {key: each for key, each in found.items() if resident or not SERIES[key].reads.startswith("process_")}


def config_labels(resolved: Resolved) -> dict[str, str]:
    """What is in force, each value from the closed list of its label: whatever else it is, it is "other"."""
    labels = {}
    for name, allowed in SERIES["config"].labels.items():
        value = str(getattr(resolved, name)) or "unknown"
        value = value.partition(":")[0] if name == "device" else value
        labels[name] = value if value in allowed else OTHER
    return labels


def gpu_names(gpus: Iterable[GpuSample]) -> list[str]:
    """NVML's indices; the parts of one GPU that is shared out are told apart by a number behind it."""
    names: list[str] = []
    for gpu in gpus:
        before = sum(name.partition(":")[0] == str(gpu.index) for name in names)
        names.append(f"{gpu.index}:{before}" if before else str(gpu.index))
    return names


def _in_force(bench: Watched) -> Resolved | None:
    try:
        return bench.resolved
    except WorkbenchError:  # no model is loaded: there is nothing in force
        return None


def _read(of: str, source: Any) -> Iterator[tuple[str, float]]:
    for key, series in SERIES.items():
        if series.of == of and series.reads and (value := getattr(source, series.reads)) is not None:
            yield key, value * series.factor


def _of_gpu(series: Series, gpu: str, value: Any) -> Iterator[Value]:
    here = {"gpu": gpu}
    reasons = series.labels.get("reason", ())
    if value is None:
        return
    if isinstance(value, tuple):  # the reasons that hold now
        yield from (({**here, "reason": reason}, float(reason in value)) for reason in reasons)
    elif isinstance(value, Mapping):  # reason -> seconds
        yield from (({**here, "reason": reason}, value[reason]) for reason in reasons if reason in value)
    elif isinstance(value, str):
        yield here, float(value == "lost")
    else:
        yield here, value * series.factor


def _family(series: Series) -> Metric:
    return Metric(series.name, series.definition, series.kind, series.unit)


def _add(family: Metric, series: Series, labels: dict[str, str], value: float) -> None:
    family.add_sample(series.sample_names[0], labels, value)


def _add_histogram(family: Metric, series: Series, labels: dict[str, str], histogram: Histogram) -> None:
    bucket, total, count = series.sample_names
    seen = 0
    for bound, inside in zip((*map(str, histogram.bounds), "+Inf"), histogram.counts, strict=True):
        seen += inside
        family.add_sample(bucket, {**labels, "le": bound}, seen)
    family.add_sample(count, labels, seen)
    family.add_sample(total, labels, histogram.total)
