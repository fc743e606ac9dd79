"""Several processes that hold a part of each layer, as one engine: the first leads, the others follow call by call.

What the first does with the model (open, apply, switch, produce) the others are told to do as well, and each in the end
says how it went. Which token comes next, and whether another does, is said over a wire of their own after every step:
no collective of the model's is added to, so that what is counted and timed is the library's own.
A rank that is gone, or out of step, cannot be waited for inside a collective: RanksLost, and the process ends.
"""

import functools
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers.generation.streamers import BaseStreamer

from workbench.engine import offloading
from workbench.errors import CapabilityError, WorkbenchError
from workbench.protocol import Wire, WireError

_PATIENCE_S = 10.0  # for a rank to end as the first did, after an error that all of them should have met
_OWN = (
    "stopping_criteria",
    "logits_processor",
    "output_logits",
    "output_scores",
)  # arguments of `generate` that need no other rank


class RanksLost(Exception):
    """The ranks are not in step any more: this process is of no more use. `.rank`, `.why`."""

    def __init__(self, rank: int, why: str) -> None:
        self.rank = rank
        self.why = why
        super().__init__(rank, why)


class Leader:
    """Of the first rank: the wires to the others. `on_lost(rank, why)`: one of them is gone, or failed alone."""

    def __init__(self, wires: Sequence[Wire], on_lost: Callable[[int, str], None]) -> None:
        self._wires = wires
        self._on_lost = on_lost
        self._ends: list[queue.SimpleQueue[dict[str, Any] | None]] = [queue.SimpleQueue() for _ in wires]
        self._job = 0
        self._leading = False
        self._halted = False
        self.holds: dict[str, int] = {}  # of the others: "rank place" -> bytes of weights
        for at, wire in enumerate(wires):
            threading.Thread(target=self._listen, args=(at, wire), daemon=True, name=f"rank-{at + 1}").start()

    @property
    def size(self) -> int:
        return len(self._wires) + 1

    @contextmanager
    def together(self, do: str, **told: Any) -> Iterator[None]:
        """Within it this rank does what the others were told to; afterwards all of them have. RanksLost."""
        if self._leading:
            yield
            return
        self._job += 1
        self._send({"type": "call", "job": self._job, "do": do, **told})
        self._leading, self._halted = True, False
        try:
            yield
        except Exception as error:
            self._settle(error)
            raise
        else:
            self._settle(None)
        finally:
            self._leading = False

    def produce(
        self,
        bench: Any,
        batch: dict[str, torch.Tensor],
        streamer: Any,
        new_tokens: int,
        fixed: bool,
        options: dict[str, Any],
    ) -> Any:
        """`Engine.produce` on all ranks. CapabilityError for arguments that the others cannot be told."""
        if beyond := [name for name, value in options.items() if name not in _OWN and value]:
            raise CapabilityError("placement.not_followed", what=", ".join(beyond))
        ids = {name: tensor.tolist() for name, tensor in batch.items()}
        # what draws or leads here is not there: the others then take the tokens that come
        led = bool(options.get("logits_processor")) or (bench.config.do_sample and not fixed)
        with self.together("produce", batch=ids, new_tokens=new_tokens, fixed=fixed, led=led):
            try:
                return bench.decoder.produce(bench, batch, _Leading(self, streamer), new_tokens, fixed=fixed, **options)
            except Exception:
                if not self._halted:  # they may wait for the next token
                    self.step((), go=False)
                raise

    def lead(self, model: Any) -> None:
        """Makes the other ranks take part in every forward pass of `model`, or of its base, that is called by itself.

        CapabilityError in a pass that they cannot be told: alone it would wait for them for ever.
        """
        parts = {"base": model.base_model, "whole": model, "head": model.get_output_embeddings()}
        for which, module in parts.items():
            if module is not None:
                module.forward = self._led(which, module.forward)

    def _led(self, which: str, forward: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(forward)
        def led(*arguments: Any, **named: Any) -> Any:
            if self._leading:
                return forward(*arguments, **named)
            if arguments:  # the head's, given states
                raise CapabilityError("placement.not_followed", what=which)
            told = {name: _plain(name, value) for name, value in named.items() if value is not None}
            with self.together("forward", which=which, inputs=told):
                return forward(**named)

        return led

    def step(self, ids: Sequence[int], *, go: bool) -> None:
        """Tells the others which ids came, one a row (of the prompt all), and whether it goes on."""
        self._send({"type": "step", "job": self._job, "ids": list(ids), "go": go})

    def halt(self, ids: Sequence[int]) -> None:
        """The same, where the run ends early on all ranks."""
        self._halted = True
        self.step(ids, go=False)

    def _send(self, frame: dict[str, Any]) -> None:
        for at, wire in enumerate(self._wires):
            try:
                wire.send(frame)
            except OSError as error:
                raise RanksLost(at + 1, "") from error

    def _settle(self, error: Exception | None) -> None:
        """Waits until every rank has ended this call, and compares how."""
        mine = "" if error is None or self._halted else kind_of(error)
        for at, ends in enumerate(self._ends):
            try:
                # without an error there is nothing to fear but a death, which is told
                end = ends.get(timeout=_PATIENCE_S if mine else None)
            except queue.Empty:
                raise RanksLost(at + 1, str(error)) from error
            if end is None:
                raise RanksLost(at + 1, "") from error
            if not end["halted"] if self._halted else end["error"] != mine and not end["halted"]:
                raise RanksLost(at + 1, end["said"] or str(error or "")) from error
            self.holds |= end["holds"]

    def _listen(self, at: int, wire: Wire) -> None:
        while True:
            try:
                frame = wire.receive()
            except (OSError, ValueError, WireError):  # ValueError: closed under the reader
                frame = None
            end = frame[0] if frame else None
            self._ends[at].put(end)
            if end is None:
                self._on_lost(at + 1, "")
                return
            if end["error"]:
                threading.Thread(target=self._still_waits, args=(at + 1, end), daemon=True, name="rank-failed").start()

    def _still_waits(self, rank: int, end: dict[str, Any]) -> None:
        """A rank failed. Where this one does not soon after, it waits for it inside a collective."""
        threading.Event().wait(_PATIENCE_S)
        if self._leading and self._job == end["job"]:
            self._on_lost(rank, end["said"] or end["error"])


class _Leading(BaseStreamer):  # type: ignore[misc]  # transformers ships no types
    """Tells the other ranks of each step, after `inner` (or None) had it."""

    def __init__(self, leader: Leader, inner: Any) -> None:
        self._leader = leader
        self._inner = inner

    def put(self, tokens: torch.Tensor) -> None:
        try:
            if self._inner is not None:
                self._inner.put(tokens)
        except BaseException:
            self._leader.halt(tokens.flatten().tolist())
            raise
        self._leader.step(tokens.flatten().tolist(), go=True)

    def end(self) -> None:
        if self._inner is not None:
            self._inner.end()


def _plain(name: str, value: Any) -> Any:
    """An argument of a forward pass as it crosses a wire."""
    if isinstance(value, torch.Tensor) and not value.is_floating_point():
        return {"values": value.tolist(), "dtype": str(value.dtype).removeprefix("torch.")}
    if isinstance(value, bool | int):
        return value
    raise CapabilityError("placement.not_followed", what=name)


def held(model: Any, rank: int) -> dict[str, int]:
    """ "rank place" -> bytes of weights and buffers there; empty without a model."""
    if model is None:
        return {}
    return {f"{rank} {place}": taken for place, taken in offloading.bytes_by_place(model).items()}


def kind_of(error: Exception) -> str:
    """What two ranks compare of their errors."""
    return error.code if isinstance(error, WorkbenchError) else type(error).__name__


def shared_out(threads: Mapping[str, Any] | None, ranks: int) -> dict[str, Any] | None:
    """The measured choice of threads (a ThreadChoice as a dict) for one of so many ranks of this machine."""
    return None if threads is None else {**threads, "threads": max(1, int(threads["threads"]) // ranks)}
