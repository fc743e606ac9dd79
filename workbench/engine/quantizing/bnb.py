"""bitsandbytes: int8 with outliers in 16 bits, and the 4-bit formats nf4 and fp4."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

import torch
from transformers import BitsAndBytesConfig

from workbench.config import Config
from workbench.engine.quantizing.library import Library
from workbench.engine.quantizing.outline import Linear
from workbench.words import Message, say

_BLOCK = 64  # weights of a row that share a scale
_ROWS = 32  # that the CPU kernel takes at a time


class BitsAndBytes(Library):
    def bring_in(self) -> None:
        import bitsandbytes  # noqa: F401

    def refuses(self, config: Config, linear: Linear, device: torch.device) -> bool:
        """What bitsandbytes 0.50 cannot compute.

        int8: inputs of four dimensions, which only DeepSeek's kv_b_proj gets (it flattens three).
        4 bits: on processors with AVX512-BF16 the first forward pass repacks rows by 32 and scales by 64, and asserts
        that they divide.
        """
        if config.quantization == "bnb-int8":
            return linear.name.endswith("kv_b_proj")
        return device.type == "cpu" and _repacks() and bool(linear.rows % _ROWS or linear.columns % _BLOCK)

    def configuration(
        self, config: Config, device: torch.device, dtype: torch.dtype | None, kept: list[str], group: int | None
    ) -> BitsAndBytesConfig:
        if config.quantization == "bnb-int8":
            return BitsAndBytesConfig(
                load_in_8bit=True, llm_int8_threshold=config.bnb_threshold, llm_int8_skip_modules=kept
            )
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type=config.quantization.removeprefix("bnb-"),
            bnb_4bit_use_double_quant=config.bnb_double_quant,
            bnb_4bit_compute_dtype=_compute(config, dtype),
            llm_int8_skip_modules=kept,
        )

    def layer(self, linear: torch.nn.Linear, config: Config, group: int | None) -> torch.nn.Module:
        """Quantised by the move to its device, as by bitsandbytes' own `Linear4bit.load_state_dict` and `.to`."""
        nn: Any = import_module("bitsandbytes.nn")
        rows, columns, bias = linear.out_features, linear.in_features, linear.bias is not None
        device, weight = linear.weight.device, linear.weight.detach().cpu()
        made: torch.nn.Module
        with torch.device("meta"):
            if config.quantization == "bnb-int8":
                made = nn.Linear8bitLt(columns, rows, bias, has_fp16_weights=False, threshold=config.bnb_threshold)
            else:
                kind = config.quantization.removeprefix("bnb-")
                computed = _compute(config, weight.dtype)
                made = nn.Linear4bit(columns, rows, bias, computed, config.bnb_double_quant, kind)
        made.bias = linear.bias
        if config.quantization == "bnb-int8":
            made.weight = nn.Int8Params(weight, requires_grad=False, has_fp16_weights=False)
        else:
            nested = config.bnb_double_quant
            made.weight = nn.Params4bit(weight, False, compress_statistics=nested, quant_type=kind, module=made)
        return made.to(device)

    def settings(self, model: torch.nn.Module) -> tuple[dict[str, Any], dict[str, Message]]:
        """Read from the first layer: all are made alike."""
        for layer in _layers(model, "Linear8bitLt"):
            return {"bnb_threshold": float(layer.state.threshold)}, {}
        for layer in _layers(model, "Linear4bit", "LinearNF4", "LinearFP4"):
            state = layer.weight.quant_state
            if not getattr(state, "packing_format_for_cpu", False):
                compute = layer.compute_dtype or state.dtype  # unset until the first forward pass of a bare layer
                return {"compute_dtype": _word(compute), "bnb_double_quant": bool(state.nested)}, {}
            # repacked by the first forward pass: scales are expanded, and the kernel casts whatever it is given
            why = {"compute_dtype": say("quantize.cpu_bfloat16"), "bnb_double_quant": say("quantize.cpu_expands")}
            return {"compute_dtype": _word(state.dtype), "bnb_double_quant": bool(state.nested)}, why
        return {}, {}


def set_threshold(model: torch.nn.Module, threshold: float) -> None:
    """Puts the outlier threshold of int8 in force on the resident layers."""
    for layer in _layers(model, "Linear8bitLt"):
        layer.state.threshold = threshold


def thresholds(model: torch.nn.Module) -> list[tuple[Any, float]]:
    """(what holds it, outlier threshold) of every int8 layer."""
    return [(layer.state, layer.state.threshold) for layer in _layers(model, "Linear8bitLt")]


def _layers(model: torch.nn.Module, *kinds: str) -> Iterable[Any]:
    return (module for module in model.modules() if type(module).__name__ in kinds)


def _repacks() -> bool:
    from bitsandbytes.functional import has_avx512bf16

    return bool(has_avx512bf16())  # type: ignore[no-untyped-call]


def _compute(config: Config, dtype: torch.dtype | None) -> torch.dtype:
    """What 4-bit weights are multiplied in. dtype: of the weights in full; None where it is not known."""
    asked: torch.dtype | None = getattr(torch, config.compute_dtype) if config.compute_dtype != "auto" else dtype
    return asked or torch.float32


def _word(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
