"""The session as a notebook uses it: one worker, real calls, real events, real bad input."""

import getpass
import json
import os
import platform
import queue
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from workbench.results import Event

TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=2"
QUICK = wb.Workload(prompt_tokens=8, new_tokens=4)

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session(TINY, config=wb.Config(dtype="float32", threads=1)) as session:
        yield session


@pytest.fixture
def events(session: wb.Session) -> Iterator[list[Event]]:
    seen: list[Event] = []
    offs = [session.on(name, seen.append) for name in ("state", "progress", "token", "applied", "result", "error")]
    yield seen
    for off in offs:
        off()


def test_apply_reports_and_tells_its_listeners(session: wb.Session, events: list[Event]) -> None:
    applied = session.apply(attention="eager")
    assert (applied.cost, session.config.attention, session.resolved.attention) == ("live", "eager", "eager")
    session.apply(attention="sdpa")
    assert session._dispatcher.flush()
    assert [event.name for event in events] == ["state", "applied", "state"] * 2
    assert [event.seq for event in events] == sorted(event.seq for event in events)
    assert events[1].data.resolved.attention == "eager"


def test_what_this_machine_can_is_asked_by_the_knobs_own_names(session: wb.Session) -> None:
    assert session.capability(attention="eager").ok
    if not session.machine.gpus:
        refused = session.capability(dtype="float32", attention="flash_attention_2")
        assert not refused.ok
        assert "GPU" in str(refused.reason)
    with pytest.raises(wb.ConfigError, match="atention"):
        session.capability(atention="eager")
    assert session.decision().candidates == ()


def test_measure_is_stored_without_names_of_this_machine(session: wb.Session, events: list[Event]) -> None:
    before = session.runs.count()
    measurement = session.measure(QUICK, precision=0.9)
    assert session.runs.count() == before + 1
    record = session.runs.list(kind="measurement", limit=1)[0]
    assert record["schema"] == "workbench.measurement/1"
    assert record["config"]["dtype"] == "float32"
    assert record["resolved"]["threads"] == 1
    assert wb.Measurement.from_dict(record["result"]) == measurement
    text = json.dumps(record)
    for secret in (platform.node(), str(Path.home()), getpass.getuser()):
        assert not re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", text)
    assert session._dispatcher.flush()
    assert [event.data["kind"] for event in events if event.name == "result"] == ["measurement"]
    assert measurement.decode_limit_share is not None
    assert 0 < measurement.decode_limit_share < 1


def test_generate_and_stream_agree(session: wb.Session) -> None:
    whole = session.generate("The sea", 6)[0]
    chunks = list(session.stream("The sea", 6))
    assert tuple(chunk.token_id for chunk in chunks) == whole.token_ids
    assert chunks[-1].finish_reason == whole.finish_reason
    rows = session.generate(["One", "Two words"], 3)
    assert [row.prompt_tokens for row in rows] != [0, 0]
    talk = [{"role": "user", "content": "The sea"}]
    assert session.generate(talk, 6)[0].token_ids == session.generate([talk], 6)[0].token_ids


def test_leaving_a_stream_stops_the_work(session: wb.Session) -> None:
    session.apply(eos_token_ids=(49151,))
    for _chunk in session.stream("The sea", 2000):
        break
    assert session.generate("The sea", 2)[0].finish_reason in ("length", "eos")
    session.apply(eos_token_ids="auto")


def test_sampling_is_repeatable_by_seed(session: wb.Session) -> None:
    session.apply(do_sample=True, temperature=2.0)
    first, again, other = (session.generate("The sea", 8, seed=seed)[0].token_ids for seed in (1, 1, 2))
    session.apply(do_sample=False)
    assert first == again != other


@pytest.mark.parametrize(
    ("knobs", "error", "words"),
    [
        ({"atention": "sdpa"}, wb.ConfigError, "Nearest match: attention"),
        ({"attention": "spda"}, wb.ConfigError, "Nearest match: sdpa"),
        ({"do_sample": True, "temperature": 0.0}, wb.ConfigError, "cannot stand together"),
        ({"pad_token": 49152}, wb.CapabilityError, "beyond the vocabulary of 49152"),
        ({"eos_token_ids": (1, 60000)}, wb.CapabilityError, "token id 60000"),
        ({"device": "cuda:7"}, wb.CapabilityError, "GPU"),
        ({"threads": 1000}, wb.CapabilityError, "1000 threads"),
    ],
)
def test_bad_knobs_are_named_and_change_nothing(
    session: wb.Session, knobs: dict[str, Any], error: type[Exception], words: str
) -> None:
    before = (session.config, session.resolved)
    with pytest.raises(error, match=words):
        session.apply(**knobs)
    assert (session.config, session.resolved) == before
    assert session.apply(attention=session.config.attention).cost == "live"


@pytest.mark.parametrize(
    ("prompts", "new_tokens", "words"),
    [
        ("", 4, "Prompt 0 is empty"),
        ([], 4, "There is no prompt"),
        (3, 4, "There is no prompt"),
        ("sea", 0, "max_new_tokens=0"),
        ("sea", 10**6, "beyond the context"),
        ("sea " * 9000, 4, "beyond the context"),
    ],
)
def test_bad_prompts(session: wb.Session, prompts: Any, new_tokens: int, words: str) -> None:
    with pytest.raises(wb.ConfigError, match=words):
        session.generate(prompts, new_tokens)


def test_stop_drops_what_waits_and_keeps_the_session(session: wb.Session) -> None:
    started = threading.Event()
    off = session.on("progress", lambda _event: started.set())
    running = session.submit("measure", wb.Workload(prompt_tokens=512, new_tokens=400), precision=1e-6)
    waiting = session.submit("measure", QUICK)
    assert started.wait(60)
    session.stop()
    with pytest.raises(wb.Stopped):
        running.result(30)
    assert waiting.cancelled()
    off()
    assert session.measure(QUICK, precision=0.9).repeats >= 4


def test_interrupt_means_stop(session: wb.Session) -> None:
    """Jupyter's Interrupt is a SIGINT to the kernel's main thread, which waits for the result."""

    def interrupt(_event: Event) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    off = session.on("progress", interrupt)
    with pytest.raises(wb.Stopped):
        session.measure(wb.Workload(prompt_tokens=512, new_tokens=400), precision=1e-6)
    off()
    session._dispatcher.flush()
    assert session.generate("The sea", 2)[0].token_ids


def test_a_listener_that_fails_is_reported_and_the_others_go_on(session: wb.Session) -> None:
    errors: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def broken(_event: Event) -> None:
        raise RuntimeError("broken chart")

    offs = [session.on("applied", broken), session.on("error", lambda event: errors.put(event.data))]
    session.apply(attention="eager")
    assert str(errors.get(timeout=5)) == "broken chart"
    for off in offs:
        off()


def test_the_model_itself_is_elsewhere(session: wb.Session) -> None:
    with pytest.raises(wb.CapabilityError, match="host='inline'"):
        _ = session.model
    with pytest.raises(wb.ConfigError, match="no event"):
        session.on("explosion", lambda event: None)
    with pytest.raises(wb.ConfigError, match="no operation"):
        session.submit("explode")


def test_killed_mid_measurement_leaves_a_usable_session(session: wb.Session, events: list[Event]) -> None:
    session.apply(attention="eager")
    started = threading.Event()
    off = session.on("progress", lambda _event: started.set())
    future = session.submit("measure", wb.Workload(prompt_tokens=512, new_tokens=400), precision=1e-6)
    assert started.wait(60)
    assert session.pid is not None
    os.kill(session.pid, signal.SIGKILL)
    with pytest.raises(wb.WorkerDied):
        future.result(120)
    off()
    assert session.measure(QUICK, precision=0.9).resolved.attention == "eager"
    assert "restoring" in [event.data["state"] for event in events if event.name == "state"]


def test_a_store_of_a_newer_version_costs_no_measurement(
    session: wb.Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wb.Runs(tmp_path / "runs.sqlite3").close()
    with sqlite3.connect(tmp_path / "runs.sqlite3") as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    monkeypatch.setattr(session._bench._keeping, "_runs", None)
    measurement = session.measure(QUICK, precision=0.9)
    assert [flag.code for flag in measurement.flags][-1] == "session.not_stored"
    with pytest.raises(wb.StoreError, match="999"):
        _ = session.runs


def test_a_second_process_on_the_same_store(session: wb.Session, demo_home: Path) -> None:
    before = session.runs.count()
    other = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import workbench as wb\nfor i in range(50): wb.Runs().add({'schema': 'workbench.test/1', 'i': i})",
        ]
    )
    for _ in range(5):
        session.measure(QUICK, precision=0.9)
    assert other.wait(60) == 0
    assert session.runs.count() == before + 55


def test_closed_is_closed(demo_home: Path) -> None:
    session = wb.Session(TINY, host="inline", config=wb.Config(dtype="float32", threads=1))
    session.close()
    session.close()
    with pytest.raises(wb.WorkbenchError, match="closed"):
        session.measure()


def test_inline_holds_the_model_and_attach_takes_the_persons_own(demo_home: Path) -> None:
    with wb.Session(TINY, host="inline", config=wb.Config(dtype="float32", threads=1)) as session:
        model, tokenizer = session.model, session.tokenizer
        tokens = session.generate("The sea", 4)[0].token_ids
        with wb.Session.attach(model, tokenizer) as attached:
            assert attached.model is model
            assert attached.config.dtype == "float32"
            assert attached.apply(attention="eager").resolved.attention == "eager"
            assert attached.generate("The sea", 4)[0].token_ids == tokens
            with pytest.raises(wb.CapabilityError, match="attached"):
                attached.apply(dtype="bfloat16")
            with pytest.raises(wb.CapabilityError, match="save_pretrained"):
                attached.export("transformers")
            assert wb.Config.from_json(attached.export("json").code) == attached.config


def test_progress_of_the_first_load_is_told(demo_home: Path) -> None:
    seen: list[Event] = []
    with wb.Session(TINY, host="inline", config=wb.Config(threads=1), progress=seen.append) as session:
        session.measure(QUICK, precision=0.9)
        assert session._dispatcher.flush()
    assert {event.name for event in seen} == {"progress"}


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("./nothing-here", wb.ModelError, "There is nothing at"),
        ("random:deepseek-llm-8b", wb.ModelError, "deepseek-llm-7b"),
    ],
)
def test_a_session_on_nothing_leaves_nothing_behind(
    demo_home: Path, name: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        wb.Session(name)


def test_an_unknown_host_is_named() -> None:
    with pytest.raises(wb.ConfigError, match="process, inline"):
        wb.Session("demo", host="cloud")
