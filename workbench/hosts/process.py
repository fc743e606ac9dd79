"""ProcessHost: an engine in a process of its own, so that no toggle can take the notebook down."""

import contextlib
import itertools
import os
import threading
import time
from typing import Any

from workbench.errors import DeviceBusy, OutOfMemory, Stopped
from workbench.hosts.arrival import Arrival
from workbench.hosts.connection import STOP_GRACE_S, Connection, HandedOver, NeedsReplacement, OnEvent
from workbench.hosts.door import knock
from workbench.hosts.registry import Claim, Holder
from workbench.knobs import Cost
from workbench.knobs.machine import worker_environment_of
from workbench.results import ThreadChoice
from workbench.words import say

__all__ = ["STOP_GRACE_S", "ProcessHost"]


class ProcessHost:
    """Calls into one worker process, restarted when it dies. `call` from one thread at a time; `stop` from any.

    environment     variables set before torch is imported there, beside those that a config asks for: a change of
                    these is a new worker
    threads         the measured choice behind threads="auto"
    on_handed_over  called with ("handed_over", notebook) on a thread of its own when another notebook took the engine

    The operations open and apply may carry a `claim`: the device they need, for whom, and `when_busy`, which says what
    to do when an engine holds it already (see `Session`). An idle engine with the same weights changes hands as it is.
    """

    def __init__(
        self,
        environment: dict[str, str],
        threads: ThreadChoice | None,
        on_handed_over: OnEvent = lambda _name, _to: None,
    ) -> None:
        self._environment = environment
        self._threads = threads
        self._on_handed_over = on_handed_over
        self._jobs = itertools.count(1)
        self._worker: Connection | None = None
        self._started_with: dict[str, str] = {}  # of the worker: what its config asked for
        self._open: dict[str, Any] | None = None  # parameters of the last good open, its config kept up to date
        self._changing = threading.Lock()
        self._stopping = threading.Event()

    @property
    def pid(self) -> int | None:
        """The worker's process id, or None while there is none."""
        worker = self._worker
        return worker.process.pid if worker and worker.alive else None

    @property
    def import_seconds(self) -> float | None:
        """What the worker took to import its libraries; None: it was started by another session, or there is none."""
        return self._worker.import_s if self._worker else None

    @property
    def handed_over_to(self) -> str | None:
        """The notebook or program that has the engine now; the next call takes it back or brings another."""
        return self._worker.handed_over_to if self._worker else None

    def call(self, op: str, params: dict[str, Any], on_event: OnEvent) -> dict[str, Any]:
        """Runs `op` in the worker and returns its data. Raises what the worker raised, WorkerDied, or Stopped."""
        self._stopping.clear()
        if op == "open":
            data = self._arrive(params, on_event)
            self._open = dict(params)
        else:
            self.restore(on_event)
            if op == "apply" and worker_environment_of(params["config"]) != self._started_with:
                data = self._restart(params, on_event)
            else:
                try:
                    data = self._ask(op, params, on_event)
                except HandedOver:  # at the same moment
                    self.restore(on_event)
                    data = self._ask(op, params, on_event)
        if self._open and "config" in data:
            self._open["config"] = data["config"]
            self._open["claim"] = params.get("claim", self._open.get("claim"))
        return data

    def restore(self, on_event: OnEvent) -> dict[str, Any] | None:
        """Brings the model back on the last good config when its process is gone; None when nothing was needed."""
        if self._open is None or (self._worker and self._worker.alive):
            return None
        on_event("state", {"state": "restoring"})
        claim = self._open.get("claim")
        if claim and claim["when_busy"] == "take":
            claim = {**claim, "when_busy": "refuse"}  # consent to end another's engine was for the first time
        return self._arrive({**self._open, "claim": claim}, on_event)

    def stop(self) -> None:
        """Asks the work in progress to end; ends the process when it cannot notice in time."""
        self._stopping.set()
        if self._worker:
            self._worker.stop()

    def release(self) -> None:
        """Ends the worker to make room; the next call brings the model back on the last good config."""
        self._kill()

    def close(self) -> None:
        """Ends the worker. Harmless when there is none."""
        self._open = None
        self._stopping.set()
        self._kill()

    def _restart(self, params: dict[str, Any], on_event: OnEvent) -> dict[str, Any]:
        """A new worker in the environment that the config asks for. Where that fails, one with the last good config."""
        assert self._open is not None, "a config is applied to a model that was opened"
        began = time.monotonic()
        on_event("state", {"state": "loading"})
        self._kill()
        changed = {name: value for name, value in params.items() if name in ("config", "claim")}
        fresh = {**self._open, **changed}
        try:
            data = self._arrive(fresh, on_event)
        except Stopped:
            raise
        except Exception:
            self._kill()
            self.restore(on_event)
            raise
        data["applied"] |= {"cost": Cost.RESTART.value, "reloaded": True, "seconds": time.monotonic() - began}
        return data

    def _ask(self, op: str, params: dict[str, Any], on_event: OnEvent) -> dict[str, Any]:
        try:
            return self._running(params if op == "open" else self._open).call(next(self._jobs), op, params, on_event)
        except OutOfMemory as refused:
            if refused.params.get("spoils"):  # the next call brings the model back in another process
                self._kill()
            raise
        except NeedsReplacement as residue:
            on_event("note", say("worker.residue", left=f"{residue.left / 1e6:.0f} MB"))
            self._kill()
            assert self._open is not None, "only a resident model leaves a residue"
            fresh = {**self._open, **params}
            return self._running(fresh).call(next(self._jobs), "open", fresh, on_event)

    def _arrive(self, params: dict[str, Any], on_event: OnEvent) -> dict[str, Any]:
        """The model resident on its device: loaded, or taken over from whoever has it there."""
        if not params.get("claim"):
            return self._ask("open", params, on_event)
        arrival = Arrival(Claim(**params["claim"]), on_event, self._stopping)
        while True:
            found = arrival.in_the_way()
            if found is None:
                with contextlib.suppress(DeviceBusy):  # another was quicker: look who
                    return self._ask("open", params, on_event)
            else:
                data = self._adopt(found, params, on_event)
                if data is not None:
                    return data
                arrival.make_way(found)

    def _adopt(self, found: Holder, params: dict[str, Any], on_event: OnEvent) -> dict[str, Any] | None:
        """Takes the engine of another notebook over and gives it our config; None when it is another or at work."""
        claim = params["claim"]
        if found.fingerprint != claim["fingerprint"] or not found.socket:
            return None
        read, write = os.pipe()
        try:
            answer, connection = knock(found.socket, {"type": "adopt", **claim}, [write])
        except OSError:
            os.close(read)
            return None
        finally:
            os.close(write)
        if answer["type"] != "yours":
            os.close(read)
            connection.close()
            return None
        self._kill()
        with self._changing:
            self._worker = Connection.adopt(found.pid, connection, os.fdopen(read, "rb"), self._on_handed_over)
            self._started_with = worker_environment_of(params["config"])  # the fingerprint says so
        self._open = dict(params)
        on_event("note", say("engines.taken_over", notebook=found.notebook))
        return self._ask("apply", {"config": params["config"], "claim": claim}, on_event)

    def _running(self, opened: dict[str, Any] | None) -> Connection:
        """The worker, started where there is none, in the environment that the config of `opened` asks for."""
        with self._changing:
            if self._worker is None or not self._worker.alive:
                if self._worker is not None:
                    self._worker.kill()
                self._started_with = worker_environment_of(opened["config"]) if opened else {}
                environment = {**self._environment, **self._started_with}
                self._worker = Connection.start(environment, self._on_handed_over)
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


def _ignore(_name: str, _data: Any) -> None:
    """Setting up reports nothing."""
