"""Quantised linear layers beside the weights they were made of, and passes in which some of them run in full."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import linear


@dataclass(frozen=True)
class Twin:
    """One quantised layer.

    module  the resident one; bytes: that it takes now, quantisation state included
    whole   its weights before: a plain linear layer on the host, read from the disk when it is touched
    """

    name: str
    module: torch.nn.Module
    bytes: int
    whole: torch.nn.Linear

    def in_full(self, inputs: torch.Tensor) -> torch.Tensor:
        """What the layer gives with its full weights, in the inputs' number format and on their device."""
        weight = self.whole.weight.to(inputs.device, inputs.dtype)
        bias = self.whole.bias
        return linear(inputs, weight, None if bias is None else bias.to(inputs.device, inputs.dtype))

    def more_bytes(self, dtype: torch.dtype) -> int:
        """That it would take with its weights in `dtype`, above what it takes now."""
        values = self.whole.weight.numel() + (self.whole.bias.numel() if self.whole.bias is not None else 0)
        return values * dtype.itemsize - self.bytes


@contextmanager
def in_full(twins: Iterable[Twin]) -> Iterator[None]:
    """Within it these layers compute with their full weights, which are on the device only for the call."""
    with ExitStack() as stack:
        for twin in twins:
            stack.enter_context(_forward_of(twin))
        yield


@contextmanager
def _forward_of(twin: Twin) -> Iterator[None]:
    module: Any = twin.module
    own = vars(module).get("forward")  # accelerate puts one there

    def forward(inputs: torch.Tensor, *_rest: Any, **_named: Any) -> torch.Tensor:
        return twin.in_full(inputs)

    module.forward = forward
    try:
        yield
    finally:
        del module.forward
        if own is not None:
            module.forward = own


class Errors:
    """‖output − output in full‖ ÷ ‖output in full‖ of each layer, over all inputs that pass within `watched()`."""

    def __init__(self, twins: Iterable[Twin]) -> None:
        self._twins = tuple(twins)
        self._sums = {twin.name: [0.0, 0.0] for twin in self._twins}

    @contextmanager
    def watched(self) -> Iterator[None]:
        handles = [twin.module.register_forward_hook(self._look_at(twin)) for twin in self._twins]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _look_at(self, twin: Twin) -> Any:
        def look(_module: Any, inputs: Any, output: torch.Tensor) -> None:
            whole = twin.in_full(inputs[0]).float()
            sums = self._sums[twin.name]
            sums[0] += (output.float() - whole).square().sum(dtype=torch.float64).item()
            sums[1] += whole.square().sum(dtype=torch.float64).item()

        return look

    def of(self, name: str) -> float:
        """nan for a layer that nothing passed."""
        off, whole = self._sums[name]
        return (off / whole) ** 0.5 if whole else float("nan")
