"""What a probe may touch of the engine that holds the model."""

from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch

from workbench.config import Config
from workbench.probes.context import Context
from workbench.results import ModelFacts, Resolved


class Bench(Protocol):
    """The resident model with its config in force."""

    model: Any  # a transformers causal language model
    tokenizer: Any
    device: torch.device
    config: Config
    facts: ModelFacts

    def resolved(self) -> Resolved:
        """The state read back from the model."""

    def inputs(self, prompts: list[str]) -> dict[str, torch.Tensor]:
        """Token ids and mask on the device, padded as the config says."""

    def interruptible(self, context: Context) -> AbstractContextManager[None]:
        """Within it a forward pass notices Stop between two layers."""
