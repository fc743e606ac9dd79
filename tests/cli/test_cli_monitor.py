"""`workbench monitor`: it says where it listens, ends cleanly, and writes the ready files."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from workbench.cli import main
from workbench.monitor import dashboard, rules


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "workbench", "monitor", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def scrape(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=20) as answer:
        return str(answer.read().decode())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_device_alone_until_it_is_told_to_end(number: signal.Signals, workbench_home: Path) -> None:
    program = start("--device-only", "--port", "0")
    assert program.stdout is not None
    line = program.stdout.readline()
    assert line.startswith("Metrics are at http://127.0.0.1:"), line + (program.stderr.read() if program.stderr else "")
    said = scrape(line.split()[-1])
    assert "workbench_session_state" not in said
    program.send_signal(number)
    rest, errors = program.communicate(timeout=30)
    assert (program.returncode, rest) == (0, "")
    assert errors == "Ctrl-C ends it.\n"


@pytest.mark.model
def test_a_model_and_one_document(tiny: str) -> None:
    program = start(tiny, "--port", "0", "--json", "--set", "attention=eager")
    try:
        assert program.stdout is not None
        document = json.loads(program.stdout.readline())
        assert document["schema"] == "workbench.monitor/1"
        assert document["result"]["url"] == f"http://127.0.0.1:{document['result']['port']}/metrics"
        said = scrape(document["result"]["url"])
        assert 'attention="eager"' in said
        assert "workbench_model_resident 1.0" in said
    finally:
        program.send_signal(signal.SIGINT)
        rest, errors = program.communicate(timeout=60)
    assert (program.returncode, rest) == (0, "")
    assert "Traceback" not in errors


def test_the_ready_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = {name: str(tmp_path / name) for name in ("rules.yml", "board.json", "prometheus.yml")}
    words = ["monitor", "--rules", names["rules.yml"], "--dashboard", names["board.json"]]
    words += ["--scrape-config", names["prometheus.yml"], "--port", "1234"]
    assert main([*words, "--ttft-p95", "1.5", "--memory-share", "0.8", "--fragmentation", "0.5"]) == 0
    assert capsys.readouterr().out.count("Wrote ") == 3
    expected = rules({"ttft_p95": 1.5, "memory_share": 0.8, "fragmentation": 0.5})
    assert Path(names["rules.yml"]).read_text() == expected != rules()
    assert Path(names["board.json"]).read_text() == dashboard()
    assert '"127.0.0.1:1234"' in Path(names["prometheus.yml"]).read_text()
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["result"] == {"rules": "rules.yml", "dashboard": "board.json", "scrape_config": "prometheus.yml"}
    assert str(tmp_path) not in json.dumps(document)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--device-only", "--address", "0.0.0.0"], 2, "--allow-remote"),
        (["--device-only", "--port", "70000"], 2, "is no port"),
        (["--memory-share", "90"], 2, "memory_share"),
        (["--rules", "/no/such/folder/rules.yml"], 1, "cannot be written"),
    ],
    ids=["remote", "port", "threshold", "folder"],
)
def test_what_cannot_be_is_said(
    words: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str], workbench_home: Path
) -> None:
    assert main(["monitor", *words]) == status
    told = capsys.readouterr()
    assert told.out == ""
    assert said in told.err


def test_a_taken_port_ends_with_1_and_no_trace(workbench_home: Path) -> None:
    first = start("--device-only", "--port", "0")
    assert first.stdout is not None
    port = first.stdout.readline().rpartition(":")[2].partition("/")[0]
    second = subprocess.run(
        [sys.executable, "-m", "workbench", "monitor", "--device-only", "--port", port],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=30)
    assert second.returncode == 1
    assert f"Port {port} on 127.0.0.1 is taken" in second.stderr
    assert "Traceback" not in second.stderr
