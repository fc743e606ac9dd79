"""HQQ: int4 and int8 weights in groups, put into a model that is already loaded (transformers' HqqConfig raises)."""

from collections.abc import Collection
from typing import Any

import torch

from workbench.config import Config
from workbench.engine.quantizing.library import Library
from workbench.errors import CapabilityError
from workbench.words import Message


class Hqq(Library):
    in_place = True

    def bring_in(self) -> None:
        from hqq.core.quantize import HQQLinear  # noqa: F401

    def check(self, config: Config, device: torch.device, dtype: torch.dtype | None) -> None:
        """Its layers multiply what they are given with weights of their own compute dtype."""
        own = str(dtype).removeprefix("torch.")
        if dtype is not None and config.compute_dtype not in ("auto", own):
            raise CapabilityError("quantize.hqq_compute", asked=config.compute_dtype, dtype=own)

    def quantize(self, model: Any, config: Config, kept: Collection[str], group: int | None) -> None:
        """One layer after the other, so that little more than the full model is ever held.

        The library's own `AutoHQQHFModel.quantize_model` goes by kinds of layers, and cannot leave one of a kind.
        """
        for name, layer in list(model.named_modules()):
            if type(layer) is torch.nn.Linear and name not in kept:
                model.set_submodule(name, self.layer(layer, config, group))

    def layer(self, linear: torch.nn.Linear, config: Config, group: int | None) -> torch.nn.Module:
        from hqq.core.quantize import BaseQuantizeConfig, HQQLinear

        bits = int(config.quantization.removeprefix("hqq-int"))
        made: torch.nn.Module = HQQLinear(
            linear,
            BaseQuantizeConfig(nbits=bits, group_size=group),
            compute_dtype=linear.weight.dtype,
            device=str(linear.weight.device),
        )
        return made

    def settings(self, model: torch.nn.Module) -> tuple[dict[str, Any], dict[str, Message]]:
        """Read from the first layer."""
        for module in model.modules():
            if type(module).__name__ == "HQQLinear":
                made: Any = module
                compute = str(made.compute_dtype).removeprefix("torch.")
                return {"group_size": int(made.meta["group_size"]), "compute_dtype": compute}, {}
        return {}, {}
