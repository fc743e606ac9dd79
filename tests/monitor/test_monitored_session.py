"""A monitor of a real session: what was asked for shows, what people wrote does not, and both end together."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from tests.hub.tiny import write_model
from tests.monitor.prometheus import get, promtool, until
from workbench.errors import Stopped, WorkerDied
from workbench.monitor import Monitor

TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=2"
PROMPT = 'a7f3secret"} 1\nworkbench_evil{x="\\'

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session(TINY, config=wb.Config(dtype="float32", threads=1)) as session:
        yield session


@pytest.fixture
def monitor(session: wb.Session) -> Iterator[Monitor]:
    with session.monitor(0) as monitor:
        yield monitor


def values(monitor: Monitor) -> dict[str, float]:
    """series as it is written -> value"""
    lines = [line for line in get(monitor.url).splitlines() if not line.startswith("#")]
    return {series: float(value) for series, _, value in (line.rpartition(" ") for line in lines)}


def settled(session: wb.Session, monitor: Monitor) -> dict[str, float]:
    """Once every event so far was delivered."""
    assert session._dispatcher.flush()
    return values(monitor)


def test_what_was_generated_is_counted(session: wb.Session, monitor: Monitor) -> None:
    answers = session.generate(["The sea", "Two words"], 6)
    found = settled(session, monitor)
    tokens = sum(len(each.token_ids) for each in answers)
    assert found['workbench_generated_tokens_total{origin="generate"}'] == tokens
    assert found['workbench_prompt_tokens_total{origin="generate"}'] == sum(each.prompt_tokens for each in answers)
    assert found['workbench_time_to_first_token_seconds_count{origin="generate"}'] == 2
    assert found['workbench_time_to_first_token_seconds_sum{origin="generate"}'] == pytest.approx(
        sum(each.ttft_s for each in answers)
    )
    assert found['workbench_inter_token_latency_seconds_count{origin="generate"}'] == tokens - 2
    assert found['workbench_end_to_end_seconds_count{origin="generate"}'] == 2
    by_reason = {
        reason: found[f'workbench_requests_total{{finish_reason="{reason}"}}'] for reason in ("length", "eos", "failed")
    }
    assert by_reason == {
        "length": sum(each.finish_reason == "length" for each in answers),
        "eos": sum(each.finish_reason == "eos" for each in answers),
        "failed": 0,
    }
    assert found['workbench_jobs_total{operation="generate",outcome="done"}'] == 1
    assert found['workbench_session_state{state="idle"}'] == 1
    assert promtool("check", "metrics", given=get(monitor.url)).stdout == ""


def test_measurements_stand_apart(session: wb.Session, monitor: Monitor) -> None:
    done = session.measure(wb.Workload(prompt_tokens=8, new_tokens=4, batch_size=2), budget_s=0.5)
    found = settled(session, monitor)
    assert found['workbench_generated_tokens_total{origin="measure"}'] == done.repeats * 8
    assert found['workbench_decode_tokens_per_second{origin="measure"}'] == done.decode_tps
    assert found['workbench_time_per_output_token_seconds_count{origin="measure"}'] == done.repeats
    assert found['workbench_generated_tokens_total{origin="generate"}'] == 0


def test_the_configuration_in_force_is_told(session: wb.Session, monitor: Monitor) -> None:
    session.generate("The sea", 1)
    for attention in ("eager", "sdpa"):
        session.apply(attention=attention)
        (told,) = [series for series in settled(session, monitor) if series.startswith("workbench_config_info")]
        assert f'attention="{attention}"' in told
        assert 'device="cpu",dtype="float32",quantization="none"' in told


def test_errors_stops_and_the_jobs_they_end(session: wb.Session, monitor: Monitor) -> None:
    with pytest.raises(wb.ConfigError):
        session.generate("", 4)
    session.apply(eos_token_ids=(49151,))
    future = session.submit("generate", "The sea", 1500)
    until(lambda: values(monitor)['workbench_generated_tokens_total{origin="generate"}'] > 1, "a token")
    waiting = [session.submit("generate", "Another", 1) for _ in range(3)]
    assert values(monitor)["workbench_jobs_waiting"] == 3
    assert values(monitor)['workbench_session_state{state="generating"}'] == 1
    session.stop()
    with pytest.raises(Stopped):
        future.result()
    assert all(each.cancelled() for each in waiting)
    session.apply(eos_token_ids="auto")
    found = settled(session, monitor)
    assert found['workbench_errors_total{class="ConfigError"}'] == 1
    assert found['workbench_jobs_total{operation="generate",outcome="failed"}'] == 1
    assert found['workbench_jobs_total{operation="generate",outcome="stopped"}'] == 1
    assert found['workbench_requests_total{finish_reason="stopped"}'] == 1
    assert found['workbench_requests_total{finish_reason="failed"}'] == 0
    assert found["workbench_jobs_waiting"] == 0


def test_prompts_and_names_never_appear(demo_home: Path, demo_models: Path, tmp_path: Path) -> None:
    folder = tmp_path / 'private-ada"} 1 {model'
    folder.mkdir()
    tokenizer = next(path.parent for path in demo_models.rglob("tokenizer.json"))
    write_model(folder, tokenizer)
    with wb.Session(str(folder), config=wb.Config(threads=1)) as session, session.monitor(0) as monitor:
        answer = session.generate([PROMPT, [{"role": "user", "content": PROMPT}]], 8)[0]
        with pytest.raises(wb.ConfigError):
            session.apply(attention=PROMPT)
        assert session._dispatcher.flush()
        until(lambda: "resident_memory" in get(monitor.url), "a look")
        for form in ("text/plain", "application/openmetrics-text; version=1.0.0"):
            said = get(monitor.url, Accept=form)
            for secret in ("a7f3secret", "evil", "private-ada", str(tmp_path), os.uname().nodename):
                assert secret not in said
            if len(answer.text) > 8:
                assert answer.text not in said
        assert promtool("check", "metrics", given=get(monitor.url)).stderr == ""


def test_the_same_session_twice(session: wb.Session, monitor: Monitor) -> None:
    with pytest.raises(wb.WorkbenchError, match="is taken"):
        session.monitor(monitor.port)
    session.generate("The sea", 2)
    with session.monitor(0) as second:
        session.generate("The sea", 3)
        both = [
            settled(session, each)['workbench_generated_tokens_total{origin="generate"}'] for each in (monitor, second)
        ]
    assert both == [5, 3]
    assert get(monitor.url)


def test_a_killed_worker_shows(session: wb.Session, monitor: Monitor) -> None:
    def resident() -> float:
        return values(monitor)["workbench_model_resident"]

    until(lambda: any("resident_memory" in series for series in values(monitor)), "a look")
    session.generate("The sea", 2)
    assert resident() == 1
    assert session.pid is not None
    os.kill(session.pid, signal.SIGKILL)
    until(lambda: resident() == 0, "the death")
    dead = get(monitor.url)
    assert "model_process" not in dead
    assert "workbench_config_info" not in dead
    assert "workbench_memory_available_bytes" in dead
    session.generate("The sea", 2)
    found = settled(session, monitor)
    assert found["workbench_model_resident"] == 1
    assert found['workbench_generated_tokens_total{origin="generate"}'] == 4
    pages = until(
        lambda: values(monitor).get("workbench_model_process_resident_memory_bytes"), "the new worker's memory"
    )
    assert pages > 0


def test_a_worker_killed_at_work_fails_its_job(session: wb.Session, monitor: Monitor) -> None:
    session.apply(eos_token_ids=(49151,))
    future = session.submit("generate", "The sea", 1500)
    until(lambda: values(monitor)['workbench_generated_tokens_total{origin="generate"}'] > 1, "a token")
    assert session.pid is not None
    os.kill(session.pid, signal.SIGKILL)
    with pytest.raises(WorkerDied):
        future.result()
    session.apply(eos_token_ids="auto")
    found = settled(session, monitor)
    assert found['workbench_requests_total{finish_reason="failed"}'] == 1
    assert found['workbench_errors_total{class="WorkerDied"}'] == 1
    assert found['workbench_jobs_total{operation="generate",outcome="failed"}'] == 1


def test_two_sessions_have_two_monitors_and_end_each_their_own(session: wb.Session, monitor: Monitor) -> None:
    with wb.Session(TINY, config=wb.Config(dtype="bfloat16", threads=1)) as other:
        others = other.monitor(0)
        other.generate("The sea", 3)
        assert settled(other, others)['workbench_generated_tokens_total{origin="generate"}'] == 3
        assert settled(session, monitor)['workbench_generated_tokens_total{origin="generate"}'] == 0
        assert 'dtype="bfloat16"' in get(others.url)
        assert 'dtype="float32"' in get(monitor.url)
    assert others.closed
    with pytest.raises(OSError, match="refused"):
        get(others.url)
    assert get(monitor.url)
    with pytest.raises(wb.WorkbenchError, match="closed"):
        other.monitor(0)


def test_closing_while_it_is_scraped(demo_home: Path) -> None:
    session = wb.Session(TINY, config=wb.Config(threads=1))
    monitor = session.monitor(0)
    said: list[Any] = []

    def scrape() -> None:
        while True:
            try:
                said.append(get(monitor.url))
            except OSError as error:
                said.append(error)
                return

    scrapers = [threading.Thread(target=scrape) for _ in range(3)]
    for scraper in scrapers:
        scraper.start()
    session.generate("The sea", 4)
    session.close()
    for scraper in scrapers:
        scraper.join(timeout=20)
        assert not scraper.is_alive()
    assert monitor.closed
    assert all(each.rstrip().splitlines()[-1].startswith("workbench_") for each in said if isinstance(each, str))
    assert sum(isinstance(each, str) for each in said) > 0


def test_a_model_in_this_process(demo_home: Path) -> None:
    with wb.Session(TINY, config=wb.Config(threads=1), host="inline") as session, session.monitor(0) as monitor:
        until(lambda: any("resident_memory" in series for series in values(monitor)), "a look")
        assert values(monitor)["workbench_model_resident"] == 1
        assert 'attention="sdpa"' in get(monitor.url)
