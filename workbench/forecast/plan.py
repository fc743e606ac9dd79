"""In which number formats a model would be held: what the config asks, the files are, and the device can."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from workbench.config import Config
from workbench.forecast.shape import Shape
from workbench.forecast.target import Target
from workbench.knobs.formats import FORMATS, quantizes
from workbench.words import Message, say

SIZES = {"float32": 4, "bfloat16": 2, "float16": 2, "float8_e4m3fn": 1, "float8_e5m2": 1}


@dataclass(frozen=True)
class Plan:
    """format: an entry of FORMATS, or "none" · dtype: of what stays in full · values: the knobs

    from_files  the files bring the format, and with it what they leave
    cuda        on a GPU, where some formats are packed otherwise; repacks: see `Target`
    """

    format: str
    dtype: str
    values: Mapping[str, Any] = field(default_factory=dict)
    from_files: bool = False
    cuda: bool = False
    repacks: bool = False
    notes: tuple[Message, ...] = ()

    @classmethod
    def of(cls, config: Config, shape: Shape, target: Target) -> Self:
        """`auto` is as the files are; FP8 files are dequantised where the device cannot multiply them."""
        asked = str(config["quantization"])
        word = (shape.files or "none") if asked == "auto" else asked
        dtype, notes = _dtype(str(config["dtype"]), shape)
        if word == "fp8" and not target.fp8:
            word, notes = "none", (*notes, say("model.fp8_dequantised"))
        if quantizes(word) and word not in FORMATS:
            word, notes = "none", (*notes, say("model.files_in_full", files=word))
        if quantizes(word) and shape.layers is None:
            notes = (*notes, say("model.quantized_roughly"))
        from_files, values = shape.files == word, {**config, "quantization": word}
        if from_files and shape.files_group:
            values["group_size"] = shape.files_group
        return cls(word, dtype, values, from_files, target.cuda, target.repacks, notes)

    @property
    def wide(self) -> int:
        """Bytes of a weight in full."""
        return SIZES[self.dtype]

    @property
    def activation(self) -> int:
        """Bytes of an activation, and of the KV cache's numbers."""
        return max(self.wide, 2)


def _dtype(asked: str, shape: Shape) -> tuple[str, tuple[Message, ...]]:
    if asked != "auto":
        return asked, ()
    found = shape.checkpoint_dtype
    if found not in SIZES:
        return "bfloat16", (say("model.dtype_assumed"),)
    return (found, ()) if SIZES[found] > 1 else ("bfloat16", ())
