"""What people read, apart from what programs store.

Reasons, remedies, verdicts, findings and errors are stored as a code with parameters and become words
here, through gettext, when they reach a surface. Each room keeps its templates in one file of this
package: a plain string, or for an error a triple (what happened, why, what to do next).
"""

import gettext
import os
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.words.message import Message as Message

Template = str | tuple[str, str, str]

_FILES = (
    "advice",
    "agreement",
    "attach",
    "batching",
    "behaviour",
    "calibrate",
    "capability",
    "capability_quantization",
    "census",
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
    "offload",
    "panel",
    "pasted",
    "placement",
    "prefix",
    "probes",
    "proving",
    "quality",
    "quality_shown",
    "quantize",
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
_LOCALE = Path(__file__).parents[1] / "locale"


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
    """`sentence` in the language of WORKBENCH_LANG (default: English)."""
    return _language(os.environ.get("WORKBENCH_LANG", "en")).gettext(sentence)


@cache
def templates() -> dict[str, Template]:
    """Every template of every room by its code."""
    merged: dict[str, Template] = {}
    for name in _FILES:
        table: dict[str, Template] = import_module(f"workbench.words.{name}").TEMPLATES
        for code, template in table.items():
            if code in merged:
                raise ValueError(f"two rooms define the message {code!r}")
            merged[code] = template
    return merged


@cache
def _language(language: str) -> gettext.NullTranslations:
    return gettext.translation("workbench", _LOCALE, languages=[language], fallback=True)
