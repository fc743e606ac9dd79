"""torchao: int8 and int4 weights, int8 weights and activations, float8 weights; all as tensor subclasses."""

import importlib.util
from typing import Any

import torch
from transformers import TorchAoConfig

from workbench.config import Config
from workbench.engine.quantizing.library import Library
from workbench.errors import CapabilityError
from workbench.words import Message


class TorchAo(Library):
    def bring_in(self) -> None:
        from torchao.quantization import Int8WeightOnlyConfig  # noqa: F401

    def check(self, config: Config, device: torch.device, dtype: torch.dtype | None) -> None:
        """Its int4 kernels multiply in bfloat16; on a CPU a reference loop takes their place in other formats."""
        if config.quantization == "torchao-int4-weight" and dtype not in (None, torch.bfloat16):
            raise CapabilityError("quantize.int4_bfloat16", dtype=str(dtype).removeprefix("torch."))

    def configuration(
        self, config: Config, device: torch.device, dtype: torch.dtype | None, kept: list[str], group: int | None
    ) -> TorchAoConfig:
        return TorchAoConfig(_format(config.quantization, device, group), modules_to_not_convert=kept)

    def layer(self, linear: torch.nn.Linear, config: Config, group: int | None) -> torch.nn.Module:
        from torchao.quantization import quantize_

        made = _format(config.quantization, linear.weight.device, group)
        quantize_(linear, made, filter_fn=lambda module, _name: module is linear)
        return linear

    def settings(self, model: torch.nn.Module) -> tuple[dict[str, Any], dict[str, Message]]:
        """The group size, where weights are kept in groups; rows that it does not divide torchao leaves alone."""
        for parameter in model.parameters():
            block = getattr(parameter, "block_size", None)
            if block and type(parameter.data).__name__.startswith("Int4"):
                return {"group_size": int(block[-1])}, {}
        return {}, {}


def _format(name: str, device: torch.device, group: int | None) -> Any:
    from torchao.quantization import (
        Float8WeightOnlyConfig,
        Int4WeightOnlyConfig,
        Int8DynamicActivationInt8WeightConfig,
        Int8WeightOnlyConfig,
    )

    # Left on, torchao would change the whole process's float32 precision and Inductor's settings, which are knobs here.
    quiet = {"set_inductor_config": False}
    if name != "torchao-int4-weight":
        kinds = {
            "torchao-int8-weight": Int8WeightOnlyConfig,
            "torchao-int8-dynamic": Int8DynamicActivationInt8WeightConfig,
            "torchao-float8": Float8WeightOnlyConfig,
        }
        return kinds[name](**quiet)
    if device.type == "cpu":  # the packing for CPUs is still a prototype of torchao's
        from torchao.prototype.quantization.int4.inference_workflow import PrototypeInt4WeightOnlyConfig

        return PrototypeInt4WeightOnlyConfig(group_size=group, **quiet)
    # "plain" takes its kernels from mslk; the tiles are torch's own
    packing = "plain" if importlib.util.find_spec("mslk") else "tile_packed_to_4d"
    return Int4WeightOnlyConfig(group_size=group, int4_packing_format=packing, **quiet)
