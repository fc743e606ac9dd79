"""Arrival: what to do about an engine that has the device already — refuse, wait, or make it leave."""

import threading
import time

from workbench.errors import DeviceBusy, Stopped
from workbench.hosts import registry
from workbench.hosts.connection import OnEvent
from workbench.hosts.door import knock
from workbench.hosts.registry import Claim, Holder
from workbench.words import say, text

_LOOK_S = 0.2
_LEAVES_WITHIN_S = 15.0


class Arrival:
    """One engine on its way to a device. `stopping` is set when the person pressed Stop."""

    def __init__(self, claim: Claim, on_event: OnEvent, stopping: threading.Event) -> None:
        self.claim = claim
        self._on_event = on_event
        self._stopping = stopping
        self._told = False

    def in_the_way(self) -> Holder | None:
        """The engine that holds the device; None when it is free, or when we were told to stand beside."""
        return None if self.claim.when_busy == "beside" else registry.holder(self.claim.device)

    def make_way(self, found: Holder) -> None:
        """Returns when it is worth looking again. DeviceBusy, or Stopped."""
        match self.claim.when_busy:
            case "take":
                self._end(found)
            case "wait":
                if not self._told:
                    self._told = True
                    said = say("engines.waiting", device=found.device, notebook=found.notebook, model=found.model)
                    self._on_event("note", said)
                self._pause()
            case _:
                raise registry.busy(found, self.claim.device)

    def _end(self, found: Holder) -> None:
        refusal = DeviceBusy("engines.not_given", device=found.device, notebook=found.notebook, pid=found.owner_pid)
        if not found.socket:
            raise refusal
        patience_s = _LEAVES_WITHIN_S
        try:
            _, connection = knock(found.socket, {"type": "leave", "notebook": self.claim.notebook})
            connection.close()
        except OSError:  # on its way out already, or out of reach
            patience_s = _LOOK_S
        until = time.monotonic() + patience_s
        while registry.holder(found.device) == found:
            if time.monotonic() > until:
                raise refusal
            self._pause()
        self._on_event("note", say("engines.ended", notebook=found.notebook, device=found.device))

    def _pause(self) -> None:
        if self._stopping.wait(_LOOK_S):
            raise Stopped("session.stopped", phase=text("phase.waiting"))
