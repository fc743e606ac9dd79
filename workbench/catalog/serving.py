"""What the serving tools call things: option names and the values they know, each with the source it was read in."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from workbench.catalog.data import read


@dataclass(frozen=True)
class Tool:
    """One serving tool.

    version       that the names below were checked with; source: where they were read
    models        model types that it serves; empty: whatever transformers loads
    files         kinds of weight files that it takes, or that it can be given after one conversion
    options       a fact of ours -> the tool's own name for it
    dtypes        number format -> the tool's word
    made          quantisation that the tool makes while it loads (for GGUF: while converting) -> its word
    from_files    quantisations that it takes from the files
    kv_cache      backend of a quantised cache -> the tool's word
    request       knob -> field of a request's body
    split         how one model lies on several GPUs: "tensor" (heads divided, stages on several machines), "layers"
                  (one GPU after the other), "none"
    nearest       of GGUF: the word for 4 bits, which is another format than any of ours; "": none
    memory_share  of a GPU's memory that weights and cache may fill
    machines      whether one model can span several; replicas: whether it starts several copies itself
    """

    name: str
    version: str
    source: str
    models: tuple[str, ...]
    models_source: str
    files: tuple[str, ...]
    options: Mapping[str, str]
    dtypes: Mapping[str, str]
    made: Mapping[str, str]
    from_files: tuple[str, ...]
    kv_cache: Mapping[str, str]
    request: Mapping[str, str]
    split: str
    nearest: str
    memory_share: float
    machines: bool
    replicas: bool


def _load() -> dict[str, Tool]:
    sources, entries = read("serving")
    return {name: _tool(sources, entry) for name, entry in entries.items()}


def _tool(sources: Mapping[str, str], entry: Mapping[str, Any]) -> Tool:
    models, where = entry["models"]
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    values |= {"source": sources[entry["source"]], "models": tuple(models), "models_source": sources[where]}
    return Tool(**values)


TOOLS = MappingProxyType(_load())
