"""Which model types the installed transformers knows, read from its source: importing it takes seconds and torch."""

import importlib.util
import re
from functools import cache
from pathlib import Path

# in both files a type is written beside its config class: ("llama", "LlamaConfig") or "llama": "LlamaConfig"
_FILES = ("auto_mappings.py", "configuration_auto.py")
_ENTRY = re.compile(r"""["']([\w.-]+)["']\s*[,:]\s*["'](\w+)["']""")
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
