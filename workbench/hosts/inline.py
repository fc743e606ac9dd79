"""InlineHost: the same engine in this process, for `session.model` and for debugging."""

import os
import threading
from collections.abc import Callable
from typing import Any

from workbench.config import Config
from workbench.engine import attached
from workbench.engine.engine import Engine
from workbench.engine.torch_facts import attention_implementations
from workbench.errors import CapabilityError
from workbench.hosts.arrival import Arrival
from workbench.hosts.operations import execute
from workbench.hosts.registry import Claim, Holding
from workbench.knobs.machine import worker_environment_of
from workbench.probes.context import Context
from workbench.results import Machine, ThreadChoice


def with_registered(machine: Machine) -> Machine:
    """`machine` with the attention implementations that were registered in this process: the doctor asks another."""
    if machine.torch is None:
        return machine
    names = dict.fromkeys((*machine.torch.attention_implementations, *attention_implementations()))
    return machine.model_copy(
        update={"torch": machine.torch.model_copy(update={"attention_implementations": tuple(names)})}
    )


class InlineHost:
    """Calls into an engine here. All calls must come from the same thread; `stop` from any."""

    pid = None
    handed_over_to = None

    def __init__(self, threads: ThreadChoice | None) -> None:
        self.engine = Engine(threads)
        self._stop = threading.Event()
        self._holding = Holding()

    def call(self, op: str, params: dict[str, Any], on_event: Callable[[str, Any], None]) -> dict[str, Any]:
        """Runs `op` and returns its data; raises what it raises."""
        self._stop = threading.Event()
        if wanted := worker_environment_of(params.get("config", Config())):
            raise CapabilityError("session.inline_restart", variables=", ".join(wanted))
        try:
            if claim := params.pop("claim", None):
                self._claim(Claim(**claim), on_event)
            data = execute(self.engine, op, params, Context(on_event, self._stop))
        finally:
            if self.engine.model is None:
                self._holding.release()
        if "resolved" in data:
            self._holding.update(bytes=sum(data["resolved"]["bytes_by_dtype"].values()))
        return data

    def examine(self, model: Any, tokenizer: Any) -> None:
        """ModelError or CapabilityError when they cannot be put on the bench."""
        attached.examine(model, tokenizer)

    def attach(
        self, model: Any, tokenizer: Any, claim: dict[str, Any], on_event: Callable[[str, Any], None]
    ) -> dict[str, Any]:
        """Puts a model that the person loaded on the bench."""
        self._claim(Claim(**claim), on_event)
        applied = self.engine.attach(model, tokenizer, Context(on_event, self._stop))
        return {
            "applied": applied.to_dict(),
            "config": self.engine.config.to_dict(),
            "resolved": applied.resolved.to_dict(),
            "facts": self.engine.facts.to_dict(),
        }

    def restore(self, _on_event: Callable[[str, Any], None]) -> None:
        """Nothing to bring back: this process is the engine's."""

    def _claim(self, claim: Claim, on_event: Callable[[str, Any], None]) -> None:
        arrival = Arrival(claim, on_event, self._stop)
        while (found := arrival.in_the_way()) and found.pid != os.getpid():
            arrival.make_way(found)
        self._holding.claim(claim)

    def stop(self) -> None:
        """Asks the work in progress to end, between two layers or two tokens."""
        self._stop.set()

    def close(self) -> None:
        """Drops the model."""
        self.engine.close()
        self._holding.release()
