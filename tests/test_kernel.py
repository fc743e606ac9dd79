"""A session inside a real notebook kernel: interrupted, restarted, killed, shut down — and no worker left over."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client.manager import KernelManager, start_new_kernel

from tests.conftest import workers

pytestmark = pytest.mark.model

OPEN = """
import pathlib
import workbench as wb
session = wb.Session("random:deepseek-llm-7b-base?scale=tiny")
unsubscribe = session.on("progress", lambda _event: pathlib.Path("measuring").touch())
"""
LONG = "session.measure(wb.Workload(prompt_tokens=16, new_tokens=3000))"


class Kernel:
    def __init__(self, manager: KernelManager, client: Any) -> None:
        self.manager = manager
        self.client = client

    def run(self, code: str, timeout_s: float = 60) -> dict[str, Any]:
        """The reply: `status` is ok or error; an error has `ename` and `evalue`."""
        reply = self.client.execute_interactive(code, timeout=timeout_s, output_hook=lambda _message: None)
        content: dict[str, Any] = reply["content"]
        return content

    def ask(self, expression: str) -> str:
        reply = self.client.execute_interactive(
            "", user_expressions={"value": expression}, timeout=60, output_hook=lambda _message: None
        )
        return str(reply["content"]["user_expressions"]["value"]["data"]["text/plain"])


@pytest.fixture
def kernel(demo_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    monkeypatch.chdir(tmp_path)
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    with a_kernel() as started:
        yield started


@contextmanager
def a_kernel(**environment: str) -> Iterator[Kernel]:
    """A notebook's kernel that has run the first cell."""
    manager, client = start_new_kernel(startup_timeout=60, env={**os.environ, **environment})
    try:
        started = Kernel(manager, client)
        assert started.run(OPEN)["status"] == "ok"
        yield started
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def within(timeout_s: float, condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def test_an_interrupt_stops_the_work_and_keeps_the_model(kernel: Kernel) -> None:
    (worker,) = workers()
    sent = kernel.client.execute(LONG)
    assert within(60, Path("measuring").exists), "the measurement never began"
    kernel.manager.interrupt_kernel()
    while True:
        reply = kernel.client.get_shell_msg(timeout=20)
        if reply["parent_header"].get("msg_id") == sent:
            break
    assert reply["content"]["status"] == "error"
    assert reply["content"]["ename"] in ("Stopped", "KeyboardInterrupt")
    assert kernel.ask("session.state") == "'idle'"
    assert kernel.run("session.generate(['The sea'], max_new_tokens=2)")["status"] == "ok"
    assert [each.pid for each in workers()] == [worker.pid]


def test_a_killed_kernel_takes_its_worker_along(kernel: Kernel) -> None:
    (worker,) = workers()
    kernel.client.execute(LONG)
    assert within(60, Path("measuring").exists), "the measurement never began"
    kernel_process = worker.parent()
    assert kernel_process is not None
    kernel_process.kill()
    assert within(15, lambda: gone(worker))


def test_a_restarted_kernel_starts_afresh(kernel: Kernel) -> None:
    (before,) = workers()
    kernel.manager.restart_kernel()
    kernel.client.wait_for_ready(timeout=60)
    assert within(15, lambda: gone(before))
    assert kernel.run(OPEN)["status"] == "ok"
    (after,) = workers()
    assert after.pid != before.pid


def test_a_kernel_that_is_shut_down_leaves_no_worker(kernel: Kernel) -> None:
    (worker,) = workers()
    kernel.manager.shutdown_kernel()
    assert within(15, lambda: gone(worker))


def test_the_next_notebook_takes_the_engine_over_and_keeps_it(
    own_demo_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WORKBENCH_WHEN_BUSY")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with a_kernel(JPY_SESSION_NAME="notebooks/02_attention.ipynb") as second:
        with a_kernel(JPY_SESSION_NAME="notebooks/01_environment.ipynb") as first:
            pid = first.ask("session.pid")
            assert second.ask("session.state") == "'released'", "the engine went to the notebook opened last"
            assert second.run("session.apply(attention='eager')")["status"] == "ok"
            assert second.ask("session.pid") == pid
            assert first.ask("session.state") == "'released'"
        assert second.ask("session.generate('The sea', 3)[0].finish_reason") == "'length'"
        assert second.ask("session.pid") == pid, "shutting the first kernel down left the engine alone"
    assert within(10, lambda: not psutil.pid_exists(int(pid)) or gone(psutil.Process(int(pid))))
