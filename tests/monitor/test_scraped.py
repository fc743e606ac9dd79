"""A real Prometheus scrapes a real monitor of a real session: values, rules, dashboard, an alert that fires."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import workbench as wb
from tests.monitor.prometheus import Prometheus, until
from workbench.monitor import Monitor, dashboard, rules

TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=2"

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session(TINY, config=wb.Config(dtype="float32", threads=1)) as session:
        yield session


@pytest.fixture(scope="module")
def monitor(session: wb.Session) -> Iterator[Monitor]:
    with session.monitor(0) as monitor:
        yield monitor


@pytest.fixture(scope="module")
def prometheus(monitor: Monitor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    # Any time to the first token is above 0 s; a test does not wait the minutes that an alert is held back for.
    text = re.sub(r"for: \d+m", "for: 0s", rules({"ttft_p95": 0.0}))
    server = Prometheus(tmp_path_factory.mktemp("prometheus"), [f"127.0.0.1:{monitor.port}"], text)
    try:
        until(lambda: server.query('up{job="workbench"} == 1'), "a scrape")
        yield server
    finally:
        server.close()


def test_what_was_generated_is_what_prometheus_says(prometheus: Prometheus, session: wb.Session) -> None:
    answers = session.generate(["The sea", "Two words"], 6)
    tokens = sum(len(each.token_ids) for each in answers)
    until(lambda: prometheus.query("workbench_generated_tokens_total{origin='generate'} > 0"), "the tokens")
    until(lambda: prometheus.query("workbench_jobs_total{operation='generate',outcome='done'} == 1"), "the job")
    ((_, seen),) = prometheus.query("workbench_generated_tokens_total{origin='generate'}")
    assert seen == tokens
    ((_, seconds),) = prometheus.query("workbench_time_to_first_token_seconds_sum{origin='generate'}")
    assert seconds == pytest.approx(sum(each.ttft_s for each in answers))
    ((labels, one),) = prometheus.query("workbench_config_info")
    told = {name: labels[name] for name in ("attention", "dtype", "quantization", "device", "job")}
    assert told == {
        "attention": "sdpa",
        "dtype": "float32",
        "quantization": "none",
        "device": "cpu",
        "job": "workbench",
    }
    assert one == 1
    (family,) = prometheus.ask("metadata", metric="workbench_time_to_first_token_seconds")[
        "workbench_time_to_first_token_seconds"
    ]
    assert (family["type"], family["unit"]) == ("histogram", "seconds")


def test_an_alert_fires_and_others_do_not(prometheus: Prometheus, session: wb.Session) -> None:
    for _ in range(6):
        session.generate(["The sea"] * 8, 2)
    until(lambda: "WorkbenchTimeToFirstTokenHigh" in prometheus.firing(), "the alert")
    ((labels, p95),) = prometheus.query("workbench:time_to_first_token_seconds:p95")
    assert labels["instance"].startswith("127.0.0.1:")
    assert p95 > 0
    assert prometheus.firing() & {"WorkbenchModelNotResident", "WorkbenchJobsFail"} == set()


def test_every_query_of_the_dashboard_is_promql(prometheus: Prometheus) -> None:
    answered = set()
    for panel in json.loads(dashboard())["panels"]:
        for target in panel.get("targets", ()):
            asked = target["expr"].replace("$__rate_interval", "30s").replace("$instance", ".*")
            if prometheus.query(asked):
                answered.add(panel["title"])
    assert {"Time to first token", "Tokens per second", "What it is doing", "Configuration in force"} <= answered
    assert {"CPU busy", "Memory", "Jobs by outcome", "Answers by why they ended"} <= answered


def test_a_killed_worker_and_its_return(prometheus: Prometheus, session: wb.Session) -> None:
    assert session.pid is not None
    os.kill(session.pid, signal.SIGKILL)
    until(lambda: "WorkbenchModelNotResident" in prometheus.firing(), "the alert")
    assert prometheus.query("workbench_model_process_resident_memory_bytes") == []
    assert prometheus.query("workbench_config_info") == []
    session.generate("The sea", 2)
    until(lambda: "WorkbenchModelNotResident" not in prometheus.firing(), "the alert's end")
    assert prometheus.query("workbench_model_resident == 1")


def test_a_closed_session_is_down(prometheus: Prometheus, session: wb.Session, monitor: Monitor) -> None:
    session.close()
    assert monitor.closed
    until(lambda: "WorkbenchDown" in prometheus.firing(), "the alert")
    assert prometheus.query("workbench_model_resident") == []
