"""Stop inside a forward pass: between two layers while prefilling, between two tokens while decoding."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers.generation.streamers import BaseStreamer

from workbench.engine.sharding import ranks
from workbench.probes.context import Context


def decoder_layers(model: Any) -> list[torch.nn.Module]:
    """The model's decoder layers, in order; empty when it is built in an unknown way."""
    expected = model.config.get_text_config().num_hidden_layers
    for module in model.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == expected:
            return list(module)
    return []


@contextmanager
def between_layers(model: Any, context: Context) -> Iterator["Guard"]:
    """A check for Stop before every layer, until `Guard.lift()` takes it away: prefill needs it, decode does not."""
    guard = Guard(model, context)
    try:
        yield guard
    finally:
        guard.lift()


class Guard:
    """Hooks that raise Stopped before a layer runs."""

    def __init__(self, model: Any, context: Context) -> None:
        def check(_module: torch.nn.Module, _arguments: Any) -> None:
            context.check()

        # of several ranks none may end inside a pass: the others would wait for it
        layers = decoder_layers(model) if ranks(model) == 1 else []
        self._handles = [layer.register_forward_pre_hook(check) for layer in layers]

    def lift(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []


class GuardedStreamer(BaseStreamer):  # type: ignore[misc]  # transformers ships no types
    """Passes `generate`'s tokens to `on_tokens`; the first call of `put` carries the prompt and is dropped.

    on_tokens receives one id per row (int64, [batch], on the host) as soon as the step's tokens are known; once for
    each token that a step of speculation kept.
    """

    def __init__(self, context: Context, guard: Guard, on_tokens: Any) -> None:
        self.context = context
        self._guard = guard
        self._on_tokens = on_tokens
        self._calls = 0

    def put(self, value: torch.Tensor) -> None:
        self._calls += 1
        if self._calls == 1:
            return
        if self._calls == 2:
            self._guard.lift()
        for tokens in value.T if value.ndim > 1 else (value,):
            self._on_tokens(tokens)
        self.context.check()

    def end(self) -> None:
        """Nothing is held back."""
