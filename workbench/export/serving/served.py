"""The model that a tool is to serve: its files, what they are, and what a forecast needs to know of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from workbench.catalog import MODELS, hf_config
from workbench.catalog.gguf import BadGguf, read_header
from workbench.catalog.local import local_model
from workbench.catalog.quantized import Stated
from workbench.catalog.serving import TOOLS, Tool
from workbench.catalog.sources import Source
from workbench.errors import CapabilityError, ConfigError, ModelError
from workbench.export.quantization import files_of
from workbench.export.request import Request
from workbench.export.source import loadable
from workbench.forecast import Describable


@dataclass(frozen=True)
class Served:
    """config: fields of its transformers config, as far as they are known · own: what the files are quantised to.

    about   what the forecast takes; None: it knows no such model. bytes: of a GGUF file's tensors
    """

    source: Source
    own: Stated | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    about: Describable | None = None
    bytes: int = 0

    @classmethod
    def of(cls, request: Request) -> Self:
        """ModelError, CapabilityError: as for every target that names the model's files."""
        source, own = files_of(request, loadable(request.model, request.revision))
        if source.kind == "hub" and source.name.startswith("-"):
            raise ModelError("model.bad_name", name=repr(source.name))
        if source.gguf_file:
            return cls(source, own, *_gguf(source))
        if request.facts is not None:
            return cls(source, own, {"model_type": request.facts.model_type, **request.facts.config}, request.facts)
        if source.kind != "hub":
            try:
                found = local_model(source.location)
            except ModelError:  # weights in shards that are not all here: what config.json says is enough
                return cls(source, own, _read(source, "config.json"), None)
            return cls(source, own, found.config, found)
        slug = source.name.lower().removeprefix("deepseek-ai/")
        if slug not in MODELS:
            return cls(source, own)
        stored = MODELS[slug].checkpoint_dtype
        known = hf_config(slug)
        if own is None and stored is not None and str(stored.value).startswith("float8"):
            own = Stated("fp8", "fp8", {"quant_method": "fp8"})
        return cls(source, own, known, slug)

    @property
    def model_type(self) -> str | None:
        kind = self.config.get("model_type")
        return None if kind is None else str(kind)

    @property
    def context(self) -> int | None:
        """Tokens of one request, prompt and answer, that the model itself allows."""
        limit = self.config.get("max_position_embeddings")
        return limit if isinstance(limit, int) and limit > 0 else None

    @property
    def kind(self) -> str:
        return "gguf" if self.source.gguf_file else "safetensors"

    @property
    def gguf_path(self) -> str:
        return str(Path(self.source.location) / str(self.source.gguf_file))

    def number(self, name: str) -> int:
        """A field of the config; 0 where it is not known."""
        value = self.config.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else 0

    def text_of(self, token: int) -> str | None:
        """The text of one token; None where no tokenizer file of it lies here."""
        added = _read(self.source, "tokenizer.json").get("added_tokens") if self.source.path else None
        entries = added if isinstance(added, list) else []
        return next((each["content"] for each in entries if each.get("id") == token), None)


def check(target: str, tool: Tool, served: Served, context: int | None, machines: int) -> None:
    """Raises where `tool` cannot serve this at all; each refusal names what can.

    CapabilityError: files or an architecture that it does not take, several machines. ConfigError: the length.
    """
    if served.kind not in tool.files:
        raise CapabilityError("serving.other_files", tool=tool.name, kind=served.kind, able=_able(served))
    known = served.model_type
    if tool.models and known is not None and served.kind != "gguf" and known not in tool.models:
        raise CapabilityError(
            "serving.other_model", tool=tool.name, version=tool.version, kind=known, able=_able(served)
        )
    if machines > 1 and not tool.machines:
        able = ", ".join(name for name, each in TOOLS.items() if each.machines)
        raise CapabilityError("serving.one_machine", tool=tool.name, nodes=machines, able=able)
    if context is None:
        return
    if isinstance(context, bool) or not isinstance(context, int) or context < 2:
        raise ConfigError("serving.bad_context", context=repr(context))
    if served.context is not None and context > served.context:
        raise ConfigError("serving.context_beyond", context=context, limit=served.context, model=served.source.label)


def _able(served: Served) -> str:
    found = [
        name
        for name, tool in TOOLS.items()
        if served.kind in tool.files
        and (served.kind == "gguf" or not tool.models or served.model_type in (None, *tool.models))
    ]
    return ", ".join(found) or "-"


def _gguf(source: Source) -> tuple[dict[str, Any], None, int]:
    """What the header says, under transformers' names; and the bytes of the tensors."""
    try:
        header = read_header(Path(source.location) / str(source.gguf_file))
    except (OSError, BadGguf):
        return {}, None, 0
    names = {
        "max_position_embeddings": "context_length",
        "num_hidden_layers": "block_count",
        "hidden_size": "embedding_length",
        "num_attention_heads": "attention.head_count",
        "num_key_value_heads": "attention.head_count_kv",
    }
    found = {ours: header.values.get(f"{header.architecture}.{theirs}") for ours, theirs in names.items()}
    return {"model_type": header.architecture, **found}, None, sum(header.bytes_by_type.values())


def _read(source: Source, name: str) -> dict[str, Any]:
    try:
        found = json.loads((Path(source.location) / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
