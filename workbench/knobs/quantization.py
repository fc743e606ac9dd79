"""What the weights are quantised to, by which library, and what is left alone."""

from collections.abc import Mapping
from typing import Any

from workbench.knobs import capability_quantization
from workbench.knobs.formats import FORMATS, PLAIN
from workbench.knobs.kinds import Choice, Names, Number, Toggle
from workbench.knobs.knob import Cost, Group, Knob


def _is(*formats: str) -> Any:
    return lambda values: values["quantization"] in formats


def _quantized(values: Mapping[str, Any]) -> bool:
    return values["quantization"] not in PLAIN


def _grouped(values: Mapping[str, Any]) -> bool:
    chosen = FORMATS.get(values["quantization"])
    return chosen is not None and chosen.grouped


def _made_here(values: Mapping[str, Any]) -> bool:
    """Quantised while loading, layer by layer; blocks of FP8 are left to the files' own list."""
    chosen = FORMATS.get(values["quantization"])
    return chosen is not None and not chosen.calibrated and chosen.name != "fp8"


KNOBS = (
    Knob(
        name="quantization",
        label="Quantisation",
        help="Number format of the weights of linear layers, and the library that makes it. auto: as the files are. "
        "none: in full, whatever the files are.",
        group=Group.QUANTISATION,
        kind=Choice((*PLAIN, *FORMATS)),
        default="auto",
        cost=Cost.RELOAD,
        capability=capability_quantization.quantization,
    ),
    Knob(
        name="compute_dtype",
        label="Compute in",
        help="Number format that 4-bit weights are multiplied in. auto: the model's own.",
        group=Group.QUANTISATION,
        kind=Choice(("auto", "float32", "bfloat16", "float16")),
        default="auto",
        cost=Cost.RELOAD,
        when=_is("bnb-nf4", "bnb-fp4", "hqq-int4", "hqq-int8"),
        capability=capability_quantization.compute_dtype,
    ),
    Knob(
        name="bnb_double_quant",
        label="Double quantisation",
        help="bitsandbytes: the scales of 4-bit weights are quantised too, 0.37 bits less a weight.",
        group=Group.QUANTISATION,
        kind=Toggle(),
        default=False,
        cost=Cost.RELOAD,
        when=_is("bnb-nf4", "bnb-fp4"),
        capability=capability_quantization.double_quant,
    ),
    Knob(
        name="bnb_threshold",
        label="Outlier threshold",
        help="bitsandbytes int8: activations above it are multiplied in 16 bits. 0: none are.",
        group=Group.QUANTISATION,
        kind=Number(0.0, 100.0, 0.5),
        default=6.0,
        when=_is("bnb-int8"),
    ),
    Knob(
        name="group_size",
        label="Group size",
        help="Weights of a row that share one scale. It must divide the row; auto: 64.",
        group=Group.QUANTISATION,
        kind=Number(16, 1024, 16, integer=True, words=("auto",)),
        default="auto",
        unit="weights",
        cost=Cost.RELOAD,
        when=_grouped,
        capability=capability_quantization.group_size,
    ),
    Knob(
        name="quantize_head",
        label="Head too",
        help="Quantises the output head too, which the libraries leave in full: a decode step reads all of it. A head "
        "that is the embedding table becomes a copy of its own.",
        group=Group.QUANTISATION,
        kind=Toggle(),
        default=False,
        cost=Cost.RELOAD,
        when=_made_here,
        capability=capability_quantization.quantize_head,
    ),
    Knob(
        name="skip_modules",
        label="Leave in full",
        help="Modules that are not quantised, by name or the end of it (down_proj, layers.0.mlp). auto: what the "
        "library leaves, and what its kernels here refuse; names come on top of that.",
        group=Group.QUANTISATION,
        kind=Names(words=("auto",)),
        default="auto",
        cost=Cost.RELOAD,
        when=_quantized,
    ),
)
