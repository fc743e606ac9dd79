"""How attention is computed: the implementation, the kernel beneath it, and the mask it is given."""

from collections.abc import Mapping
from typing import Any

from workbench.knobs import capability_attention as capability
from workbench.knobs.capability_sdpa import sdpa_backend
from workbench.knobs.kinds import Choice
from workbench.knobs.knob import Group, Knob
from workbench.results import Machine

IMPLEMENTATIONS = (
    "eager",
    "sdpa",
    "flex_attention",
    "flash_attention_2",
    "flash_attention_3",
    "flash_attention_4",
)
# owner/name[@revision][:function] is a kernel of the hub; the rest are names that a later transformers may bring
_OTHERS = r"[\w.-]+/[\w.-]+(@[\w.-]+)?(:\w+)?|paged\|\w+|\w+_attention(_\w+)?"


def _sdpa(values: Mapping[str, Any]) -> bool:
    return bool(values["attention"] == "sdpa")


def _registered(machine: Machine) -> tuple[str, ...]:
    return machine.torch.attention_implementations if machine.torch is not None else ()


KNOBS = (
    Knob(
        name="attention",
        label="Attention",
        help="Implementation that transformers dispatches attention to. eager: matmul, softmax, matmul. "
        "sdpa: torch's scaled_dot_product_attention, which picks a kernel by itself. flex_attention: a kernel compiled "
        "for the mask. flash_attention_2, _3, _4: the packages of those names. owner/name: a kernel of the hub.",
        group=Group.ATTENTION,
        kind=Choice(IMPLEMENTATIONS, pattern=_OTHERS),
        default="sdpa",
        offered=_registered,
        capability=capability.attention,
    ),
    Knob(
        name="sdpa_backend",
        label="SDPA kernel",
        help="Which kernel scaled_dot_product_attention may use. auto: the one torch ranks first among those that can.",
        group=Group.ATTENTION,
        kind=Choice(("auto", "flash", "efficient", "cudnn", "math")),
        default="auto",
        when=_sdpa,
        capability=sdpa_backend,
    ),
    Knob(
        name="attention_mask",
        label="Attention mask",
        help="tokenizer: as padding made it. ones: every position counts, padding too. none: not passed; transformers "
        "guesses it from the pad token.",
        group=Group.ATTENTION,
        kind=Choice(("tokenizer", "ones", "none")),
        default="tokenizer",
        capability=capability.attention_mask,
    ),
)
