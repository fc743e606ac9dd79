"""The load: vLLM's definitions over known moments, both loops, Stop, the target, and what is shown of it all."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from tests.endpoint.serving import MODEL, WORDS, Server, Talk, chunk, good, whole
from workbench import charts
from workbench.cli import main
from workbench.endpoint import check, checking, levels, load
from workbench.endpoint.client import KEY_VARIABLE, Timed
from workbench.endpoint.prompts import asks
from workbench.endpoint.replies import Reply
from workbench.probes.context import Context
from workbench.results import Endpoint, EndpointTarget, endpoint_record
from workbench.stats import quantile_interval
from workbench.widgets import tables
from workbench.words import say

PLAN = load.Plan(concurrency=1, rate=None, requests=10, budget_s=10, new_tokens=8, seed=0)


def answered(*stamps: float, tokens: int | None = None, began: float = 100.0) -> Timed:
    reply = Reply(text="x" * len(stamps), finish="stop", new_tokens=tokens, streamed=True)
    return Timed(began=began, ended=began + stamps[-1] + 0.5, reply=reply, stamps=[began + each for each in stamps])


def tally(*answers: Timed, seconds: float = 10.0) -> load.Tally:
    return load.Tally(PLAN, began=100.0, last=100.0 + seconds, begun=len(answers), answers=list(answers))


def test_the_numbers_are_defined_as_vllm_defines_them() -> None:
    found = levels.level(tally(answered(0.5, 0.6, 0.8, tokens=5), answered(0.7, 1.1, tokens=3)), EndpointTarget(), None)
    assert found.ttft is not None
    assert found.ttft.mean == pytest.approx(0.6)
    assert found.tpot is not None  # (E2E − TTFT) ÷ (new tokens − 1): 0.3 ÷ 4 and 0.4 ÷ 2
    assert found.tpot.mean == pytest.approx((0.075 + 0.2) / 2)
    assert found.itl is not None
    assert (found.itl.n, found.itl.mean) == (3, pytest.approx(0.7 / 3))
    assert found.e2e is not None  # to the last token, not to the end of the stream
    assert found.e2e.mean == pytest.approx((0.8 + 1.1) / 2)
    assert (found.rps, found.output_tps) == (pytest.approx(0.2), pytest.approx(0.8))
    assert found.per_chunk == pytest.approx(8 / 5)
    assert found.counted == "usage"


def test_chunks_are_never_called_tokens() -> None:
    bare = tally(answered(0.5, 0.6, 0.8), answered(0.7, 1.1))
    found = levels.level(bare, EndpointTarget(tpot_s=1.0), None)
    assert (found.counted, found.tpot, found.output_tps, found.new_tokens) == ("chunks", None, None, None)
    assert found.good is None
    assert found.itl is not None
    by_bench = levels.level(bare, EndpointTarget(tpot_s=0.2), lambda texts: [len(each) for each in texts])
    assert (by_bench.counted, by_bench.new_tokens, by_bench.good) == ("tokenizer", 2.5, 1)


@pytest.mark.parametrize(("count", "told"), [(2, ()), (3, ("p50",)), (20, ("p50", "p95")), (99, ("p50", "p95"))])
def test_no_percentile_of_too_few_samples(count: int, told: tuple[str, ...]) -> None:
    found = levels.latency([0.1 * each for each in range(count)])
    assert found is not None
    assert tuple(name for name in ("p50", "p95", "p99") if getattr(found, name) is not None) == told
    hundred = levels.latency([0.1 * each for each in range(100)])
    assert hundred is not None
    assert hundred.p99 == pytest.approx(9.801)
    assert hundred.p95_ci95 is not None


def test_the_interval_of_a_percentile_covers_it_as_often_as_it_says() -> None:
    import random

    draw = random.Random(1)
    hits = 0
    for _trial in range(400):
        low, high = quantile_interval([draw.expovariate(1) for _ in range(30)], 0.5)
        hits += low <= 0.6931 <= high
    assert 0.93 <= hits / 400 <= 0.995  # conservative, as order statistics are
    assert quantile_interval([1.0, 2.0, 3.0], 0.95)[1] == float("inf")
    assert quantile_interval([float(each) for each in range(5000)], 0.5)[0] == pytest.approx(2430, abs=3)


def test_goodput_counts_what_met_every_limit() -> None:
    some = tally(answered(0.5, 0.6, tokens=2), answered(0.5, 0.9, tokens=2), answered(1.5, 1.6, tokens=2))
    found = levels.level(some, EndpointTarget(ttft_s=1.0, tpot_s=0.2), None)
    assert (found.good, found.goodput_rps) == (1, pytest.approx(0.1))
    assert found.goodput_ci95 is not None
    assert 0 < found.goodput_ci95[0] < 0.1 < found.goodput_ci95[1] < 0.3


async def slow(talk: Talk) -> None:
    await (talk.stream(pause_s=0.02) if talk.body.get("stream") else talk.json(whole()))


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


def test_what_the_load_generator_takes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = tally(answered(0.5, 0.6))
    busy.cpu_s = 4.0
    assert levels.level(busy, EndpointTarget(), None).own_share == pytest.approx(0.4)
    monkeypatch.setattr(checking, "BUSY", 1e-6)
    with Server() as server:
        found = check(server.url, concurrency=(1,), requests=3)
    assert 0 < found.levels[0].own_share < 1
    assert "endpoint.flag.busy" in {flag.code for flag in found.flags}


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


@pytest.fixture(scope="module")
def measured() -> Endpoint:
    async def hostile(talk: Talk) -> None:
        await slow(talk)

    with Server(hostile) as server:
        server.models = ["/home/ann/<script>alert(1)</script>"]
        return check(server.url, requests=4, target="ttft=5,tpot=1,e2e=9")


def test_it_survives_json_and_the_store(measured: Endpoint, workbench_home: Path) -> None:
    record = endpoint_record("demo", None, None, None, measured)
    assert Endpoint.from_dict(json.loads(json.dumps(record["result"], allow_nan=False))) == measured
    assert "/home/ann" not in json.dumps(record)
    with wb.Runs() as runs:
        runs.add(record)
        assert runs.list("endpoint")[0]["model"] == "demo"


def test_its_table_and_chart_show_text_as_text(measured: Endpoint) -> None:
    shown = tables.show(measured)
    assert "<script>" not in shown._repr_html_()
    assert "concurrency 4" in repr(shown)
    assert "4 / 4" in repr(shown)
    picture = charts.figure(measured)
    assert {trace.name for trace in picture.data} == {"p50", "answered", "met the target"}
    assert list(picture.data[0].x) == ["1", "2", "4"]
    charts.endpoint(None, charts.DARK)


def test_the_bench_beside_is_no_forecast(measured: Endpoint) -> None:
    beside = measured.model_copy(update={"bench": {"ttft_s": 0.1, "tpot_s": 0.02, "decode_tps": 50.0}})
    assert "not a serving forecast" in repr(tables.show(beside))
    dotted = [trace for trace in charts.figure(beside).data if trace.type == "scatter" and trace.line.dash == "dot"]
    assert [(trace.name, trace.y[0]) for trace in dotted] == [
        ("bench alone, not a serving forecast", 0.1),
        ("bench alone, not a serving forecast", 0.02),
    ]
    assert "forecast" not in repr(tables.show(measured))


def test_the_command_prints_one_document(capsys: pytest.CaptureFixture[str], own_demo_home: Path) -> None:
    with Server() as server:
        words = ["endpoint", server.url, "--requests", "2", "--concurrency", "1,2", "--target", "ttft=5", "--json"]
        assert main(words) == 0
        out = capsys.readouterr()
        assert main(["endpoint", server.url, "--requests", "2", "--rate", "50"]) == 0
        assert "50.0 requests/s" in capsys.readouterr().out.replace("\u2009", " ")
        assert main(["endpoint", server.url, "--target", "soon"]) == 2
        server.models = []
        assert main(["endpoint", server.url]) == 1
    document = json.loads(out.out)
    assert document["schema"] == "workbench.endpoint/1"
    assert [level["concurrency"] for level in document["result"]["levels"]] == [1, 2]
    assert document["result"]["served"] == MODEL
    assert "1 at a time" in out.err
    assert main(["runs", "list", "--kind", "endpoint"]) == 0
    assert capsys.readouterr().out.count(" endpoint ") == 2


def test_ctrl_c_ends_the_command_with_what_was_measured(own_demo_home: Path) -> None:
    with Server(slow) as server:
        command = [sys.executable, "-m", "workbench", "endpoint", server.url, "--requests", "100000", "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        until = time.monotonic() + 120
        while "1 at a time" not in process.stderr.readline():
            assert time.monotonic() < until
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    found = Endpoint.from_dict(json.loads(out)["result"])
    assert found.stopped
    assert found.levels[0].ok > 0


def test_a_key_in_clear_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "sk-secret")

    def told(url: str) -> set[str]:
        return {flag.code for flag in checking.flags_of(checking.request(url), (), [], False)}

    assert "endpoint.flag.key_in_clear" in told("http://serving.example:8000")
    assert "endpoint.flag.key_in_clear" not in told("https://serving.example:8000") | told("http://127.0.0.1:8000")


def test_every_kind_of_error_has_words(measured: Endpoint) -> None:
    broken: dict[str, Any] = {"errors": {"status 503": 2, "late_gap": 1}, "cut": 1}
    level = measured.levels[0].model_copy(update=broken)
    shown = repr(tables.show(measured.model_copy(update={"levels": (level,), "flags": (say("endpoint.flag.chunks"),)})))
    assert "2 × status 503, 1 × late_gap · 1 cut off by the stop" in shown
