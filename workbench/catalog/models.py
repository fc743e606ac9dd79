"""DeepSeek-family models by catalogue slug (hub name in lower case), and their transformers configs."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from workbench.catalog.data import Fact, nearest, read
from workbench.errors import ModelError

TINY_VOCABULARY = 49152  # of the demo tokenizer, which random models borrow
_MOE = "n_routed_experts"


@dataclass(frozen=True)
class CatalogModel:
    """One model.

    config            fields of its transformers config
    tokens            ids of bos, eos and pad; pad is the tokenizer's (the hub configs leave it unset)
    checkpoint_dtype  number format of the published weights; None where no source was read
    """

    slug: str
    hub_id: str
    model_type: str
    architecture: str
    config: Mapping[str, Fact]
    tokens: Mapping[str, Fact]
    checkpoint_dtype: Fact | None


def _load() -> dict[str, CatalogModel]:
    sources, entries = read("models")

    def facts(given: dict[str, list[Any]]) -> Mapping[str, Fact]:
        return MappingProxyType({key: Fact(value, sources[source]) for key, (value, source) in given.items()})

    found = {}
    for slug, entry in entries.items():
        dtype = entry["checkpoint_dtype"]
        found[slug] = CatalogModel(
            slug=slug,
            hub_id=entry["hub_id"],
            model_type=entry["model_type"],
            architecture=entry["architecture"],
            config=facts(entry["config"]),
            tokens=facts(entry["tokens"]),
            checkpoint_dtype=Fact(dtype[0], sources[dtype[1]]) if dtype else None,
        )
    return found


MODELS = MappingProxyType(_load())


def model(slug: str) -> CatalogModel:
    """The model of that slug; the hub id is understood too. ModelError names the nearest match and the list."""
    name = slug.lower().removeprefix("deepseek-ai/")
    if name not in MODELS:
        raise ModelError("model.unknown_slug", name=slug, nearest=nearest(name, MODELS), known=", ".join(MODELS))
    return MODELS[name]


def hf_config(slug: str, layers: int | None = None, scale: Literal["tiny"] | None = None) -> dict[str, Any]:
    """Arguments of the model's transformers config, `model_type` included.

    layers  fewer layers than the model has; at least one stays a mixture of experts where the model is one
    scale   "tiny" keeps every mechanism at test size, with the demo tokenizer's vocabulary; 3 layers unless told
    """
    entry = model(slug)
    values = {key: fact.value for key, fact in entry.config.items()}
    whole = values["num_hidden_layers"]
    if scale == "tiny":
        values = _tiny(entry.model_type, values)
    if layers is not None:
        if not 1 <= layers <= whole:
            raise ModelError("model.bad_layers", name=entry.slug, layers=layers, whole=whole)
        values["num_hidden_layers"] = layers
    if "first_k_dense_replace" in values:
        values["first_k_dense_replace"] = min(values["first_k_dense_replace"], values["num_hidden_layers"] - 1)
    ids = {} if scale == "tiny" else {f"{name}_token_id": entry.tokens[name].value for name in ("bos", "eos")}
    return {"model_type": entry.model_type, **values, **ids}


def _tiny(model_type: str, whole: dict[str, Any]) -> dict[str, Any]:
    """Test size. Widths are multiples of 32 and 64, which the 4-bit kernels need (a row of 48 is refused by them)."""
    small: dict[str, Any] = {
        "vocab_size": TINY_VOCABULARY,
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 4 if whole["num_key_value_heads"] == whole["num_attention_heads"] else 2,
    }
    if _MOE in whole:
        small |= {
            "moe_intermediate_size": 64,
            "n_routed_experts": 8,
            "num_experts_per_tok": 2,
            "q_lora_rank": whole["q_lora_rank"] and 64,
        }
    if "kv_lora_rank" in whole:
        small |= {
            "kv_lora_rank": 64,
            "qk_nope_head_dim": 32,
            "qk_rope_head_dim": 32,
            "v_head_dim": 32,
            "first_k_dense_replace": 1,
        }
        if whole.get("n_group", 1) > 1:
            small |= {"n_group": 2, "topk_group": 1}
    if "index_topk" in whole:  # small enough that the sparse choice leaves tokens out within a short test
        small |= {"index_n_heads": 4, "index_head_dim": 64, "index_topk": 8}
    if model_type == "deepseek_v4":
        del small["intermediate_size"]
        small |= {
            "num_hidden_layers": 4,  # the fourth is the first that routes by score instead of by token id
            "num_key_value_heads": 1,
            "head_dim": 256,
            "o_groups": 2,
            "o_lora_rank": 32,
            "sliding_window": 16,
            "compress_rates": {"compressed_sparse_attention": 4, "heavily_compressed_attention": 8},
        }
    return {**whole, **small}
