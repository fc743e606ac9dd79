"""Which model types the installed transformers knows, read from its source: importing it takes seconds and torch."""

import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# in both files a type is written beside its config class: ("llama", "LlamaConfig") or "llama": "LlamaConfig"
_FILES = ("auto_mappings.py", "configuration_auto.py")
_ENTRY = re.compile(r"""["']([\w.-]+)["']\s*[,:]\s*["'](\w+)["']""")
_FLAG = re.compile(r"^    (_supports_\w+|_is_stateful|_can_compile_fullgraph) = (True|False)", re.MULTILINE)
_CERTAIN = {"llama", "qwen2", "deepseek_v3"}  # when these are not found, the files are written in another way


@cache
def known_types() -> frozenset[str] | None:
    """The types; None when they cannot be told from the source (then only loading tells)."""
    spec = importlib.util.find_spec("transformers")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "models" / "auto"
    found: set[str] = set()
    for name in _FILES:
        try:
            source = (folder / name).read_text(encoding="utf-8")
        except OSError:  # another version of transformers keeps them elsewhere
            continue
        found |= {kind for kind, name in _ENTRY.findall(source)}
    return frozenset(found) if found >= _CERTAIN else None


@dataclass(frozen=True)
class ClassSupport:
    """What a model's class says of itself; None: its source does not say."""

    sdpa: bool | None = None
    flash: bool | None = None
    flex: bool | None = None
    static_cache: bool | None = None
    compiles_whole: bool | None = None


@cache
def class_support(model_type: str) -> ClassSupport | None:
    """Read from the source of the installed transformers; None when it has no such model, or keeps it elsewhere."""
    spec = importlib.util.find_spec("transformers")
    if spec is None or spec.origin is None or not model_type.isidentifier():
        return None
    path = Path(spec.origin).parent / "models" / model_type / f"modeling_{model_type}.py"
    try:
        told = {name: value == "True" for name, value in _FLAG.findall(path.read_text(encoding="utf-8"))}
    except OSError:
        return None
    return ClassSupport(
        sdpa=told.get("_supports_sdpa"),
        flash=told.get("_supports_flash_attn"),
        flex=told.get("_supports_flex_attn"),
        static_cache=not told.get("_is_stateful", False),
        compiles_whole=told.get("_can_compile_fullgraph"),
    )
