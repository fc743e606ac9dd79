"""What a probe may touch of the engine that holds the model."""

from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch

from workbench.config import Config
from workbench.probes.context import Context
from workbench.probes.quality.twins import Twin
from workbench.probes.stops import Stops
from workbench.results import CompileReport, Drafts, ModelFacts, Resolved


class Bench(Protocol):
    """The resident model with its config in force."""

    model: Any  # a transformers causal language model
    tokenizer: Any
    device: torch.device
    config: Config
    originals: Any  # .generation_config, .pad_token_id, .padding_side as they were loaded; None before a load
    stops: Stops  # what ends an answer beside end tokens and its length, in work that is not fixed

    @property
    def facts(self) -> ModelFacts:
        """What kind of model it is."""

    def resolved(self) -> Resolved:
        """The state read back from the model."""

    def inputs(self, prompts: list[str], *, chat: bool = False) -> dict[str, torch.Tensor]:
        """Token ids and mask on the device, padded as the config says. chat: as user turns, by the chat template."""

    def interruptible(self, context: Context) -> AbstractContextManager[None]:
        """Within it a forward pass notices Stop between two layers."""

    def produce(
        self, batch: dict[str, torch.Tensor], streamer: Any, new_tokens: int, *, fixed: bool = True, **options: Any
    ) -> Any:
        """What `generate` returns (.sequences [batch, time], .past_key_values), under everything in force.

        fixed: greedy, exactly `new_tokens` per row: end of sequence, stops and penalties off.
        """

    def compile_report(self) -> CompileReport | None:
        """What was compiled for the loop that ran last; None before a compiled one ran."""

    @property
    def cache_bytes(self) -> dict[str, int]:
        """device -> bytes of the KV cache at the end of the last call."""

    @property
    def drafts(self) -> Drafts | None:
        """What the last call that speculated drafted and kept; None where none did since the last change."""

    def in_force(self) -> AbstractContextManager[None]:
        """The settings that hold only around a call (SDPA kernel, autocast), for a direct forward pass."""

    def masked(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """`batch` with its mask as the knob says."""

    def switch(self, config: Config, context: Context, *, proven: bool = False) -> None:
        """Puts a live config in force. `proven`: without the one-token forward that proves that it works."""

    def twins(self) -> tuple[Twin, ...]:
        """The quantised layers, each with its weights in full. CapabilityError where those are not at hand."""
