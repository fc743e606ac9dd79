"""Number formats as scripts write them."""

from typing import Any

from workbench.pasted.values import Dotted

KNOWN = ("float32", "bfloat16", "float16")
# what getattr(torch, …) finds: a text that is none of these is an error at the load
WORDS = frozenset({*KNOWN, "auto", "half", "float", "double", "float64"})
_MEANT = {"half": "float16", "fp16": "float16", "f16": "float16", "bf16": "bfloat16", "fp32": "float32"} | {
    "f32": "float32",
    "float": "float32",
}


def dtype_of(value: Any, bare: bool = True) -> str | None:
    """The format that torch.float16, "float16", "fp16" or "torch.float16" mean; None for anything else.

    bare  whether a text counts: in `model.to("cuda")` it is a device
    """
    if isinstance(value, Dotted) and value.name.rpartition(".")[0] in ("torch", ""):
        value = value.last
    elif not isinstance(value, str) or not bare:
        return None
    word = value.removeprefix("torch.").lower()
    return word if word in KNOWN else _MEANT.get(word)
