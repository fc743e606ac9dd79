"""One of the other ranks: does what the first tells it, with an engine of its own, and says how it went."""

import queue
from typing import Any

import torch
from transformers.generation.streamers import BaseStreamer

from workbench.catalog.sources import Source
from workbench.config import Config
from workbench.engine.ranks import held, kind_of
from workbench.errors import WorkbenchError
from workbench.probes.context import Context
from workbench.protocol import Wire


class Halted(Exception):
    """The first rank ended this run."""


class Follower:
    """Of another rank: does what the first tells, with an engine of its own. `calls`, `steps`: frames as they come."""

    def __init__(self, engine: Any, wire: Wire, rank: int) -> None:
        self._engine = engine
        self._wire = wire
        self._rank = rank
        self.calls: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.steps: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def run_one(self) -> None:
        """Waits for a call, does it, and says how it ended."""
        call = self.calls.get()
        end: dict[str, Any] = {"job": call["job"], "error": "", "said": "", "halted": False, "holds": {}}
        try:
            self._do(call)
            end["holds"] = self._holds()
        except Halted:
            end["halted"] = True
        except WorkbenchError as error:
            end |= {"error": kind_of(error), "said": error.what}
        except Exception as error:  # noqa: BLE001  # whatever a library raises is compared with what the first met
            end |= {"error": kind_of(error), "said": next(iter(str(error).splitlines()), "")}
            print(f"rank {self._rank}: {type(error).__name__}: {end['said']}", flush=True)
        self._wire.send(end)

    def _do(self, call: dict[str, Any]) -> None:
        engine, context = self._engine, Context(lambda _name, _data: None)
        match call["do"]:
            case "open":
                engine.open(Source(**call["source"]), Config(**call["config"]), context)
            case "apply":
                engine.apply(Config(**call["config"]), context, fresh=call["fresh"])
            case "switch":
                engine.switch(Config(**call["config"]), context, proven=call["proven"])
            case "produce":
                batch = {name: torch.tensor(ids, device=engine.device) for name, ids in call["batch"].items()}
                following = _Following(self.steps, call["job"])
                led = {"logits_processor": [following.only]} if call["led"] else {}
                engine.produce(batch, following, call["new_tokens"], fixed=call["fixed"], **led)
            case "forward":
                model = engine.model if call["which"] == "whole" else engine.model.base_model
                with engine.in_force():
                    model(**{name: _given(value, engine.device) for name, value in call["inputs"].items()})

    def _holds(self) -> dict[str, int]:
        return held(self._engine.model, self._rank)


class _Following(BaseStreamer):  # type: ignore[misc]
    """Waits at each step of the run `job` until the first rank says which tokens came and that it goes on."""

    def __init__(self, steps: "queue.SimpleQueue[dict[str, Any]]", job: int) -> None:
        self._steps = steps
        self._job = job
        self._told: dict[str, Any] | None = None

    def only(self, _input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """A logits processor that leaves nothing but the token that the first rank chose, row by row."""
        chosen = torch.tensor(self._next()["ids"], device=scores.device)[:, None]
        return torch.full_like(scores, -torch.inf).scatter(1, chosen, 0.0)

    def put(self, tokens: torch.Tensor) -> None:
        told, came = self._next(), tokens.flatten().tolist()
        self._told = None
        if told["ids"] != came:
            raise RuntimeError(f"the first rank came to {told['ids'][:8]}, this one to {came[:8]}")

    def end(self) -> None:
        """Nothing is held back."""

    def _next(self) -> dict[str, Any]:
        while self._told is None or self._told["job"] != self._job:
            self._told = self._steps.get()
        if not self._told["go"]:
            raise Halted
        return self._told


def _given(value: Any, device: torch.device) -> Any:
    if isinstance(value, dict):
        return torch.tensor(value["values"], dtype=getattr(torch, value["dtype"]), device=device)
    return value
