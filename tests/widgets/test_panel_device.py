"""The tabs of the device and of the long run: what stands there before and after, and what the buttons start."""

import html

import pytest

from tests.widgets.conftest import Driver
from workbench.results import Energy, LatencyRun

pytestmark = pytest.mark.model


def test_the_device_during_a_measurement(panel: Driver) -> None:
    assert "after a measurement" in panel["device"].value
    panel.press("measure")
    measured = panel.session.last["measurement"]
    panel["tabs"].selected_index = panel["tabs"].titles.index("Device")
    said = html.unescape(panel["device"].value)
    assert f"{measured.device.looks} times in" in said
    assert "other processes" in said
    assert "not readable on this machine" in said or "RAPL" in said


def test_energy_of_each_configuration_is_a_point(panel: Driver) -> None:
    panel.press("energy")
    found = panel.session.last["energy"]
    assert isinstance(found, Energy)
    assert found.workload.prompt_tokens == 16
    assert panel["tabs"].titles[panel["tabs"].selected_index] == "Device"
    assert "windows" in panel["status"].value
    said = html.unescape(panel["energy-table"].value)
    assert "tok/s" in said
    if found.joules_per_token is None:
        assert str(found.missing) in said
        assert len(panel["chart-energy"].data) == 0
    else:
        assert panel["chart-energy"].data[0].y == (found.joules_per_token,)


def test_latency_over_as_many_seconds_as_the_field_says(panel: Driver) -> None:
    panel["budget"].value = 2
    panel.press("latency")
    found = panel.session.last["latency"]
    assert isinstance(found, LatencyRun)
    assert 2 <= found.seconds < 60
    assert panel["tabs"].titles[panel["tabs"].selected_index] == "Latency"
    assert f"{found.requests} requests" in panel["status"].value
    assert "TTFT" in html.unescape(panel["latency-table"].value)
    drawn = sum(len(trace.x or ()) for trace in panel["chart-latency"].data)
    assert drawn >= found.requests > 2
