"""Parameters by part, and the size of the KV cache, computed from a transformers config without torch.

Checked in the tests against the modules that transformers builds from the same config.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.errors import ModelError

LATENT_SINCE = (5, 18)  # transformers caches MLA's latent from here on; the releases seen before expanded it

_DENSE = ("llama", "qwen2", "qwen3")
_MLA = ("deepseek_v2", "deepseek_v3", "deepseek_v32")
SUPPORTED = (*_DENSE, *_MLA)

# of a transformers config: what the functions here read, and what a forecast reads beside
FIELDS = (
    "model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "head_dim", "attention_bias", "mlp_bias", "tie_word_embeddings", "q_lora_rank",
    "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "index_n_heads", "index_head_dim",
    "moe_intermediate_size", "n_routed_experts", "n_shared_experts", "num_experts_per_tok", "first_k_dense_replace",
    "max_position_embeddings",
)  # fmt: skip


@dataclass(frozen=True)
class Parameters:
    """Parameters of one model by part.

    embedding  the input table; with tied embeddings it is the head as well, and `head` is 0
    mlp        dense layers, shared experts and routers: what every token passes
    experts    routed experts, of which a token passes only some
    """

    embedding: int
    attention: int
    mlp: int
    experts: int
    norms: int
    head: int
    experts_per_token: int = 0
    experts_per_layer: int = 0

    @property
    def total(self) -> int:
        return self.embedding + self.attention + self.mlp + self.experts + self.norms + self.head

    @property
    def tied(self) -> bool:
        return self.head == 0

    @property
    def active(self) -> int:
        """Multiplied with one token: 2 × this is its FLOPs. A table that is only looked up does not count."""
        share = self.experts_per_token / self.experts_per_layer if self.experts_per_layer else 0.0
        head = self.embedding if self.tied else self.head
        return self.attention + self.mlp + round(self.experts * share) + self.norms + head


def parameters(config: Mapping[str, Any]) -> Parameters:
    """Parameters by part of the causal model of `config`. ModelError for an architecture not in SUPPORTED."""
    model_type = config.get("model_type")
    if model_type not in SUPPORTED:
        raise ModelError("model.no_shape", model_type=model_type, supported=", ".join(SUPPORTED))
    hidden, layers = _need(config, "hidden_size"), _need(config, "num_hidden_layers")
    table = _need(config, "vocab_size") * hidden
    attention, attention_norms = _mla(config) if model_type in _MLA else _grouped(config)
    mlp, experts = _feed_forward(config) if model_type in _MLA else (layers * _swiglu(config), 0)
    return Parameters(
        embedding=table,
        attention=layers * attention,
        mlp=mlp,
        experts=experts,
        norms=layers * (2 * hidden + attention_norms) + hidden,
        head=0 if config.get("tie_word_embeddings", False) else table,
        experts_per_token=_need(config, "num_experts_per_tok") if experts else 0,
        experts_per_layer=_need(config, "n_routed_experts") if experts else 0,
    )


def step_parameters(parts: Parameters, rows: int = 1) -> float:
    """Parameters that one decode step of `rows` rows must read.

    An untied embedding table is looked up, not read. With routed experts the distinct ones are counted as if each row
    drew its k of E independently and evenly: E · (1 − (1 − k ÷ E)^rows).
    """
    always = parts.attention + parts.mlp + parts.norms + (parts.embedding if parts.tied else parts.head)
    if not parts.experts_per_layer:
        return float(always)
    untouched = (1 - parts.experts_per_token / parts.experts_per_layer) ** rows
    return always + parts.experts * (1 - untouched)


def kv_values_per_token(config: Mapping[str, Any], transformers_version: str | None = None) -> int:
    """Values that the cache keeps for one token of one row, all layers together; times the dtype's bytes for bytes.

    MLA: the latent and the rotary key from transformers 5.18 on (the default), expanded keys and values before.
    ModelError for caches whose size is not proportional to the length (deepseek_v4).
    """
    layers = _need(config, "num_hidden_layers")
    if config.get("model_type") in _MLA:
        rope, heads = _need(config, "qk_rope_head_dim"), _need(config, "num_attention_heads")
        if transformers_version is not None and _release(transformers_version) < LATENT_SINCE:
            per_layer = heads * (_need(config, "qk_nope_head_dim") + rope + _need(config, "v_head_dim"))
        else:
            per_layer = _need(config, "kv_lora_rank") + rope
        if config.get("model_type") == "deepseek_v32":
            per_layer += _need(config, "index_head_dim")  # the indexer's own key
        return int(layers * per_layer)
    if config.get("model_type") not in _DENSE:
        raise ModelError("model.no_shape", model_type=config.get("model_type"), supported=", ".join(SUPPORTED))
    return int(layers * 2 * _kv_heads(config) * _head_dim(config))


def _swiglu(config: Mapping[str, Any]) -> int:
    hidden, width = _need(config, "hidden_size"), _need(config, "intermediate_size")
    biases = 2 * width + hidden if config.get("mlp_bias", False) else 0
    return 3 * hidden * width + biases


def _grouped(config: Mapping[str, Any]) -> tuple[int, int]:
    """MHA and GQA: (projections, norms inside) of one layer."""
    hidden, head_dim = _need(config, "hidden_size"), _head_dim(config)
    query, key_value = _need(config, "num_attention_heads") * head_dim, 2 * _kv_heads(config) * head_dim
    biases = 0
    if config["model_type"] == "qwen2":  # on the inputs, not on the output
        biases = query + key_value
    elif config.get("attention_bias", False):
        biases = query + key_value + hidden
    norms = 2 * head_dim if config["model_type"] == "qwen3" else 0
    return hidden * (2 * query + key_value) + biases, norms


def _mla(config: Mapping[str, Any]) -> tuple[int, int]:
    """Multi-head latent attention, with DeepSeek-V3.2's indexer: (projections, norms inside) of one layer."""
    hidden, heads = _need(config, "hidden_size"), _need(config, "num_attention_heads")
    nope, rope, value = (_need(config, name) for name in ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"))
    latent, query_rank = _need(config, "kv_lora_rank"), config.get("q_lora_rank")
    bias = bool(config.get("attention_bias", False))
    query = heads * (nope + rope)
    query_weights = hidden * query if query_rank is None else hidden * query_rank + query_rank * query
    weights = query_weights + hidden * (latent + rope) + latent * heads * (nope + value) + heads * value * hidden
    norms = latent + (query_rank or 0)
    if bias:
        weights += (query_rank or 0) + latent + rope + hidden
    if config["model_type"] == "deepseek_v32":
        index_heads, index_dim = _need(config, "index_n_heads"), _need(config, "index_head_dim")
        weights += _need(config, "q_lora_rank") * index_heads * index_dim + hidden * (index_dim + index_heads)
        norms += 2 * index_dim  # a LayerNorm: weight and bias
    return weights, norms


def _feed_forward(config: Mapping[str, Any]) -> tuple[int, int]:
    """Dense layers, shared experts and routers; and routed experts: of all layers."""
    hidden, layers = _need(config, "hidden_size"), _need(config, "num_hidden_layers")
    dense = min(config.get("first_k_dense_replace") or 0, layers)
    experts = _need(config, "n_routed_experts")
    one = 3 * hidden * _need(config, "moe_intermediate_size")
    shared = (config.get("n_shared_experts") or 0) * one
    routed_layers = layers - dense
    return dense * _swiglu(config) + routed_layers * (shared + experts * hidden), routed_layers * experts * one


def _head_dim(config: Mapping[str, Any]) -> int:
    given = config.get("head_dim")
    return int(given) if given else _need(config, "hidden_size") // _need(config, "num_attention_heads")


def _kv_heads(config: Mapping[str, Any]) -> int:
    given = config.get("num_key_value_heads")
    return int(given) if given else _need(config, "num_attention_heads")


def _need(config: Mapping[str, Any], name: str) -> int:
    value = config.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ModelError("model.config_lacks", field=name, value=repr(value))
    return value


def _release(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)
