"""The registry of what is exported: names that Prometheus takes, closed lists of label values, a bound on the whole."""

import re
from math import prod
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from workbench.metrics import METRICS
from workbench.metrics.exported import SERIES
from workbench.metrics.series import Series
from workbench.monitor.collector import Collector
from workbench.monitor.recorder import Recorder
from workbench.probes.device import Sampler
from workbench.results import AllocatorReading, DeviceSample, GpuSample

MOST_LINES = 1000
PAGE = Path(__file__).parents[2] / "docs" / "monitoring.md"


@pytest.mark.parametrize("series", SERIES.values(), ids=SERIES)
def test_a_series_is_whole(series: Series) -> None:
    assert re.fullmatch(r"workbench_[a-z0-9_]+", series.name)
    assert not re.search(r"_(total|bucket|sum|count|info|created)$", series.name)
    assert not series.unit or series.name.endswith(f"_{series.unit}")
    assert series.definition
    assert series.source
    assert (series.kind == "histogram") == bool(series.buckets)
    assert list(series.buckets) == sorted(set(series.buckets))
    for name, values in series.labels.items():
        assert re.fullmatch(r"[a-z_]+", name)
        assert len(set(values)) == len(values) > 0


@pytest.mark.parametrize("series", SERIES.values(), ids=SERIES)
def test_what_it_reads_is_a_field(series: Series) -> None:
    fields = {
        "machine": set(DeviceSample.model_fields),
        "gpu": set(GpuSample.model_fields),
        "allocator": {*AllocatorReading.model_fields, "split_share", "unused_share"},
    }
    assert not series.reads or series.reads in fields[series.of]


def test_latencies_are_those_of_the_measurements() -> None:
    for key in ("ttft_s", "itl_s", "tpot_s", "e2e_s"):
        assert METRICS[key].definition in SERIES[key].definition
        assert SERIES[key].unit == "seconds"


def test_no_two_series_share_a_name() -> None:
    registry = CollectorRegistry()
    registry.register(Collector(None, Recorder(), Sampler()))  # raises for a name that is there already
    names = [name for series in SERIES.values() for name in series.sample_names]
    assert len(set(names)) == len(names)


def test_the_number_of_lines_has_a_bound() -> None:
    """Of one GPU; the configuration has one line whatever it is."""
    lines = 0
    for series in SERIES.values():
        combinations = 1 if series.kind == "info" else prod(len(values) for values in series.labels.values())
        lines += combinations * (len(series.buckets) + 3 if series.buckets else 1)
    assert lines < MOST_LINES


def test_the_page_names_what_there_is() -> None:
    known = {name for series in SERIES.values() for name in (series.name, *series.sample_names)}
    named = re.findall(r"`(workbench_[a-z0-9_]+)(…?)`", PAGE.read_text(encoding="utf-8"))
    assert len(named) > 10
    for name, beginning in named:
        assert name in known or (beginning and any(each.startswith(name) for each in known)), name
