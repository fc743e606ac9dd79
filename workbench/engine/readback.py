"""The state in force, read from the model itself."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from workbench.catalog.shapes import FIELDS
from workbench.config import Config
from workbench.engine import offloading, openmp, placing, quantizing, sharding
from workbench.engine.quantizing.head import own_head
from workbench.engine.scope import sdpa_backend
from workbench.engine.stored import tied
from workbench.engine.weights import Weights
from workbench.knobs.generation import PENALTIES, SAMPLING
from workbench.probes import allocator
from workbench.results import TRANSFORMERS_LOOP, Drafts, ModelFacts, Resolved
from workbench.words import Message

_CACHES = {
    ("DynamicCache", False): "dynamic",
    ("DynamicCache", True): "offloaded",
    ("StaticCache", False): "static",
    ("StaticCache", True): "offloaded_static",
    ("QuantizedCache", False): "quantized",
}


@dataclass(frozen=True)
class Seen:
    """What only the last call showed: the kind of cache, and the loop that decoded."""

    cache: str = ""
    cache_bytes: dict[str, int] = field(default_factory=dict)  # by device
    loop: str = TRANSFORMERS_LOOP
    drafts: Drafts | None = None


def cache_word(cache: Any) -> str:
    """The knob's word for a cache object; its class's name where there is none."""
    kind = type(cache).__name__
    return _CACHES.get((kind, bool(getattr(cache, "offloading", False))), kind)


def resolved(
    model: Any,
    tokenizer: Any,
    config: Config,
    seen: Seen,
    weights: Weights,
    why: dict[str, Message],
    stops: Mapping[str, Any],
    assistant: tuple[str, int] = ("", 0),
    rank_bytes: Mapping[str, int] | None = None,
) -> Resolved:
    """What is in force now, read from the model and from torch; `config` is what holds around each call.

    weights    counted when they were loaded: nothing that changes on a resident model changes them
    stops      knob -> what the criteria in force say of themselves
    assistant  its name and bytes, where one is loaded
    rank_bytes  of the weights that each rank said it holds, where there are several
    """
    devices: Counter[str] = Counter()
    elements: Counter[str] = Counter()
    where = offloading.place_of(model)
    for name, parameter in model.named_parameters():
        devices[where(name, parameter)] += 1
        if parameter.is_floating_point() and parameter.itemsize > 1:  # the rest is packed: integers, or float8
            elements[str(parameter.dtype).removeprefix("torch.")] += parameter.numel()
    held = offloading.bytes_by_place(model)
    generation, dtype = model.generation_config, elements.most_common(1)[0][0]
    settings, whys = quantizing.settings(model, weights.quantization)
    return Resolved(
        attention=str(model.config._attn_implementation),
        dtype=dtype,
        bytes_by_dtype=weights.bytes_by_dtype,
        quantization=weights.quantization,
        quantized_share=weights.quantized_share,
        quantization_settings=settings,
        device_map=dict(devices),
        bytes_by_place=held,
        max_memory=placing.kept_budgets(config, held),
        offloaded_layers=offloading.layers_away(model),
        module_map=placing.module_map(model),
        boundaries=placing.boundaries(model),
        tp_size=sharding.ranks(model),
        rank_bytes=dict(rank_bytes or {}),
        sdpa_backend=sdpa_backend(config, model.device),
        attention_mask=config.attention_mask,
        compile=config.compile,
        loop=seen.loop,
        cache=seen.cache,
        speculation=seen.drafts.drafter if seen.drafts else "off",
        assistant=assistant[0],
        assistant_bytes=assistant[1],
        tf32=torch.get_float32_matmul_precision() != "highest",
        cudnn_benchmark=torch.backends.cudnn.benchmark,
        autocast=config.autocast,
        threads=torch.get_num_threads(),
        waiting=openmp.waiting(),
        pinning=openmp.pinning(),
        allocator=allocator.in_force(model.device),
        pad_token_id=generation.pad_token_id,
        eos_token_ids=as_ids(generation.eos_token_id),
        padding_side=tokenizer.padding_side,
        sampling={
            "do_sample": bool(generation.do_sample),
            **{name: getattr(generation, name) or 0.0 for name in SAMPLING if generation.do_sample},
            **{name: getattr(generation, name) for name in PENALTIES},
            **stops,
        },
        why={knob: said for knob, said in whys.items() if settings[knob] != _asked(config[knob], dtype)} | why,
    )


def _asked(value: Any, dtype: str) -> Any:
    """A knob of a quantisation; the only one with reasons that can be automatic is its compute dtype."""
    return dtype if value == "auto" else value


def as_ids(value: int | list[int] | None) -> tuple[int, ...]:
    """transformers' three ways to write end tokens, as one."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def facts(
    model: Any,
    name: str,
    revision: str | None = None,
    *,
    weights: Weights,
    kv_bytes_per_token: int,
    checkpoint_dtype: str | None = None,
    checkpoint_quantization: str | None = None,
    random_weights: bool = False,
    notes: tuple[Message, ...] = (),
) -> ModelFacts:
    """What kind of model this is, from its config and its weights."""
    config = model.config.get_text_config()
    heads = config.num_attention_heads
    kv_heads = getattr(config, "num_key_value_heads", None) or heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads
    table = model.get_input_embeddings().weight
    copied = table.numel() if own_head(model) else 0
    return ModelFacts(
        name=name,
        revision=revision,
        model_type=config.model_type,
        architecture=type(model).__name__,
        parameters=weights.values - copied,
        layers=config.num_hidden_layers,
        hidden_size=config.hidden_size,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        context_length=config.max_position_embeddings,
        vocab_size=table.shape[0],
        kv_bytes_per_token=kv_bytes_per_token,
        weight_bytes=weights.read_per_step(tied=tied(model)),
        supports_sdpa=bool(model._supports_sdpa),
        supports_flash=bool(model._supports_flash_attn),
        supports_flex=bool(model._supports_flex_attn),
        tp_plan=sharding.plan(model),
        compiles_whole=bool(model._can_compile_fullgraph),
        supports_static_cache=not model._is_stateful,
        checkpoint_dtype=checkpoint_dtype,
        checkpoint_quantization=checkpoint_quantization,
        calibrated_by=getattr(model.config, "workbench_calibration", None),
        calibration_leaked=tuple(getattr(model.config, "workbench_calibration_shares", ())),
        random_weights=random_weights,
        notes=notes,
        config={name: getattr(config, name) for name in FIELDS if hasattr(config, name)},
    )


def kv_bytes_per_token(cache: Any) -> int:
    """Of one row, all layers, counted on a real cache: the formula differs by architecture and transformers version.

    A layer's tensors are [batch, heads, time, width] (latent caches too), so each holds nbytes ÷ time per token.
    """
    parts = (part for layer in cache.layers for part in vars(layer).values() if isinstance(part, torch.Tensor))
    return sum(part.nbytes // part.shape[-2] for part in parts if part.ndim > 2)
