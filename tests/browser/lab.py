"""JupyterLab and Chromium as a person has them: where the browser is, one server, and what runs below it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

import psutil

ROOT = Path(__file__).parents[2]
WORKER = "workbench.hosts.worker"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Nothing outside this machine has an address: what the page shows, it shows without the rest of the world.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


def chromium() -> str:
    """The browser to drive; RuntimeError with the command that installs one."""
    for name in filter(None, (os.environ.get("WORKBENCH_CHROMIUM"), *CHROMIUM)):
        found = shutil.which(name)
        if found:
            return found
    raise RuntimeError("no Chromium: run 'sudo apt-get install -y chromium', or set WORKBENCH_CHROMIUM")


def until(condition: Callable[[], Any], timeout_s: float, what: str) -> Any:
    """The first true value of `condition`; TimeoutError says what was waited for."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise TimeoutError(f"waited {timeout_s:.0f} s for {what}")


class Lab:
    """One JupyterLab server with every folder of its own, and no news, extensions or updates from outside."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.root = folder / "root"
        self.root.mkdir(parents=True)
        settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        own = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={self.port}"),
            "--ServerApp.port_retries=0",
            "--IdentityProvider.token=",
            "--ServerApp.password=",
            f"--ServerApp.root_dir={self.root}",
            "--allow-root",
            "--LabApp.extension_manager=readonly",
            "--LabApp.news_url=None",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            "--LabApp.expose_app_in_browser=True",
        ]
        self._log = self.log.open("wb")
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **{name: str(folder / place) for name, place in own.items()}, **environment},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait(self) -> Self:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

        def answers() -> bool:
            if self.process.poll() is not None:
                raise RuntimeError(f"JupyterLab ended: {self.log.read_text(errors='replace')[-2000:]}")
            try:
                with opener.open(f"{self.url}/api/status", timeout=2):
                    return True
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                return False

        until(answers, 60, "JupyterLab to answer")
        return self

    def close(self) -> None:
        """End the server and its kernels; whatever outlives them is a failure of the test that calls this."""
        below = self.below()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()
        alive = psutil.wait_procs(below, timeout=10)[1]
        left = [" ".join(_command(each))[-120:] for each in alive]
        for each in alive:
            each.kill()
        assert not left, f"outlived JupyterLab: {left}"

    def below(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def workers(self) -> list[psutil.Process]:
        return [each for each in self.below() if WORKER in _command(each)]

    def kernels(self) -> list[psutil.Process]:
        return [each for each in self.below() if any("ipykernel_launcher" in part for part in _command(each))]

    def add(self, notebook: Path, name: str | None = None) -> str:
        """Copy a notebook into the server's folder; its name there."""
        name = name or notebook.name
        shutil.copy(notebook, self.root / name)
        return name

    def write(self, name: str, cells: Iterable[str]) -> str:
        """Make a notebook of these code cells."""
        made = [
            {
                "cell_type": "code",
                "id": f"cell-{index}",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": source,
            }
            for index, source in enumerate(cells)
        ]
        kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
        document = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
        (self.root / name).write_text(json.dumps(document))
        return name


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline() if process.status() != psutil.STATUS_ZOMBIE else []
    except psutil.NoSuchProcess:
        return []
