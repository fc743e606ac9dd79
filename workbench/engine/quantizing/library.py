"""What every library that quantises is asked."""

from collections.abc import Collection
from typing import Any

import torch

from workbench.config import Config
from workbench.engine.quantizing.outline import Linear
from workbench.words import Message


class Library:
    """One library: its config objects, what its kernels refuse, and what it did.

    in_place  it takes a model that is loaded in full, by `quantize`; else `from_pretrained` takes its `configuration`
    """

    in_place = False

    def bring_in(self) -> None:
        """Imports the library; ImportError where it is absent or broken."""

    def check(self, config: Config, device: torch.device, dtype: torch.dtype | None) -> None:
        """CapabilityError for settings that it cannot have. dtype: the model's own; None where the files do not say."""

    def refuses(self, config: Config, linear: Linear, device: torch.device) -> bool:
        """Whether its kernels cannot compute this layer, so that it must stay in full."""
        return False

    def configuration(
        self,
        config: Config,
        device: torch.device,
        dtype: torch.dtype | None,
        kept: list[str],
        group: int | None,
    ) -> Any:
        """The config object for `from_pretrained`.

        kept   whole paths of the modules that stay in full
        group  weights of a row that share a scale, where they do
        """
        raise NotImplementedError(f"{type(self).__name__} quantises in place")

    def quantize(self, model: Any, config: Config, kept: Collection[str], group: int | None) -> None:
        """Replaces the linear layers of a loaded model, all but those `kept`."""
        raise NotImplementedError(f"{type(self).__name__} quantises while loading")

    def layer(self, linear: torch.nn.Linear, config: Config, group: int | None) -> torch.nn.Module:
        """One linear layer, quantised alike; `linear` may be changed for it, the tensors in it are not."""
        raise NotImplementedError(f"{type(self).__name__} quantises no layer by itself")

    def settings(self, model: torch.nn.Module) -> tuple[dict[str, Any], dict[str, Message]]:
        """The knobs of the format as the resident modules have them, and why where they were not heard."""
        return {}, {}
