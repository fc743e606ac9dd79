"""The number formats that weights can be quantised to: what each is called, who makes it, what it takes."""

from dataclasses import dataclass
from types import MappingProxyType

PLAIN = ("auto", "none")  # values of the knob that quantise nothing here
# files that transformers 5.23 can load in full: config objects with a `dequantize` that its quantisers heed
DEQUANTIZED = ("fp8", "mxfp8", "mxfp4", "compressed-tensors")


@dataclass(frozen=True)
class Format:
    """One value of the knob `quantization`.

    package       the distribution that makes it
    beside        distributions that loading such files takes too (transformers 5.23: in quantizer_gptq.py, not in _awq)
    bits          of one weight, without scales
    group         weights that share a scale: a count, 0 for a whole row, None where the format has none of its own
    grouped       whether the knob group_size chooses it
    checkpoint    only the files can bring it; None: made while loading
    calibrated    made from a text that is run through the model
    activations   whether activations are rounded too
    versioned     unpacked in the forward pass into tensors that torch must be able to version: inference mode forbids
                  it ("Cannot set version_counter for inference tensor"), so it runs without gradients only
    """

    name: str
    label: str
    package: str
    bits: int
    group: int | None = None
    grouped: bool = False
    checkpoint: bool = False
    calibrated: bool = False
    activations: bool = False
    versioned: bool = False
    beside: tuple[str, ...] = ()


FORMATS = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            Format("bnb-int8", "int8 with outliers in 16 bits (bitsandbytes)", "bitsandbytes", 8, 0, activations=True),
            Format("bnb-nf4", "4-bit NormalFloat (bitsandbytes)", "bitsandbytes", 4, 64),
            Format("bnb-fp4", "4-bit float (bitsandbytes)", "bitsandbytes", 4, 64),
            Format("torchao-int8-weight", "int8 weights (torchao)", "torchao", 8, 0),
            Format("torchao-int8-dynamic", "int8 weights and activations (torchao)", "torchao", 8, 0, activations=True),
            Format("torchao-int4-weight", "int4 weights in groups (torchao)", "torchao", 4, 64, grouped=True),
            Format("torchao-float8", "float8 weights (torchao)", "torchao", 8, 0),
            Format("hqq-int4", "int4 weights in groups (HQQ)", "hqq", 4, 64, grouped=True),
            Format("hqq-int8", "int8 weights in groups (HQQ)", "hqq", 8, 64, grouped=True),
            Format("quanto-int4", "int4 weights in groups (quanto)", "optimum-quanto", 4, 128, versioned=True),
            Format("quanto-int8", "int8 weights (quanto)", "optimum-quanto", 8, 0),
            Format(
                "gptq",
                "int4 weights, calibrated (GPTQ)",
                "gptqmodel",
                4,
                64,
                grouped=True,
                calibrated=True,
                beside=("optimum",),
            ),
            Format("awq", "int4 weights, calibrated (AWQ)", "gptqmodel", 4, 64, grouped=True, calibrated=True),
            Format("fp8", "float8 in 128×128 blocks, as DeepSeek-V3's files are", "transformers", 8, 128 * 128),
        )
    }
)


def infers(value: str) -> bool:
    """Whether weights of this value of the knob can be run in torch's inference mode."""
    return value not in FORMATS or not FORMATS[value].versioned


def quantizes(value: str) -> bool:
    """Whether this value of the knob asks for quantised weights."""
    return value not in PLAIN
