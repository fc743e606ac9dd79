"""`workbench lab` against the real JupyterLab: it opens, asks for its token, and leaves nothing behind."""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from workbench.cli import lab
from workbench.cli.reach import reach, tunnel
from workbench.errors import WorkbenchError

PROGRAM = """
import argparse, sys
from workbench.cli import lab
from workbench.cli.reach import reach, tunnel
parser = argparse.ArgumentParser()
lab.add_arguments(parser)
sys.exit(lab.run(parser.parse_args()))
"""


# As one is who logged in from elsewhere; the user name is the one that the system gives.
OVER_SSH = {"SSH_CONNECTION": "198.51.100.7 50022 192.0.2.10 2222", "LOGNAME": "ada", "BROWSER": "/no/such/browser"}


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    isolated = {name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    isolated |= OVER_SSH
    return subprocess.Popen(
        [sys.executable, "-P", "-c", PROGRAM, "--directory", str(folder), *options],
        env={**os.environ, **isolated},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fetch(url: str) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def listening_addresses(processes: list[psutil.Process]) -> set[str]:
    found = set()
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):  # JupyterLab asks short-lived programs for their versions
            found |= {each.laddr.ip for each in process.net_connections("tcp") if each.status == "LISTEN"}
    return found


@pytest.mark.usefixtures("demo_home")  # its doctor has measured already
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_with_a_token_and_ends_without_a_trace(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / lab.NOTEBOOK).write_text("{}")
    program = start(tmp_path)
    try:
        assert program.stdout is not None
        line = program.stdout.readline()
        assert line.startswith("JupyterLab is at http://"), line + (program.stderr.read() if program.stderr else "")
        url = line.split()[-1]
        assert "/lab/tree/notebooks/01_environment.ipynb?token=" in url
        port = int(url.split(":")[2].split("/")[0])
        server = next(each for each in psutil.Process(program.pid).children() if "jupyterlab" in each.cmdline())
        assert "--no-browser" in server.cmdline()
        base = f"http://127.0.0.1:{port}"
        token = url.partition("token=")[2]
        assert fetch(f"{base}/api/contents?token={token}") == 200
        assert fetch(f"{base}/api/contents") == 403
        below = psutil.Process(program.pid).children(recursive=True)
        assert below
        assert listening_addresses(below) == {"127.0.0.1"}
        with urllib.request.urlopen(f"{base}/lab?token={token}", timeout=10) as page:
            text = page.read().decode()
        settings = json.loads(text.partition('id="jupyter-config-data" type="application/json">')[2].partition("<")[0])
        assert settings["news"] == {"disabled": True}
        program.send_signal(number)
        assert program.wait(20) == 0
        assert not psutil.wait_procs(below, timeout=10)[1]
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    finally:
        for each in [*psutil.Process(program.pid).children(recursive=True), program] if program.poll() is None else []:
            each.kill()
        said = program.communicate(timeout=20)[1]
    assert f"    ssh -p 2222 -L {port}:127.0.0.1:{port} ada@192.0.2.10\n" in said


@pytest.mark.parametrize(
    ("connection", "command"),
    [
        ("198.51.100.7 50022 192.0.2.10 22", "ssh -L 8888:127.0.0.1:8888 ada@192.0.2.10"),
        ("2001:db8::7 50022 2001:db8::10 22", "ssh -L 8888:127.0.0.1:8888 ada@2001:db8::10"),
        ("198.51.100.7 50022 192.0.2.10 2222", "ssh -p 2222 -L 8888:127.0.0.1:8888 ada@192.0.2.10"),
        ("$(rm -rf x) 1 $(reboot) 22", f"ssh -L 8888:127.0.0.1:8888 ada@{socket.gethostname()}"),
        ("1 2 a;b 22", "ssh -L 8888:127.0.0.1:8888 'ada@a;b'"),
    ],
)
def test_the_tunnel_leads_to_the_address_that_was_reached(connection: str, command: str) -> None:
    assert tunnel(connection, 8888, user="ada") == command


@pytest.mark.parametrize(
    ("environment", "platform", "in_container", "browser", "said"),
    [
        ({"DISPLAY": ":0"}, "linux", False, True, ""),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True, True, ""),  # a toolbox shares the screen
        ({"WSL_DISTRO_NAME": "Ubuntu"}, "linux", False, True, ""),
        ({}, "win32", False, True, ""),
        ({}, "darwin", False, True, ""),
        ({}, "linux", False, False, "ssh -L 8888:127.0.0.1:8888"),
        ({}, "linux", True, False, "--network host"),
        ({"SSH_CONNECTION": "a 1 b 22", "DISPLAY": ":10"}, "linux", False, False, "over SSH"),
        ({"SSH_CONNECTION": "a 1 b 22"}, "darwin", False, False, "over SSH"),
    ],
)
def test_a_browser_is_opened_where_one_can_be_seen(
    environment: dict[str, str], platform: str, in_container: bool, browser: bool, said: str
) -> None:
    found = reach(environment, 8888, platform, in_container)
    assert found.browser == browser
    assert said in found.hint
    assert bool(found.hint) == bool(said)


def test_a_taken_port_is_named_and_a_free_one_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(WorkbenchError, match=f"Port {port} is taken"):
            lab.chosen_port(port)
        monkeypatch.setattr(lab, "FIRST_PORT", port)
        monkeypatch.setattr(lab, "PORTS_TRIED", 1)
        assert lab.chosen_port(None) != port


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_what_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(WorkbenchError, match="is no port"):
        lab.chosen_port(port)


def test_the_folder_is_the_one_with_the_notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = Path(__file__).parents[2]
    monkeypatch.chdir(tmp_path)
    assert lab.shown_folder(None) == checkout
    assert lab.shown_folder(tmp_path) == tmp_path
    (tmp_path / "notebooks").mkdir()
    (tmp_path / lab.NOTEBOOK).write_text("{}")
    assert lab.shown_folder(None) == tmp_path
    with pytest.raises(WorkbenchError, match="is not a folder"):
        lab.shown_folder(tmp_path / "nowhere")


def test_the_model_reaches_the_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}

    def spy(command: list[str], env: dict[str, str], **_rest: object) -> None:
        seen.update(env)
        raise OSError("enough")

    # in this module alone: others start programs too while a server is configured
    monkeypatch.setattr(lab, "subprocess", SimpleNamespace(Popen=spy, DEVNULL=subprocess.DEVNULL))
    parser = argparse.ArgumentParser()
    lab.add_arguments(parser)
    with pytest.raises(OSError, match="enough"):
        lab.run(parser.parse_args(["--model", "random:deepseek-v2-lite?scale=tiny", "--directory", str(tmp_path)]))
    assert seen["WORKBENCH_MODEL"] == "random:deepseek-v2-lite?scale=tiny"


def test_a_server_that_ends_early_is_an_error_and_not_a_wait(tmp_path: Path) -> None:
    before = time.monotonic()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = lab.jupyter_command(tmp_path, taken.getsockname()[1], browser=False)
        server = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "HOME": str(tmp_path)})
        with pytest.raises(WorkbenchError, match="ended before it was ready"):
            lab.address(server, tmp_path, command)
    assert time.monotonic() - before < lab.READY_WITHIN_S
