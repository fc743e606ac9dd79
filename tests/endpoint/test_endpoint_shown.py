"""What is shown and kept of a load: the record, the table, the chart, and the command."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from tests.endpoint.serving import MODEL, Server, Talk, slow
from workbench import charts
from workbench.cli import main
from workbench.endpoint import check, checking
from workbench.endpoint.client import KEY_VARIABLE
from workbench.results import Endpoint, recorded
from workbench.widgets import tables
from workbench.words import say


@pytest.fixture(scope="module")
def measured() -> Endpoint:
    async def hostile(talk: Talk) -> None:
        await slow(talk)

    with Server(hostile) as server:
        server.models = ["/home/ann/<script>alert(1)</script>"]
        return check(server.url, requests=4, target="ttft=5,tpot=1,e2e=9")


def test_it_survives_json_and_the_store(measured: Endpoint, workbench_home: Path) -> None:
    record = recorded("demo", None, measured, config=None, resolved=None)
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
