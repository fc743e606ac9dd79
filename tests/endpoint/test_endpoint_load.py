"""The load against real servers: both loops, the budget, Stop, and what a server is asked."""

import asyncio
import json
import threading
import time
from pathlib import Path

import pytest

import workbench as wb
from tests.endpoint.serving import MODEL, WORDS, Server, Talk, chunk, good, slow
from workbench.endpoint import check
from workbench.endpoint.prompts import asks
from workbench.probes.context import Context
from workbench.widgets import tables


def test_a_role_without_text_is_no_first_token() -> None:
    async def thinks(talk: Talk) -> None:  # the role comes at once, as servers send it; the first token after 0.3 s
        await talk.head()
        await talk.send(chunk(None))
        await asyncio.sleep(0.3)
        await talk.send(chunk("a") + chunk("b", "stop") + b"data: [DONE]\n\n")

    with Server(thinks) as server:
        (level,) = check(server.url, concurrency=(1,), requests=3, budget_s=5).levels
    assert level.ttft is not None
    assert level.ttft.mean > 0.29


def test_a_connection_serves_the_next_request_too() -> None:
    async def kept(talk: Talk) -> None:
        talk.keep = True
        await talk.head(connection="keep-alive", transfer_encoding="chunked")
        for part in (chunk("a"), chunk("b", "stop"), b"data: [DONE]\n\n"):
            await talk.send(b"%x\r\n%b\r\n" % (len(part), part))
        await talk.send(b"0\r\n\r\n")

    with Server(kept) as server:
        found = check(server.url, served=MODEL, concurrency=(2,), requests=8)
    assert found.levels[0].ok == 8
    assert server.connections == 2


def test_a_server_that_hangs_after_done_has_answered() -> None:
    async def lingers(talk: Talk) -> None:
        await talk.head()
        await talk.send(chunk("a", "stop") + b"data: [DONE]\n\n")
        await asyncio.sleep(30)

    with Server(lingers) as server:
        (level,) = check(server.url, concurrency=(1,), requests=1).levels
    assert level.ok == 1
    assert level.e2e is not None
    assert level.e2e.mean < 0.5


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_closed_loop_keeps_as_many_open_as_it_says(at_once: int) -> None:
    with Server(slow) as server:
        (level,) = check(server.url, concurrency=(at_once,), requests=7).levels
    assert (level.requests, level.ok, level.most_open, level.ended_by) == (7, 7, at_once, "requests")
    assert level.new_tokens == len(WORDS)


def test_an_open_loop_does_not_wait_for_answers() -> None:
    async def late(talk: Talk) -> None:
        await asyncio.sleep(0.5)
        await good(talk)

    with Server(late) as server:
        (level,) = check(server.url, rate=100.0, requests=12, seed=3).levels
    assert (level.rate, level.ok, level.concurrency) == (100.0, 12, None)
    assert level.most_open > 4


def test_the_budget_begins_nothing_more_and_cuts_nothing_off() -> None:
    with Server(slow) as server:
        (level,) = check(server.url, concurrency=(2,), requests=100_000, budget_s=0.5).levels
    assert level.ended_by == "budget"
    assert level.ok == level.requests
    assert level.cut == 0


def test_stop_ends_at_once_with_what_was_measured() -> None:
    stop = threading.Event()

    async def then_hangs(talk: Talk) -> None:
        if len(server.asked) > 8:
            stop.set()
            await asyncio.sleep(30)
        await good(talk)

    with Server(then_hangs) as server:
        began = time.monotonic()
        found = check(server.url, concurrency=(2, 4), requests=50, context=Context(lambda _name, _data: None, stop))
        assert time.monotonic() - began < 10
    assert found.stopped
    (level,) = found.levels
    assert level.ended_by == "stop"
    assert level.ok > 0
    assert level.cut > 0
    assert level.requests == level.ok + level.cut
    assert "stopped: these are the numbers so far" in repr(tables.show(found))


def test_stop_before_anything_was_measured_is_told() -> None:
    stop = threading.Event()
    stop.set()
    with Server() as server, pytest.raises(wb.Stopped):
        check(server.url, context=Context(lambda _name, _data: None, stop))


def test_a_stream_without_done_is_whole_when_it_says_how_it_finished() -> None:
    async def undone(talk: Talk) -> None:
        await talk.head()
        await talk.send(chunk("The") + chunk(" end", "length", usage={"completion_tokens": 2, "prompt_tokens": 3}))

    with Server(undone) as server:
        found = check(server.url, concurrency=(1,), requests=2)
    assert found.levels[0].ok == 2
    assert found.done is False
    assert "endpoint.flag.no_done" in {flag.code for flag in found.flags}


def test_fields_that_a_server_does_not_know_are_left_out() -> None:
    async def strict(talk: Talk) -> None:
        unknown = set(talk.body) - {"model", "messages", "max_tokens", "temperature", "stream"}
        await (talk.json({"detail": f"Unexpected: {unknown}"}, 422) if unknown else talk.stream(usage=False))

    with Server(strict) as server:
        found = check(server.url, concurrency=(1,), requests=3)
    (level,) = found.levels
    assert (level.ok, level.errors, level.counted) == (3, {}, "chunks")
    assert found.usage is False
    assert len(server.asked) == 1 + 1 + 1 + 1 + 3  # models, refused once, again, warm-up, the load


def test_prompts_come_from_a_file_in_all_three_forms(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    lines = ['"one\u2028line"', json.dumps({"prompt": "two"}), json.dumps({"messages": turns})]
    file = tmp_path / "prompts.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    with Server() as server:
        check(server.url, prompts=file, concurrency=(1,), requests=3)
    sent = [talk.body["messages"] for talk in server.asked[-3:]]
    assert sent == [[{"role": "user", "content": "one\u2028line"}], [{"role": "user", "content": "two"}], turns]
    assert [each.messages for each in asks(["x", turns], chat=True)] == [
        ({"role": "user", "content": "x"},),
        tuple(turns),
    ]


def test_completions_are_asked_with_bare_text() -> None:
    async def older(talk: Talk) -> None:
        await talk.head()
        done = {"choices": [{"text": " sea", "finish_reason": "length"}], "usage": {"completion_tokens": 1}}
        await talk.send(b"data: " + json.dumps(done).encode() + b"\n\ndata: [DONE]\n\n")

    with Server(older) as server:
        found = check(server.url, prompts=["The"], api="completions", concurrency=(1,), requests=1)
    assert server.asked[-1].path == "/v1/completions"
    assert server.asked[-1].body["prompt"] == "The"
    assert found.api == "completions"
    assert found.levels[0].ok == 1
