"""The linear layers of a model, known from its transformers config alone: what quantisation can be applied to.

Names, rows (outputs) and columns (inputs) as the classes of transformers 5.23 have them; checked in the tests against
the modules that transformers builds. Routed experts are no linear layers there: one 3-D parameter holds all of a layer.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

_DENSE = ("llama", "qwen2", "qwen3")
_MLA = ("deepseek_v2", "deepseek_v3", "deepseek_v32")


@dataclass(frozen=True)
class LinearShape:
    """One layer's weight, [rows, columns]. experts: how many of its kind one parameter holds; 0: it is a layer."""

    name: str
    role: Literal["attention", "mlp", "experts"]
    rows: int
    columns: int
    experts: int = 0

    @property
    def values(self) -> int:
        return self.rows * self.columns * max(self.experts, 1)


@dataclass(frozen=True)
class Layout:
    """layers: one after the other · tables: values of the embedding and of an untied head"""

    layers: tuple[LinearShape, ...]
    tables: int

    @property
    def linears(self) -> tuple[LinearShape, ...]:
        return tuple(layer for layer in self.layers if not layer.experts)

    @property
    def values(self) -> int:
        return sum(layer.values for layer in self.layers) + self.tables

    @property
    def tables_share(self) -> float:
        """Of all values: those of the embedding and of an untied head."""
        return self.tables / self.values

    @property
    def experts_share(self) -> float:
        """Of all values: those in fused routed experts."""
        return sum(layer.values for layer in self.layers if layer.experts) / self.values


def layout(config: Mapping[str, Any]) -> Layout | None:
    """None for an architecture that is not known here, or a config that lacks a size."""
    kind = config.get("model_type")
    if kind not in (*_DENSE, *_MLA):
        return None
    try:
        make = _mla_layer if kind in _MLA else _dense_layer
        layers = tuple(shape for index in range(config["num_hidden_layers"]) for shape in make(config, index))
        table = config["vocab_size"] * config["hidden_size"]
    except (KeyError, TypeError):
        return None
    return Layout(layers, table if config.get("tie_word_embeddings") else 2 * table)


def _dense_layer(config: Mapping[str, Any], index: int) -> Iterator[LinearShape]:
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    head_dim = config.get("head_dim") or hidden // heads
    query, key = heads * head_dim, (config.get("num_key_value_heads") or heads) * head_dim
    attention = {"q_proj": (query, hidden), "k_proj": (key, hidden), "v_proj": (key, hidden), "o_proj": (hidden, query)}
    yield from _named(index, "self_attn", "attention", attention)
    yield from _named(index, "mlp", "mlp", _swiglu(hidden, config["intermediate_size"]))


def _mla_layer(config: Mapping[str, Any], index: int) -> Iterator[LinearShape]:
    hidden, heads, latent = config["hidden_size"], config["num_attention_heads"], config["kv_lora_rank"]
    nope, rope, value = config["qk_nope_head_dim"], config["qk_rope_head_dim"], config["v_head_dim"]
    rank, query = config.get("q_lora_rank"), heads * (nope + rope)
    attention = {"q_a_proj": (rank, hidden), "q_b_proj": (query, rank)} if rank else {"q_proj": (query, hidden)}
    attention |= {
        "kv_a_proj_with_mqa": (latent + rope, hidden),
        "kv_b_proj": (heads * (nope + value), latent),
        "o_proj": (hidden, heads * value),
    }
    if config["model_type"] == "deepseek_v32":
        index_heads, index_dim = config["index_n_heads"], config["index_head_dim"]
        attention |= {
            "indexer.wq_b": (index_heads * index_dim, rank),
            "indexer.wk": (index_dim, hidden),
            "indexer.weights_proj": (index_heads, hidden),
        }
    yield from _named(index, "self_attn", "attention", attention)
    if index < (config.get("first_k_dense_replace") or 0):
        yield from _named(index, "mlp", "mlp", _swiglu(hidden, config["intermediate_size"]))
        return
    width, experts = config["moe_intermediate_size"], config["n_routed_experts"]
    if shared := config.get("n_shared_experts"):
        yield from _named(index, "mlp.shared_experts", "mlp", _swiglu(hidden, width * shared))
    fused = {"gate_up_proj": (2 * width, hidden), "down_proj": (hidden, width)}
    yield from _named(index, "mlp.experts", "experts", fused, experts)


def _swiglu(hidden: int, width: int) -> dict[str, tuple[int, int]]:
    return {"gate_proj": (width, hidden), "up_proj": (width, hidden), "down_proj": (hidden, width)}


def _named(
    index: int,
    part: str,
    role: Literal["attention", "mlp", "experts"],
    shapes: Mapping[str, tuple[int, int]],
    experts: int = 0,
) -> Iterator[LinearShape]:
    for name, (rows, columns) in shapes.items():
        yield LinearShape(f"model.layers.{index}.{part}.{name}", role, rows, columns, experts)
