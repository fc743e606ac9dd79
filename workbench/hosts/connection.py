"""Connection: one running worker seen from the notebook's side, and the job it has."""

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, BinaryIO

import psutil

from workbench.errors import Stopped, WorkerDied, rebuild
from workbench.hosts.pipes import Channel, socket_wire
from workbench.protocol import Wire, WireError
from workbench.words import text

OnEvent = Callable[[str, Any], None]
STOP_GRACE_S = 2.0  # for work that cannot notice Stop: load, compile, calibration
_START_LIMIT_S = 120.0
_OUTPUT_LINES = 200
# glibc keeps what was freed in each of its arenas: with one arena a dropped model's memory really goes back
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}


class NeedsReplacement(Exception):
    """The worker dropped the old model but its memory stayed."""

    def __init__(self, left: int) -> None:
        self.left = left
        super().__init__(left)


class HandedOver(Exception):
    """The engine works for another notebook now."""


class Connection:
    """A worker's process, its wire and its output. Made by `start` or `adopt`."""

    def __init__(
        self, process: "subprocess.Popen[bytes] | Adopted", wire: Wire, output: BinaryIO, on_handed_over: OnEvent
    ) -> None:
        self.process = process
        self.handed_over_to: str | None = None
        self.import_s: float | None = None  # its libraries; None: another session started it
        self._on_handed_over = on_handed_over
        self._wire = wire
        self._stdout = output
        self._frames: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._output: deque[str] = deque(maxlen=_OUTPUT_LINES)
        self._fatal: dict[str, Any] | None = None
        self._job: int | None = None
        self._killable = True
        self._stopping = False
        self._starting = isinstance(process, subprocess.Popen)
        self._doing = text("worker.doing_idle")
        self._threads = [
            threading.Thread(target=self._drain, daemon=True, name="worker-output"),
            threading.Thread(target=self._read, daemon=True, name="worker-frames"),
        ]
        for thread in self._threads:
            thread.start()

    @classmethod
    def start(cls, environment: dict[str, str], on_handed_over: OnEvent) -> "Connection":
        """A worker of our own; `greet` waits for it."""
        channel = Channel()
        command = [sys.executable, "-P", "-m", "workbench.hosts.worker", *channel.arguments]
        process = subprocess.Popen(
            [*command, "--owner", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **_ENVIRONMENT, **environment},
            **channel.popen_options(),  # type: ignore[call-overload]
        )
        channel.forget_child_end()
        return cls(process, channel.wire, process.stdout, on_handed_over)

    @classmethod
    def adopt(cls, pid: int, connection: socket.socket, output: BinaryIO, on_handed_over: OnEvent) -> "Connection":
        """A worker that another process started and gave to us by `connection`."""
        return cls(Adopted(pid), socket_wire(connection), output, on_handed_over)

    @property
    def alive(self) -> bool:
        return self.handed_over_to is None and self.process.poll() is None

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
        self.import_s = frame["import_s"]

    def call(self, job: int, op: str, params: dict[str, Any], on_event: OnEvent) -> dict[str, Any]:
        """The result of `op`. Raises what the worker raised, WorkerDied, Stopped, NeedsReplacement or HandedOver."""
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
        """Ends the process and everything it started; one that was handed over is only let go."""
        if self.handed_over_to is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                for child in psutil.Process(self.process.pid).children(recursive=True):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        child.kill()
            self._kill_group()
            self.process.kill()
            self.process.wait()
        elif isinstance(self.process, subprocess.Popen):  # still our child: somebody must reap it one day
            threading.Thread(target=self.process.wait, daemon=True, name="worker-given-away").start()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout=5)
        self._wire.close()
        self._stdout.close()

    def _kill_if_still(self, job: int) -> None:
        if self._job == job and self._killable and self.handed_over_to is None:
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
            self._doing = text(frame["data"]["doing"]["code"], **frame["data"]["doing"]["params"])
        else:
            on_event(frame["event"], frame["data"])

    def _death(self) -> Exception:
        """Why the process is gone, once its output is drained."""
        if self.handed_over_to is not None:
            return HandedOver()
        if not self._stopping or self._fatal:
            with contextlib.suppress(subprocess.TimeoutExpired, psutil.TimeoutExpired):
                self.process.wait(timeout=5)
        doing = self._doing
        stopping = self._stopping
        self.kill()
        if self._fatal:
            return WorkerDied(self._fatal["code"], **self._fatal["params"])
        if stopping:
            return Stopped("session.stopped", phase=doing)
        signalled = {"signal": max(-(self.process.returncode or 0), 0)}  # 0: by none, or not our child
        again = text("worker.run_again")
        return WorkerDied(
            "worker.died", doing=doing, how=self._how(), last_words=self._last_words(), advice=again, **signalled
        )

    def _how(self) -> str:
        code = self.process.returncode
        if code is not None and code < 0:
            return text("worker.killed_by_kernel" if code == -9 else "worker.signal", signal=-code)
        return text("worker.exit_code", code="?" if code is None else code)

    def _last_words(self) -> str:
        # a line that was drawn over itself is a progress bar
        line = next((line for line in reversed(self._output) if line.strip() and "\r" not in line), "")
        return text("worker.said", line=line.strip()) if line else text("worker.no_words")

    def _read(self) -> None:
        while True:
            try:
                received = self._wire.receive()
            except (OSError, WireError, ValueError):  # ValueError: closed under the reader
                received = None
            frame = received[0] if received else None
            if frame and frame["type"] == "fatal":
                self._fatal = frame
                continue
            if frame and frame["type"] == "handed_over":
                self.handed_over_to = frame["to"]
                self._frames.put(None)
                self._on_handed_over("handed_over", frame["to"])
                return
            self._frames.put(frame)
            if frame is None:
                return

    def _drain(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed under the reader
            for line in self._stdout:
                self._output.append(line.decode(errors="replace").rstrip())


class Adopted:
    """The part of subprocess.Popen that is used here, for a process that is no child of ours."""

    returncode = None  # only a parent is told

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._process = psutil.Process(pid)

    def poll(self) -> int | None:
        """None while it lives."""
        try:
            gone = not self._process.is_running() or self._process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            gone = True
        return 0 if gone else None

    def wait(self, timeout: float | None = None) -> None:
        """Until it is gone, a zombie included. psutil.TimeoutExpired after `timeout` seconds."""
        waited, step_s = 0.0, 0.02
        while self.poll() is None:
            if timeout is not None and waited >= timeout:
                raise psutil.TimeoutExpired(timeout, self.pid)
            threading.Event().wait(step_s)
            waited += step_s

    def kill(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            self._process.kill()
