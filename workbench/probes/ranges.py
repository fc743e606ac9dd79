"""Ranges that a profiler shows: load, prefill, each decode step, and in these the choice of the next token.

Nothing is put around anything unless somebody asks: `session.trace` while it records, or the environment
(WORKBENCH_NVTX=1, or nsys, which names its session there). Then they are NVTX ranges where there is CUDA, else
torch.profiler's own. What is asked is looked at once for each load and each call of `generate`, never for a token.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch.profiler import record_function
from transformers.generation.streamers import BaseStreamer

from workbench.probes.trace_events import RANGE

LOAD, PREFILL, DECODE, SAMPLING = (f"{RANGE}{word}" for word in ("load", "prefill", "decode", "sampling"))
MEASURE = f"{RANGE}measure"  # the repeats that are measured: what nsys is told to record
VARIABLE = "WORKBENCH_NVTX"
_NSYS = "NSYS_PROFILING_SESSION_ID"  # set by Nsight Systems in what it starts

Open = Callable[[str], AbstractContextManager[Any]]
_recording: list[None] = []  # one entry for each profile that is being recorded


def asked() -> bool:
    """Whether anybody wants to see them."""
    return bool(_recording) or _by_environment()


def _by_environment() -> bool:
    word = os.environ.get(VARIABLE, "").strip().lower()
    return word not in ("0", "off", "no", "false") if word else _NSYS in os.environ


@contextmanager
def recorded() -> Iterator[None]:
    """Within it a profile of torch's is recorded, which shows them whatever the environment says."""
    _recording.append(None)
    try:
        yield
    finally:
        _recording.pop()


def span(name: str) -> AbstractContextManager[Any]:
    """One range; nothing at all where nobody asks."""
    return _opener()(name) if asked() else nullcontext()


def _opener() -> Open:
    """What opens a range. torch.profiler shows its own; torch's NVTX calls raise in a build without CUDA."""
    if _recording or not torch.cuda.is_available():
        return record_function
    return torch.cuda.nvtx.range


class Steps(BaseStreamer):  # type: ignore[misc]  # transformers ships no types
    """The ranges of one `generate`, as the streamer that it is given; what it is handed goes on to `streamer`.

    A forward pass begins a prefill, or once a token is out, a decode step. When it ends the choice begins: processors,
    sampling, stop criteria, and the way to the host, where on a GPU all of this is waited for. The token's arrival here
    ends both. Ranges of one thread must close in the order in which they opened.
    """

    def __init__(self, streamer: Any) -> None:
        self.context = getattr(streamer, "context", None)  # compiled loops tell it what they do
        self._streamer = streamer
        self._range = _opener()
        self._open = ExitStack()
        self._running = self._produced = False

    def put(self, tokens: torch.Tensor) -> None:
        """The prompt, which comes before any pass, then each step's tokens."""
        self._produced |= self._running
        self._end()
        if self._streamer is not None:
            self._streamer.put(tokens)

    def end(self) -> None:
        if self._streamer is not None:
            self._streamer.end()

    @contextmanager
    def over_model(self, model: torch.nn.Module, drafting: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Within it the passes of `model` are followed, but for those made while `drafting`.

        Not for compiled code, which a hook would make compile anew.
        """

        def before(*_anything: Any) -> None:
            if not drafting():
                self._begin()

        def after(*_anything: Any) -> None:
            if not drafting():
                self._choose()

        handles = (model.register_forward_pre_hook(before), model.register_forward_hook(after))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            self._end()

    @contextmanager
    def over_loop(self, loop: Any) -> Iterator[None]:
        """Within it the calls of a compiled loop's `prefill` and `decode` are followed, from outside of its code."""

        def followed(step: Callable[..., Any]) -> Callable[..., Any]:
            def following(*arguments: Any) -> Any:
                self._begin()
                found = step(*arguments)
                self._choose()
                return found

            return following

        loop.prefill, loop.decode = followed(loop.prefill), followed(loop.decode)
        try:
            yield
        finally:
            del loop.prefill, loop.decode  # the methods of its class stand behind them
            self._end()

    def _begin(self) -> None:
        self._end()
        self._running = True
        self._open.enter_context(self._range(DECODE if self._produced else PREFILL))

    def _choose(self) -> None:
        self._open.enter_context(self._range(SAMPLING))

    def _end(self) -> None:
        self._running = False
        self._open.close()
