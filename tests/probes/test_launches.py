"""Launch latency: what is timed, the cheaper of two on a CPU, Stop, and what seconds are divided by."""

from statistics import fmean

import pytest
import torch

from workbench.errors import Stopped
from workbench.probes import launches
from workbench.probes.launches import launch_latency

CPU = torch.device("cpu")


def nothing() -> None:
    """Nobody asks to stop."""


def test_of_this_cpu_the_cheaper_operation_counts() -> None:
    found = launch_latency(CPU, nothing)
    assert set(found.samples) == {"view", "arithmetic"}
    means = {name: fmean(samples) for name, samples in found.samples.items()}
    assert found.seconds == pytest.approx(min(means.values()))
    assert found.ci95[0] <= found.seconds <= found.ci95[1]
    assert min(len(samples) for samples in found.samples.values()) >= 8
    assert 1e-9 < found.seconds < 1e-3
    assert (found.method, found.round_trip_s, found.round_trip_ci95) == ("call", None, None)


def test_seconds_are_those_of_one_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    clock = iter(range(1000))
    monkeypatch.setattr(launches.time, "perf_counter", lambda: float(next(clock)))  # a second between two looks
    assert launches._row(lambda: called.append(1), lambda: called.append(0)) == 1 / launches._IN_A_ROW
    assert (called.count(1), called.count(0)) == (launches._IN_A_ROW, 2)  # waited for before and at the end
    called.clear()
    assert launches._alone(lambda: called.append(1), lambda: called.append(0)) == 1 / launches._ALONE
    assert called == [0, *([1, 0] * launches._ALONE)]  # each is waited for


def test_stop_is_heard() -> None:
    def stop() -> None:
        raise Stopped("session.stopped", phase="measuring")

    with pytest.raises(Stopped):
        launch_latency(CPU, stop)
