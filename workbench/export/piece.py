"""What each matter (a group of knobs, a quantiser, the tokens) adds to the exported file, by place of its template.

A new knob needs nothing here where it is an argument of `generate` (`workbench.knobs.generation` names it), else one
entry in the lists of its Piece.
"""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.catalog.quantized import Stated
from workbench.catalog.sources import Source
from workbench.config import Config
from workbench.export.python import imported
from workbench.export.request import Request

# place of the template -> what stands there, in the template's order
PLACES = {
    "std_imports": "of the standard library; sorted",
    "environment": "what torch and its libraries read once, when they start",
    "early_imports": "between the import of torch and transformers' own",
    "torch_imports": "`from torch…`",
    "late_imports": "after them",
    "more_imports": "`from transformers.…`",
    "constants": "after MODEL and DEVICE",
    "functions": "before `load`, with their blank lines",
    "around_load": "decorators of `load`",
    "switches": "first in `load`: of the whole process",
    "quantization": "before the model is loaded",
    "load_arguments": "of `from_pretrained`",
    "device_map": "of `from_pretrained`: which module goes where",
    "in_place": "what is done to the loaded model",
    "tokens": "pad and end tokens, with `tokenizer` and `model` at hand",
    "ran": "entries of what is read back",
    "promised": "entries of what must be read back",
    "around_run": "decorators of `run`",
    "before_run": "first in `run`",
    "run_arguments": "of `model.generate`, for every call",
    "generate_arguments": "of `run`, where text is generated: what needs the tokenizer",
    "seed": "before the first text",
}


@dataclass(frozen=True)
class Loading:
    """What pieces are made from.

    own    what the files are quantised to
    dtype  of the weights in full, "auto" where that is left to the files
    where  arguments of `from_pretrained` that say which files
    """

    request: Request
    source: Source
    own: Stated | None
    dtype: str
    where: dict[str, Any]

    @property
    def config(self) -> Config:
        return self.request.config

    @property
    def full_dtype(self) -> str:
        """The same, as far as it is known from the files: 4-bit weights are multiplied in it."""
        stated = self.request.facts.checkpoint_dtype if self.request.facts else None
        return stated if self.dtype == "auto" and stated in ("float32", "bfloat16", "float16") else self.dtype


@dataclass(frozen=True)
class Piece:
    """classes: imported from `transformers`; packages: distributions that the code needs beside the usual ones."""

    places: Mapping[str, list[str]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


def joined(pieces: Iterable[Piece]) -> Piece:
    """All of them as one, every place filled. KeyError for a place that the template does not have."""
    places: dict[str, list[str]] = {name: [] for name in PLACES}
    classes: list[str] = []
    packages: list[str] = []
    for piece in pieces:
        for name, lines in piece.places.items():
            places[name] += lines
        classes += piece.classes
        packages += piece.packages
    places["late_imports"] = _gathered(places["late_imports"])
    return Piece(places, tuple(dict.fromkeys(classes)), tuple(dict.fromkeys(packages)))


def _gathered(lines: list[str]) -> list[str]:
    """Import lines, those of one module as one."""
    names: dict[str, list[str]] = {}
    for node in ast.parse("\n".join(lines)).body:
        assert isinstance(node, ast.ImportFrom), "that is how pieces import"
        assert node.module, "from a module"
        names.setdefault(node.module, []).extend(each.name for each in node.names)
    return [line for module, found in names.items() for line in imported(module, list(dict.fromkeys(found)))]
