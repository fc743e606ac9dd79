"""Where a monitor listens, whom it answers, and what it says when it cannot."""

import socket
import threading
import urllib.error
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.monitor.benches import Told
from tests.monitor.prometheus import get, promtool, until
from workbench.errors import ConfigError, WorkbenchError
from workbench.monitor import Monitor

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def own_threads() -> int:
    return sum(each.name in ("workbench-monitor", "workbench-sampler") for each in threading.enumerate())


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    with Monitor(Told(), 0, period_s=0.1) as monitor:
        until(lambda: "workbench_memory_available_bytes" in get(monitor.url), "a look")
        yield monitor


def test_it_speaks_openmetrics(monitor: Monitor) -> None:
    said = get(monitor.url, Accept=OPENMETRICS)
    assert said.endswith("# EOF\n")
    families = {family.name: family for family in text_string_to_metric_families(said)}
    assert families["workbench_memory_available_bytes"].unit == "bytes"
    assert families["workbench_time_to_first_token_seconds"].type == "histogram"
    assert families["workbench_requests"].type == "counter"


def test_promtool_finds_nothing_to_complain_of(monitor: Monitor) -> None:
    checked = promtool("check", "metrics", given=get(monitor.url))
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_some_series_can_be_asked_for(monitor: Monitor) -> None:
    said = get(f"{monitor.url}?name[]=workbench_model_resident")
    assert [line.split()[0] for line in said.splitlines() if line[0] != "#"] == ["workbench_model_resident"]


def test_loopback_is_the_default_and_the_only_one_unasked() -> None:
    with Monitor(None, 0) as monitor:
        assert monitor.url == f"http://127.0.0.1:{monitor.port}/metrics"
    for address in ("0.0.0.0", "::", "192.0.2.1"):
        with pytest.raises(ConfigError, match="allow_remote=True"):
            Monitor(None, 0, address=address)
    with pytest.raises(ConfigError, match="is no address"):
        Monitor(None, 0, address="somewhere.example")
    with Monitor(None, 0, address="0.0.0.0", allow_remote=True) as monitor:
        assert get(f"http://127.0.0.1:{monitor.port}/metrics", Host="any.example")


@pytest.mark.parametrize("port", [-1, 65536, "http", True, 1.5])
def test_a_port_that_is_none(port: Any) -> None:
    with pytest.raises(ConfigError, match="is no port"):
        Monitor(None, port)


def test_a_taken_port_is_one_clear_error(monitor: Monitor) -> None:
    before = own_threads()
    with pytest.raises(WorkbenchError, match=rf"(?s)Port {monitor.port} on 127.0.0.1 is taken.*Name another port"):
        Monitor(Told(), monitor.port)
    assert own_threads() == before
    with pytest.raises(WorkbenchError, match="cannot listen on"):
        Monitor(None, 0, address="192.0.2.1", allow_remote=True)


def test_a_closed_port_is_free_again() -> None:
    first = Monitor(None, 0)
    assert own_threads() == 2
    first.close()
    first.close()
    assert own_threads() == 0
    with pytest.raises(OSError, match="refused"):
        get(first.url)
    with Monitor(None, first.port) as second:
        assert "workbench_build_info" in get(second.url)
    assert repr(first).endswith("closed>")


def test_another_sites_name_is_not_answered(monitor: Monitor) -> None:
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "[2001:db8::1]:80"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            get(monitor.url, Host=host)
    for host in ("localhost", f"localhost:{monitor.port}", "127.0.0.1", "[::1]:9464"):
        assert get(monitor.url, Host=host)


def test_nothing_else_is_there(monitor: Monitor) -> None:
    for path in ("/", "/metrics/..", "/etc/passwd", "/favicon.ico"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(monitor.url.replace("/metrics", path))


def test_who_says_nothing_keeps_nobody_waiting(monitor: Monitor) -> None:
    silent = [socket.create_connection((monitor.address, monitor.port)) for _ in range(8)]
    try:
        silent[0].sendall(b"GET /metrics HTTP/1.1\r\nHost: ")
        assert get(monitor.url)
    finally:
        for each in silent:
            each.close()
    assert get(monitor.url)
