"""Which layers of a model a format takes, and which stay in full: the rule behind capabilities and forecasts.

The engine asks the real modules the same (`workbench.engine.quantizing`), and the census tells what came of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.knobs.formats import FORMATS, Format
from workbench.knobs.linears import Layout, LinearShape
from workbench.knobs.module_names import covers

_BNB_ROWS, _BNB_BLOCK = 32, 64  # bitsandbytes 0.50 functional.py `_convert_weight_packed_for_cpu`
_FP8_BLOCK = 128


@dataclass(frozen=True)
class Split:
    """A model's layers under one format.

    quantized        layers, and fused experts where the format takes them
    refused          names of layers that its kernels here cannot compute; they stay in full
    undivided        row lengths that the group size does not divide
    undivided_share  of all values in linear layers: those of such rows
    experts_share    of all the model's values: routed experts that stay in full
    """

    quantized: tuple[LinearShape, ...]
    refused: tuple[str, ...]
    undivided: tuple[int, ...]
    undivided_share: float
    experts_share: float


def split(layout: Layout, values: Mapping[str, Any], *, repacks: bool, files: bool = False) -> Split:
    """The layers of `layout` under the knobs `values`, whose `quantization` is an entry of FORMATS.

    repacks  whether bitsandbytes repacks 4-bit weights here (a CPU with AVX512-BF16)
    files    whether the files bring the format, with what they leave; else it is made while loading
    """
    chosen = FORMATS[values["quantization"]]
    skipped = values["skip_modules"] if values.get("skip_modules", "auto") != "auto" else ()
    group = group_of(chosen, values)
    quantized, refused, undivided = [], [], []
    experts_left = False
    for layer in layout.layers:
        if any(covers(pattern, layer.name) for pattern in skipped):
            continue
        if layer.experts and chosen.name != "fp8":
            experts_left = True
        elif not files and _refuses(chosen, layer, repacks):
            refused.append(layer.name)
        elif not files and group and _undivided(chosen, layer, group):
            undivided.append(layer)
        else:
            quantized.append(layer)
    linear = sum(layer.values for layer in layout.linears)
    return Split(
        quantized=tuple(quantized),
        refused=tuple(refused),
        undivided=tuple(sorted({layer.columns for layer in undivided})),
        undivided_share=sum(layer.values for layer in undivided) / linear if linear else 0.0,
        experts_share=layout.experts_share if experts_left else 0.0,
    )


def group_of(chosen: Format, values: Mapping[str, Any]) -> int | None:
    """Weights that share a scale where the knob decides; None where it does not."""
    if not chosen.grouped:
        return None
    asked = values.get("group_size", "auto")
    return chosen.group if asked == "auto" else int(asked)


def _refuses(chosen: Format, layer: LinearShape, repacks: bool) -> bool:
    match chosen.name:
        case "bnb-int8":  # inputs of four dimensions
            return layer.name.endswith("kv_b_proj")
        case "bnb-nf4" | "bnb-fp4":
            return repacks and bool(layer.rows % _BNB_ROWS or layer.columns % _BNB_BLOCK)
        case "fp8":
            return bool(layer.rows % _FP8_BLOCK or layer.columns % _FP8_BLOCK)
    return False


def _undivided(chosen: Format, layer: LinearShape, group: int) -> bool:
    """torchao skips rows that the group does not divide; HQQ groups the whole matrix and raises."""
    counted = layer.values if chosen.package == "hqq" else layer.columns
    return bool(counted % group)
