"""What a forecast must know of a model, from any of the ways in which one is described."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from workbench.catalog import (
    MODELS,
    LocalModel,
    Parameters,
    hf_config,
    kv_values_per_token,
    local_model,
    model,
    parameters,
)
from workbench.catalog.quantized import stated
from workbench.catalog.shapes import SUPPORTED
from workbench.errors import ModelError
from workbench.knobs.linears import LinearShape, layout
from workbench.results import ModelFacts, versions

_FP8 = ("float8_e4m3fn", "float8_e5m2")
_TABLES = ("embed", "wte", "wpe", "lm_head", "output.weight")

# a slug, a local directory, a transformers config, or what the worker says of the loaded model
Describable = str | Path | Mapping[str, Any] | LocalModel | ModelFacts


@dataclass(frozen=True)
class Shape:
    """What the formulas need. `parts` None: not known for this architecture; `whole` then counts.

    layers  what quantisation can take; None: not known
    files   what the files are quantised to; None: in full. files_group: weights of theirs that share a scale
    """

    parts: Parameters | None
    layers: tuple[LinearShape, ...] | None
    whole: int
    kv_values: int
    config: Mapping[str, Any]
    checkpoint_dtype: str | None
    files: str | None = None
    files_group: int | None = None

    @property
    def values(self) -> int:
        return self.whole if self.parts is None else self.parts.total


def shape_of(what: Describable) -> Shape:
    """ModelError: no such model, or an architecture whose size is not known."""
    if isinstance(what, ModelFacts):
        return _of_facts(what)
    if isinstance(what, LocalModel):
        return _of_local(what)
    if isinstance(what, Mapping):
        return _of_config(what, what.get("dtype") or what.get("torch_dtype"))
    if isinstance(what, Path) or (str(what) not in MODELS and Path(what).expanduser().exists()):
        return _of_local(local_model(what))
    dtype = model(what).checkpoint_dtype
    return _of_config(hf_config(what), dtype.value if dtype else None)


def _of_config(config: Mapping[str, Any], checkpoint_dtype: str | None) -> Shape:
    parts, known = parameters(config), layout(config)
    files, group = _files(config)
    return Shape(
        parts,
        known.layers if known else None,
        parts.total,
        kv_values_per_token(config, _transformers()),
        config,
        checkpoint_dtype,
        "fp8" if checkpoint_dtype in _FP8 else files,
        group,
    )


def _files(config: Mapping[str, Any]) -> tuple[str | None, int | None]:
    told = stated(config)
    group = told.entry.get("group_size") if told else None
    return (told.word if told else None, group if isinstance(group, int) and group > 0 else None)


def _of_local(found: LocalModel) -> Shape:
    """The header knows the weights of any architecture; only their parts need the formula."""
    if found.config["model_type"] in SUPPORTED:
        return _of_config(found.config, found.checkpoint_dtype)
    config = found.config
    try:
        heads = config.get("num_key_value_heads") or config["num_attention_heads"]
        head_dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
        kv_values = config["num_hidden_layers"] * 2 * heads * head_dim
    except (KeyError, TypeError, ZeroDivisionError):
        raise ModelError("model.no_shape", model_type=config["model_type"], supported=", ".join(SUPPORTED)) from None
    whole = sum(math.prod(shape) for _dtype, shape, _size in found.tensors.values())
    matrices = tuple(
        LinearShape(name.removesuffix(".weight"), "mlp", shape[0], shape[1])
        for name, (_dtype, shape, _size) in found.tensors.items()
        if name.endswith(".weight") and len(shape) == 2 and not any(word in name for word in _TABLES)
    )
    return Shape(None, matrices, whole, kv_values, config, found.checkpoint_dtype, *_files(config))


def _of_facts(facts: ModelFacts) -> Shape:
    """A loaded model's own count, which is exact; its config, when the worker sent it, tells the parts."""
    table = facts.vocab_size * facts.hidden_size
    tied = facts.config.get("tie_word_embeddings")
    if tied is None:
        tied = facts.weight_bytes % facts.parameters == 0
    size = facts.weight_bytes / (facts.parameters if tied else facts.parameters - table)
    config: Mapping[str, Any] = facts.config or {
        "hidden_size": facts.hidden_size,
        "num_attention_heads": facts.heads,
        "vocab_size": facts.vocab_size,
        "max_position_embeddings": facts.context_length,
    }
    parts = Parameters(
        embedding=table,
        attention=0,
        mlp=facts.parameters - table * (1 if tied else 2),
        experts=0,
        norms=0,
        head=0 if tied else table,
    )
    known = None
    kv_values = round(facts.kv_bytes_per_token / max(round(size), 1))
    if facts.config.get("model_type") in SUPPORTED:
        counted = parameters(facts.config)
        if counted.total == facts.parameters:
            parts, known = counted, layout(facts.config)
            kv_values = kv_values_per_token(facts.config, _transformers())
    loaded = {4: "float32", 2: "bfloat16"}.get(round(size))
    return Shape(
        parts,
        known.layers if known else None,
        facts.parameters,
        kv_values,
        config,
        facts.checkpoint_dtype or loaded,
        facts.checkpoint_quantization or ("fp8" if facts.checkpoint_dtype in _FP8 else None),
    )


@cache  # a package's metadata takes milliseconds to read, and a sweep forecasts thousands of points
def _transformers() -> str | None:
    return versions().get("transformers")
