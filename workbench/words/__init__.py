"""What people read, apart from what programs store.

Reasons, remedies, verdicts, findings and errors are stored as a code with parameters and become words
here, through gettext, when they reach a surface. Each room keeps its templates in one file of this
package: a plain string, or for an error a triple (what happened, why, what to do next). Other languages:
`workbench/locale/LANGUAGE/ROOM.json`, English sentence -> translation; `python -m tools.translations` says what lacks.
"""

import gettext
import json
import os
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.words.message import Message as Message

Template = str | tuple[str, str, str]

ROOMS = (
    "advice",
    "agreement",
    "attach",
    "batching",
    "behaviour",
    "calibrate",
    "capability",
    "capability_quantization",
    "census",
    "charts",
    "check",
    "checkpoint",
    "cli",
    "compare",
    "compiled",
    "config",
    "convert",
    "crossover",
    "decoding",
    "device",
    "device_shown",
    "endpoint",
    "energy",
    "engines",
    "export",
    "gpu_check",
    "guess",
    "hub",
    "install",
    "integrity",
    "inventory",
    "kernel",
    "lab",
    "latency",
    "limits",
    "load",
    "machine",
    "memory_health",
    "model",
    "monitor",
    "notebooks",
    "offload",
    "panel",
    "pasted",
    "placement",
    "prefix",
    "presets",
    "probes",
    "proving",
    "quality",
    "quality_shown",
    "quantize",
    "replay",
    "report",
    "runs",
    "sampling",
    "scan",
    "serving",
    "session",
    "sharing",
    "speculation",
    "suites",
    "sweep",
    "sweep_nodes",
    "tables",
    "tips",
    "tokenizer",
    "tokens",
    "trace",
    "verify",
    "worker",
)
LOCALE = Path(__file__).parents[1] / "locale"


def __getattr__(name: str) -> Any:
    # Only those who store a sentence need pydantic: the installation speaks these words on a bare Python.
    if name == "Message":
        return import_module("workbench.words.message").Message
    raise AttributeError(f"module 'workbench.words' has no attribute {name!r}")


def say(code: str, /, **params: Any) -> "Message":
    """The message `code` with its parameters; a KeyError when no room defines that code."""
    from workbench.words.message import Message

    templates()[code]
    return Message(code=code, params=params)


def text(code: str, /, **params: Any) -> str:
    """The words of a message at once, for surfaces that store nothing."""
    return " ".join(part for part in parts(code, params) if part)


def parts(code: str, params: dict[str, Any]) -> tuple[str, ...]:
    """The filled sentences of one message: one for a reason, three (what, why, next) for an error."""
    template = templates()[code]
    sentences = (template,) if isinstance(template, str) else template
    return tuple(translate(sentence).format(**params) if sentence else "" for sentence in sentences)


def translate(sentence: str) -> str:
    """`sentence` in the language in force, in English where it has none."""
    return _catalog(language()).gettext(sentence)


def language() -> str:
    """What WORKBENCH_LANG names of the languages that there are (zh_CN.UTF-8 is zh); "en" where it names none."""
    asked = os.environ.get("WORKBENCH_LANG", "").replace("-", "_").lower()
    name = asked.partition(".")[0].partition("_")[0]
    return name if name in languages() else "en"


@cache
def languages() -> tuple[str, ...]:
    """English and those with a catalog; a part of the package that was copied by itself may have none."""
    return ("en", *sorted(folder.name for folder in LOCALE.glob("*") if folder.is_dir()))


@cache
def templates() -> dict[str, Template]:
    """Every template of every room by its code."""
    merged: dict[str, Template] = {}
    for name in ROOMS:
        table: dict[str, Template] = import_module(f"workbench.words.{name}").TEMPLATES
        for code, template in table.items():
            if code in merged:
                raise ValueError(f"two rooms define the message {code!r}")
            merged[code] = template
    return merged


class _Catalog(gettext.NullTranslations):
    def __init__(self, sentences: Mapping[str, str]) -> None:
        super().__init__()
        self._sentences = sentences

    def gettext(self, message: str) -> str:
        return self._sentences.get(message, message)


@cache
def _catalog(name: str) -> gettext.NullTranslations:
    sentences: dict[str, str] = {}
    if name != "en":
        for file in sorted((LOCALE / name).glob("*.json")):
            sentences.update(json.loads(file.read_text(encoding="utf-8")))
    return _Catalog(sentences)
