"""A real Prometheus on loopback with a folder of its own, asked over its HTTP API; and promtool."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PATIENCE_S = 60.0


def program(name: str) -> str:
    """Where it is. Skips the test where it is absent; fails it where it must be there (`.ci/run`)."""
    found = shutil.which(name)
    if found is None and os.environ.get("WORKBENCH_NEEDS_PROMETHEUS"):
        pytest.fail(f"no {name}, and WORKBENCH_NEEDS_PROMETHEUS is set")
    if found is None:
        pytest.skip(f"no {name}: run 'sudo apt-get install -y prometheus'")
    return found


def promtool(*words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program("promtool"), *words], input=given, capture_output=True, text=True, check=False)


def get(url: str, **headers: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        return str(answer.read().decode())


def until(seen: Callable[[], Any], what: str) -> Any:
    """The first true answer of `seen`."""
    ends_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends_s:
        if found := seen():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {PATIENCE_S:.0f} s")


def free_port() -> int:
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return int(any_port.getsockname()[1])


class Prometheus:
    """Scrapes `targets` (host:port) once a second under the job name `workbench`."""

    def __init__(self, folder: Path, targets: list[str], rules: str) -> None:
        (folder / "rules.yml").write_text(rules)
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "200ms"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{"job_name": "workbench", "static_configs": [{"targets": targets}]}],
        }
        (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
        self._url = f"http://127.0.0.1:{free_port()}"
        self._log = (folder / "prometheus.log").open("w")
        self._process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={self._url.removeprefix('http://')}",
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        until(self._ready, (folder / "prometheus.log").read_text() or "Prometheus is ready")

    def _ready(self) -> bool:
        assert self._process.poll() is None, "Prometheus ended"
        try:
            get(f"{self._url}/-/ready")
        except OSError:
            return False
        return True

    def ask(self, path: str, **parameters: str) -> Any:
        try:
            answer = json.loads(get(f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"))
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """(labels, value) of each series of an instant query."""
        found = self.ask("query", query=expression)["result"]
        return [(each["metric"], float(each["value"][1])) for each in found]

    def firing(self) -> set[str]:
        return {alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"] if alert["state"] == "firing"}

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)
        self._log.close()
