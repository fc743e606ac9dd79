"""The number formats: of the weights, and of the arithmetic."""

from collections.abc import Mapping
from typing import Any

from workbench.knobs import capability_precision
from workbench.knobs.kinds import Choice, Toggle
from workbench.knobs.knob import Cost, Group, Knob
from workbench.results import Capability, Machine, ModelFacts
from workbench.words import say


def _dtype_capability(value: Any, machine: Machine, _model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    on_gpu = machine.gpus and values["device"] != "cpu"
    old_gpu = next((gpu for gpu in machine.gpus if gpu.capability is not None and gpu.capability < (8, 0)), None)
    if value == "bfloat16" and on_gpu and old_gpu is not None and old_gpu.capability is not None:
        return Capability(
            ok=False,
            reason=say(
                "capability.no_bf16", gpu=old_gpu.name, capability=".".join(str(part) for part in old_gpu.capability)
            ),
            remedy=say("capability.use_float16"),
        )
    return capability_precision.sixteen_bit_cost(value, machine, values)


KNOBS = (
    Knob(
        name="dtype",
        label="Precision",
        help="Number format of the weights and activations. auto: the checkpoint's own.",
        group=Group.PRECISION,
        kind=Choice(("auto", "float32", "bfloat16", "float16")),
        default="auto",
        cost=Cost.RELOAD,
        capability=_dtype_capability,
    ),
    Knob(
        name="autocast",
        label="Autocast",
        help="torch.autocast around every call: matrix products of float32 weights in this format, cast each time.",
        group=Group.PRECISION,
        kind=Choice(("off", "bfloat16", "float16")),
        default="off",
        capability=capability_precision.autocast,
    ),
    Knob(
        name="tf32",
        label="TF32",
        help="float32 matrix products with 10 bits of mantissa on tensor cores (torch.set_float32_matmul_precision).",
        group=Group.PRECISION,
        kind=Toggle(),
        default=False,
        capability=capability_precision.tf32,
    ),
    Knob(
        name="cudnn_benchmark",
        label="cuDNN benchmark",
        help="cuDNN tries its convolutions against each other. Decoder-only language models have none.",
        group=Group.PRECISION,
        kind=Toggle(),
        default=False,
        capability=capability_precision.cudnn_benchmark,
    ),
)
