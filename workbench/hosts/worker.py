"""The other end of the wire: `python -m workbench.hosts.worker`, the process that holds the model.

The main thread makes every torch call. A second thread only reads control messages: Stop, exit, and the end of the
owner. When the owner is gone this process ends with its whole process group, compilers included.
"""

import argparse
import contextlib
import os
import queue
import select
import signal
import sys
import threading
import time
import traceback
from typing import Any, NoReturn

import psutil

from workbench.hosts.door import Visit, door
from workbench.hosts.pipes import child_wire, socket_wire
from workbench.hosts.registry import Claim, Holding
from workbench.protocol import Wire, WireError

_OWNER_CHECK_S = 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description="Holds one model for a workbench session; started by it.")
    parser.add_argument("--read", type=int, required=True)
    parser.add_argument("--write", type=int, required=True)
    parser.add_argument("--owner", type=int, required=True)
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the notebook's Interrupt arrives as Stop over the wire
    prefer_as_victim()
    Worker(child_wire(arguments.read, arguments.write), arguments.owner, arguments.read).run()


class Worker:
    """Takes calls one at a time and answers each with a result or an error."""

    def __init__(self, wire: Wire, owner: int, read_handle: int) -> None:
        self._wire = wire
        self._owner = psutil.Process(owner)
        self._read_handle = read_handle
        self._door = door()
        self._holding = Holding()
        self._waiting = 0  # calls that were taken in and not answered yet
        self._counting = threading.Lock()
        self._calls: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._stops: dict[int, threading.Event] = {}
        self._job = 0
        self._sequence = 0
        self._followers: Any = None  # where this is the first of several ranks
        self._context: Any = None
        self._ending = False

    def run(self) -> NoReturn:
        threading.Thread(target=self._read, daemon=True, name="control").start()
        began = time.monotonic()
        from workbench.engine import ranks, sharding  # torch comes in here, after the control thread listens
        from workbench.engine.engine import Engine
        from workbench.engine.leading import LeadingEngine
        from workbench.results import ThreadChoice, versions

        quiet()
        size = sharding.world()
        if size > 1:
            from workbench.hosts.followers import Followers

            self._followers = Followers(size)
        import_s = time.monotonic() - began
        self._send({"type": "hello", "pid": os.getpid(), "versions": versions(), "import_s": import_s})
        setup = self._calls.get()
        threads = ranks.shared_out(setup["params"]["threads"], size)
        choice = ThreadChoice.from_dict(threads) if threads else None
        engine: Engine
        if self._followers:
            engine = LeadingEngine(self._followers.leader(threads, self._rank_lost), choice)
            sharding.join(self._followers.store)
        else:
            engine = Engine(choice, replace=True)
        self._send({"type": "result", "job": setup["job"], "data": {}})
        self._finished()
        while True:
            self._answer(engine, self._calls.get())
            self._finished()

    def _answer(self, engine: Any, call: dict[str, Any]) -> None:
        from workbench.engine.memory import Residue
        from workbench.engine.ranks import RanksLost
        from workbench.errors import Stopped, WorkbenchError
        from workbench.hosts.operations import execute
        from workbench.probes.context import Context
        from workbench.probes.failures import loses_device

        self._job = call["job"]
        context = self._context = Context(self._emit, self._stops[self._job])
        try:
            if claim := call["params"].pop("claim", None):
                self._holding.claim(Claim(**claim), self._door.path if self._door else None)
            data = execute(engine, call["op"], call["params"], context)
            if "resolved" in data:
                self._holding.update(bytes=sum(data["resolved"]["bytes_by_dtype"].values()))
            self._send({"type": "result", "job": self._job, "data": data})
        except RanksLost as lost:
            if isinstance(lost.__cause__, Stopped):  # where only this rank could notice: it is Stop that ends it
                self._ending = True
                end_process_tree()
            self._rank_lost(lost.rank, lost.why)
        except WorkbenchError as error:
            self._fail(type(error).__name__, error.code, error.params)
        except Residue as residue:
            self._send({"type": "replace", "job": self._job, "left": residue.left_bytes, "model": residue.model_bytes})
        except Exception as error:  # noqa: BLE001  # whatever a library raises must reach the person, not end here
            doing = str(context.doing or "")
            problem = next(iter(str(error).splitlines()), "")
            if loses_device(error):
                self._send({"type": "fatal", "code": "worker.poisoned", "params": {"doing": doing, "problem": problem}})
                end_process_tree()
            params = {"kind": type(error).__name__, "doing": doing, "problem": problem}
            self._fail("WorkbenchError", "worker.failed", params, traceback.format_exc())
        if engine.model is None:
            self._holding.release()
        del self._stops[self._job]
        # a traceback keeps the frames of a failed load alive, and with them its tensors
        sys.last_exc = None  # type: ignore[assignment,attr-defined,unused-ignore]

    def _rank_lost(self, rank: int, why: str = "") -> None:
        """Ends this process, with the ranks that are left: a collective that waits for one of them never ends."""
        if self._ending:
            return
        self._ending = True
        doing = str((self._context.doing if self._context else None) or "")
        parameters = {"rank": rank, "doing": doing, "why": why}
        self._send(
            {"type": "fatal", "code": "worker.rank_out_of_step" if why else "worker.rank_lost", "params": parameters}
        )
        end_process_tree()

    def _fail(self, kind: str, code: str, params: dict[str, Any], detail: str = "") -> None:
        plain = {name: value if isinstance(value, int | float | str) else str(value) for name, value in params.items()}
        self._send({"type": "error", "job": self._job, "kind": kind, "code": code, "params": plain, "detail": detail})

    def _emit(self, name: str, data: Any) -> None:
        self._sequence += 1
        body = {
            "type": "event",
            "job": self._job,
            "seq": self._sequence,
            "time": time.monotonic(),
            "event": name,
            "data": _plain(data),
        }
        self._send(body)

    def _send(self, header: dict[str, Any]) -> None:
        try:
            self._wire.send(header)
        except OSError:  # the owner is gone
            end_process_tree()

    def _finished(self) -> None:
        with self._counting:
            self._waiting -= 1

    def _read(self) -> None:
        while True:
            try:
                if sys.platform != "win32":
                    self._wait_for_owner()
                frame = self._wire.receive()
            except (OSError, WireError):
                frame = None
            if frame is None:
                end_process_tree()
            header, _payload = frame
            match header["type"]:
                case "call":
                    self._stops[header["job"]] = threading.Event()
                    with self._counting:
                        self._waiting += 1
                    self._calls.put(header)
                case "stop":
                    if stop := self._stops.get(header["job"]):
                        stop.set()
                case "exit":
                    end_process_tree()

    def _wait_for_owner(self) -> None:
        """Returns when the owner has written; lets visitors in meanwhile, and ends when the owner is gone."""
        while True:
            ends: list[Any] = [self._read_handle, *([self._door] if self._door else [])]
            ready = select.select(ends, [], [], _OWNER_CHECK_S)[0]
            if self._read_handle in ready:
                return
            if ready and self._door and (visit := self._door.answer()):
                self._receive_visit(visit)
            if not ready and not is_alive(self._owner):
                end_process_tree()

    def _receive_visit(self, visit: Visit) -> None:
        request = visit.request
        match request.get("type"):
            case "adopt" if self._holding.is_of(request.get("fingerprint", "")) and visit.descriptors:
                owner = running(request.get("owner_pid", 0))
                if self._waiting or not owner:
                    visit.reply({"type": "busy"})
                elif visit.reply({"type": "yours"}):
                    self._tell_owner_of(request)
                    self._change_hands(visit, owner)
                    return
            case "leave":
                self._tell_owner_of(request)
                visit.reply({"type": "left"})
                end_process_tree()
            case _:
                visit.reply({"type": "other"})
        visit.close()

    def _tell_owner_of(self, request: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # gone: nobody left to be told
            self._wire.send({"type": "handed_over", "to": str(request.get("notebook", "?"))})

    def _change_hands(self, visit: Visit, owner: psutil.Process) -> None:
        """Works for the visitor from now on. The main thread is idle: it waits for a call of the new owner."""
        (output,) = visit.descriptors
        for stream in (1, 2):
            os.dup2(output, stream)
        os.close(output)
        self._wire.close()
        self._owner = owner
        self._wire = socket_wire(visit.connection)
        self._read_handle = self._wire.fileno()


def running(pid: int) -> psutil.Process | None:
    """The process of that number, or None."""
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs: neither gone, nor a zombie, nor another that has its number now."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end_process_tree() -> NoReturn:
    """Ends this process and everything it started, at once. Compilers may sit in sessions of their own."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    if sys.platform != "win32" and os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _plain(data: Any) -> Any:
    if isinstance(data, dict):
        return {name: _plain(value) for name, value in data.items()}
    dump = getattr(data, "model_dump", None)
    return dump(mode="json") if dump else data


def prefer_as_victim() -> None:
    """Asks the kernel to take this process, not the notebook, when memory runs out (proc(5), oom_score_adj)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")


def quiet() -> None:
    """Progress bars would fill the error report's ring buffer."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()


if __name__ == "__main__":
    main()
