"""ProcessHost: an engine in a process of its own, so that no toggle can take the notebook down."""

import contextlib
import itertools
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import psutil

from workbench.errors import Stopped, WorkbenchError, WorkerDied, rebuild
from workbench.hosts.pipes import Channel
from workbench.protocol import Wire, WireError
from workbench.results import ThreadChoice
from workbench.words import say, text

OnEvent = Callable[[str, Any], None]
STOP_GRACE_S = 2.0  # for work that cannot notice Stop: load, compile, calibration
_START_LIMIT_S = 120.0
_OUTPUT_LINES = 200
# glibc keeps what was freed in each of its arenas: with one arena a dropped model's memory really goes back
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}


class ProcessHost:
    """Calls into one worker process, restarted when it dies. `call` from one thread at a time; `stop` from any.

    environment  variables set before torch is imported there
    threads      the measured choice behind threads="auto"
    """

    def __init__(self, environment: dict[str, str], threads: ThreadChoice | None) -> None:
        self._environment = environment
        self._threads = threads
        self._jobs = itertools.count(1)
        self._worker: Worker | None = None
        self._open: dict[str, Any] | None = None  # parameters of the last good open, its config kept up to date
        self._changing = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The worker's process id, or None while there is none."""
        worker = self._worker
        return worker.process.pid if worker and worker.alive else None

    def call(self, op: str, params: dict[str, Any], on_event: OnEvent) -> dict[str, Any]:
        """Runs `op` in the worker and returns its data. Raises what the worker raised, WorkerDied, or Stopped."""
        if op != "open":
            self.restore(on_event)
        try:
            data = self._running().call(next(self._jobs), op, params, on_event)
        except NeedsReplacement as residue:
            on_event("note", say("worker.residue", left=f"{residue.left / 1e6:.0f} MB"))
            self._kill()
            data = self._replace(params, on_event)
        if op == "open":
            self._open = dict(params)
        if self._open and "config" in data:
            self._open["config"] = data["config"]
        return data

    def restore(self, on_event: OnEvent) -> dict[str, Any] | None:
        """Brings the model back on the last good config when its process is gone; None when nothing was needed."""
        if self._open is None or (self._worker and self._worker.alive):
            return None
        on_event("state", {"state": "restoring"})
        return self._running().call(next(self._jobs), "open", self._open, on_event)

    def stop(self) -> None:
        """Asks the work in progress to end; ends the process when it cannot notice in time."""
        if self._worker:
            self._worker.stop()

    def close(self) -> None:
        """Ends the worker. Harmless when there is none."""
        self._open = None
        self._kill()

    def _replace(self, params: dict[str, Any], on_event: OnEvent) -> dict[str, Any]:
        assert self._open is not None, "only a resident model leaves a residue"
        return self._running().call(next(self._jobs), "open", {**self._open, "config": params["config"]}, on_event)

    def _running(self) -> "Worker":
        with self._changing:
            if self._worker is None or not self._worker.alive:
                if self._worker is not None:
                    self._worker.kill()
                self._worker = Worker(self._environment)
                self._worker.greet()
                self._worker.call(
                    next(self._jobs), "setup", {"threads": self._threads.to_dict() if self._threads else None}, _ignore
                )
            return self._worker

    def _kill(self) -> None:
        with self._changing:
            if self._worker:
                self._worker.kill()
                self._worker = None


class NeedsReplacement(Exception):
    """The worker dropped the old model but its memory stayed."""

    def __init__(self, left: int) -> None:
        self.left = left
        super().__init__(left)


class Worker:
    """One running worker process and the job it has."""

    def __init__(self, environment: dict[str, str]) -> None:
        channel = Channel()
        command = [sys.executable, "-P", "-m", "workbench.hosts.worker", *channel.arguments]
        self.process = subprocess.Popen(
            [*command, "--owner", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **_ENVIRONMENT, **environment},
            **channel.popen_options(),  # type: ignore[call-overload]
        )
        channel.forget_child_end()
        self._wire: Wire = channel.wire
        self._frames: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._output: deque[str] = deque(maxlen=_OUTPUT_LINES)
        self._fatal: dict[str, Any] | None = None
        self._job: int | None = None
        self._killable = True
        self._stopping = False
        self._starting = True
        self._doing = text("worker.doing_idle")
        self._threads = [
            threading.Thread(target=self._drain, daemon=True, name="worker-output"),
            threading.Thread(target=self._read, daemon=True, name="worker-frames"),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def greet(self) -> None:
        """Waits until the worker has its libraries. WorkerDied when it ends before, Stopped when it was asked to."""
        try:
            frame = self._frames.get(timeout=_START_LIMIT_S)
        except queue.Empty:
            frame = None
        self._starting = False
        if frame is None or frame["type"] != "hello":
            self.kill()
            if self._stopping:
                raise Stopped("session.stopped", phase=text("phase.loading"))
            raise WorkerDied("worker.no_start", how=self._how(), last_words=self._last_words())

    def call(self, job: int, op: str, params: dict[str, Any], on_event: OnEvent) -> dict[str, Any]:
        self._job, self._stopping = job, False
        try:
            try:
                self._wire.send({"type": "call", "job": job, "op": op, "params": params})
            except OSError:
                raise self._death() from None
            while True:
                frame = self._frames.get()
                if frame is None:
                    raise self._death()
                if frame.get("job") != job:
                    continue
                match frame["type"]:
                    case "event":
                        self._on_event(frame, on_event)
                    case "result":
                        return frame["data"]  # type: ignore[no-any-return]
                    case "replace":
                        raise NeedsReplacement(frame["left"])
                    case "error":
                        error = rebuild(frame["kind"], frame["code"], frame["params"])
                        error.detail = frame["detail"]
                        raise error
        finally:
            self._job = None
            self._doing = text("worker.doing_idle")

    def stop(self) -> None:
        if self._starting:
            self._stopping = True
            self._kill_group()
            return
        job = self._job
        if job is None:
            return
        self._stopping = True
        with contextlib.suppress(OSError):  # already gone: the call in progress will say so
            self._wire.send({"type": "stop", "job": job})
        timer = threading.Timer(STOP_GRACE_S, self._kill_if_still, (job,))
        timer.daemon = True
        timer.start()

    def kill(self) -> None:
        """Ends the process and everything it started."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
        self._kill_group()
        self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join(timeout=5)
        self._wire.close()
        if self.process.stdout:
            self.process.stdout.close()

    def _kill_if_still(self, job: int) -> None:
        if self._job == job and self._killable:
            self._kill_group()
            self.process.kill()

    def _kill_group(self) -> None:
        if sys.platform != "win32":
            # the worker leads its group; after its death the group lives on while a compiler does
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def _on_event(self, frame: dict[str, Any], on_event: OnEvent) -> None:
        if frame["event"] == "phase":
            self._killable = frame["data"]["killable"]
            self._doing = _words(frame["data"]["doing"])
        else:
            on_event(frame["event"], frame["data"])

    def _death(self) -> WorkbenchError:
        """Why the process is gone, once its output is drained."""
        if not self._stopping or self._fatal:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=5)
        doing = self._doing
        stopping = self._stopping
        self.kill()
        if self._fatal:
            return WorkerDied(self._fatal["code"], **self._fatal["params"])
        if stopping:
            return Stopped("session.stopped", phase=doing)
        return WorkerDied("worker.died", doing=doing, how=self._how(), last_words=self._last_words())

    def _how(self) -> str:
        code = self.process.returncode
        if code is not None and code < 0:
            return text("worker.killed_by_kernel" if code == -9 else "worker.signal", signal=-code)
        return text("worker.exit_code", code=code)

    def _last_words(self) -> str:
        line = next((line for line in reversed(self._output) if line.strip()), "")
        return text("worker.said", line=line.strip()) if line else text("worker.no_words")

    def _read(self) -> None:
        while True:
            try:
                received = self._wire.receive()
            except (OSError, WireError, ValueError):  # ValueError: closed under the reader
                received = None
            if received and received[0]["type"] == "fatal":
                self._fatal = received[0]
                continue
            self._frames.put(received[0] if received else None)
            if received is None:
                return

    def _drain(self) -> None:
        assert self.process.stdout is not None, "opened as a pipe"
        for line in self.process.stdout:
            self._output.append(line.decode(errors="replace").rstrip())


def _words(message: dict[str, Any]) -> str:
    return text(message["code"], **message["params"])


def _ignore(_name: str, _data: Any) -> None:
    """Setting up reports nothing."""
