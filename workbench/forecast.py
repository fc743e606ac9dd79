"""Memory and speed limits before anything is loaded; no torch.

weights       parameters × bytes of the dtype; FP8 checkpoints keep embedding, head and norms in 16 bits
KV cache      rows × (prompt + new tokens) × bytes per token (`workbench.catalog.shapes`)
workspace     what one prefill holds beside them; an estimate, see `_workspace`
decode limit  rows × memory bandwidth ÷ bytes that one step must read: the weights a step touches (routed experts in
              part, an untied embedding table not at all) and the KV cache at half of the new tokens.
              Pope et al. 2022, Efficiently Scaling Transformer Inference, section 2: at small batch, decode is bound by
              loading weights and cache. It is an upper bound: no step can be faster, most are slower.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.cache_room import kv_cache_bytes
from workbench.catalog import (
    MODELS,
    LocalModel,
    Parameters,
    gpu,
    hf_config,
    kv_values_per_token,
    local_model,
    model,
    parameters,
    step_parameters,
)
from workbench.catalog.shapes import SUPPORTED
from workbench.config import Config
from workbench.errors import ModelError
from workbench.results import Forecast, Machine, ModelFacts, Workload, versions
from workbench.words import Message, say

SIZES = {"float32": 4, "bfloat16": 2, "float16": 2, "float8_e4m3fn": 1, "float8_e5m2": 1}
FP8_CAPABILITY = (8, 9)  # below it, and on CPU, transformers dequantises FP8 checkpoints

# a slug, a local directory, a transformers config, or what the worker says of the loaded model
Describable = str | Path | Mapping[str, Any] | LocalModel | ModelFacts


@dataclass(frozen=True)
class _Shape:
    """What the formulas need. `parts` None: not known for this architecture; `whole` then counts."""

    parts: Parameters | None
    whole: int
    kv_values: int
    config: Mapping[str, Any]
    checkpoint_dtype: str | None


@dataclass(frozen=True)
class _Target:
    """Where it would run. Bandwidth in bytes/s; None: not measured."""

    available: int | None
    bandwidth: float | None
    fp8: bool
    notes: tuple[Message, ...] = ()


def forecast(
    what: Describable,
    config: Config | None = None,
    workload: Workload | None = None,
    machine: Machine | None = None,
    *,
    on: str | None = None,
    resident_bytes: int = 0,
) -> Forecast:
    """What `what` would take and reach in this config, for this work.

    what            catalogue slug, local directory, transformers config (a mapping), LocalModel or ModelFacts
    machine         the doctor's report; None: nothing is known about memory and bandwidth
    on              a GPU of the catalogue ("rtx-4090") instead of the machine's own device
    resident_bytes  what a reload gives back first: the model that is loaded now, on the device of `config`

    ModelError: no such model, or an architecture whose size is not known. ConfigError: no such GPU.
    """
    config, workload = config or Config(), workload or Workload()
    shape = _shape(what)
    target = _catalogued(on) if on else _device(config, machine, resident_bytes)
    dtype, notes = _dtype(config["dtype"], shape, target)
    weights = _bytes(shape, dtype)
    layers = shape.config.get("num_hidden_layers")
    kv_cache = kv_cache_bytes(config, workload, shape.kv_values, _compute_size(dtype), layers)
    workspace = _workspace(shape.config, config["attention"], _compute_size(dtype), workload)
    if not shape.config:
        notes = (*notes, say("model.workspace_unknown"))
    total = weights + kv_cache + workspace
    step = _step_bytes(shape, dtype, workload)
    return Forecast(
        weights=weights,
        kv_cache=kv_cache,
        workspace=workspace,
        available=target.available,
        fits=None if target.available is None else total <= target.available,
        decode_limit_tps=workload.batch_size * target.bandwidth / step if target.bandwidth else None,
        estimated=(say("model.workspace_estimated"), *notes, *_expert_note(shape, workload), *target.notes),
    )


def step_bytes(what: Describable, dtype: str, workload: Workload) -> float:
    """Bytes that one decode step must read at the middle of `workload`, weights in `dtype` ("float32", …)."""
    return _step_bytes(_shape(what), dtype, workload)


def _step_bytes(shape: _Shape, dtype: str, workload: Workload) -> float:
    context = workload.prompt_tokens + workload.new_tokens / 2
    return _bytes(shape, dtype, workload.batch_size) + _kv_bytes(shape, dtype, workload.batch_size * context)


def _bytes(shape: _Shape, dtype: str, step_rows: int | None = None) -> int:
    """Of all weights, or of those that a step of so many rows reads."""
    parts = shape.parts
    if parts is None:
        return shape.whole * SIZES[dtype]
    count = parts.total if step_rows is None else step_parameters(parts, step_rows)
    wide = parts.norms + parts.head + (parts.embedding if step_rows is None or parts.tied else 0)
    return math.ceil(wide * _compute_size(dtype) + (count - wide) * SIZES[dtype])


def _kv_bytes(shape: _Shape, dtype: str, tokens: float) -> int:
    return math.ceil(shape.kv_values * _compute_size(dtype) * tokens)


def _compute_size(dtype: str) -> int:
    """Bytes of an activation: FP8 weights are multiplied in bfloat16."""
    return max(SIZES[dtype], 2)


def _workspace(config: Mapping[str, Any], attention: str, size: int, workload: Workload) -> int:
    """Bytes that prefill holds beside weights and cache; layers come one after the other, so one counts.

    Per prompt token: residual, its norm and the attention's in- and output (4 × hidden), the MLP's gate, up and product
    (3 × width); MLA's keys and values of one layer, expanded. Eager attention keeps the scores, their masked copy and
    a float32 softmax: heads × prompt² each. The next token's logits are float32. Within 15 % of the allocator's own
    count for a 1,024-token prefill of SmolLM2-135M on CPU; other models and kernels were not compared.
    """
    rows, prompt = workload.batch_size, workload.prompt_tokens
    hidden, heads = config.get("hidden_size") or 0, config.get("num_attention_heads") or 0
    width = config.get("intermediate_size") or (config.get("moe_intermediate_size") or 0) * (
        config.get("num_experts_per_tok") or 1
    )
    per_token = 4 * hidden + 3 * width
    if config.get("kv_lora_rank"):
        per_token += heads * (config["qk_nope_head_dim"] + config["qk_rope_head_dim"] + config["v_head_dim"])
    scores = heads * prompt * prompt * (2 * size + 4) if attention == "eager" else 0
    logits = 4 * (config.get("vocab_size") or 0)
    return int(rows * (prompt * per_token * size + scores + logits))


def _shape(what: Describable) -> _Shape:
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


def _of_config(config: Mapping[str, Any], checkpoint_dtype: str | None) -> _Shape:
    parts = parameters(config)
    return _Shape(parts, parts.total, kv_values_per_token(config, _transformers()), config, checkpoint_dtype)


def _of_local(found: LocalModel) -> _Shape:
    """The header knows the weights of any architecture; only their parts need the formula."""
    if found.config["model_type"] in SUPPORTED:
        return _of_config(found.config, found.checkpoint_dtype)
    whole = sum(math.prod(shape) for _dtype, shape, _size in found.tensors.values())
    config = found.config
    try:
        heads = config.get("num_key_value_heads") or config["num_attention_heads"]
        head_dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
        kv_values = config["num_hidden_layers"] * 2 * heads * head_dim
    except (KeyError, TypeError, ZeroDivisionError):
        raise ModelError("model.no_shape", model_type=config["model_type"], supported=", ".join(SUPPORTED)) from None
    return _Shape(None, whole, kv_values, config, found.checkpoint_dtype)


def _of_facts(facts: ModelFacts) -> _Shape:
    """A loaded model's own count, which is exact; its config, when the worker sent it, tells the parts."""
    table = facts.vocab_size * facts.hidden_size
    tied = facts.weight_bytes % facts.parameters == 0
    size = facts.weight_bytes / (facts.parameters if tied else facts.parameters - table)
    config: Mapping[str, Any] = facts.config or {
        "hidden_size": facts.hidden_size,
        "num_attention_heads": facts.heads,
        "vocab_size": facts.vocab_size,
    }
    parts = Parameters(
        embedding=table,
        attention=0,
        mlp=facts.parameters - table * (1 if tied else 2),
        experts=0,
        norms=0,
        head=0 if tied else table,
    )
    if facts.config.get("model_type") in SUPPORTED:
        known = parameters(facts.config)
        parts = known if known.total == facts.parameters else parts
    loaded = {4: "float32", 2: "bfloat16"}.get(round(size))
    return _Shape(
        parts,
        facts.parameters,
        round(facts.kv_bytes_per_token / max(round(size), 1)),
        config,
        facts.checkpoint_dtype or loaded,
    )


def _dtype(asked: str, shape: _Shape, target: _Target) -> tuple[str, tuple[Message, ...]]:
    if asked != "auto":
        return asked, ()
    found = shape.checkpoint_dtype
    if found not in SIZES:
        return "bfloat16", (say("model.dtype_assumed"),)
    if SIZES[found] == 1 and not target.fp8:
        return "bfloat16", (say("model.fp8_dequantised"),)
    return found, ()


def _expert_note(shape: _Shape, workload: Workload) -> tuple[Message, ...]:
    if shape.parts is None or not shape.parts.experts_per_layer:
        return ()
    share = 1 - (1 - shape.parts.experts_per_token / shape.parts.experts_per_layer) ** workload.batch_size
    return (say("model.experts_estimated", percent=round(100 * share), rows=workload.batch_size),)


def _catalogued(slug: str) -> _Target:
    card = gpu(slug)
    capability = tuple(card.compute_capability.value)
    note = say("model.vendor_gpu", gpu=card.name, source=card.bandwidth_gbps.source)
    return _Target(card.memory_bytes, card.bandwidth_bytes_per_s, capability >= FP8_CAPABILITY, (note,))


def _device(config: Config, machine: Machine | None, resident_bytes: int) -> _Target:
    if machine is None:
        return _Target(None, None, fp8=False, notes=(say("model.no_machine"),))
    asked = str(config["device"])
    cuda = machine.torch is not None and machine.torch.cuda_available and bool(machine.gpus)
    if asked == "cpu" or (asked == "auto" and not cuda):
        return _cpu(config, machine, resident_bytes)
    index = int(asked.partition(":")[2] or 0)
    if index >= len(machine.gpus):
        return _Target(None, None, fp8=False, notes=(say("model.no_machine"),))
    card = machine.gpus[index]
    fp8 = card.capability is not None and card.capability >= FP8_CAPABILITY
    bandwidth = machine.copy_bandwidth.get(f"cuda:{index}")
    free = None if card.free_bytes is None else card.free_bytes + resident_bytes
    notes: tuple[Message, ...] = () if free is not None else (say("model.gpu_memory_whole"),)
    notes += () if bandwidth else (say("model.no_bandwidth"),)
    return _Target(card.memory_bytes if free is None else free, bandwidth, fp8, notes)


def _cpu(config: Config, machine: Machine, resident_bytes: int) -> _Target:
    threads = config["threads"]
    if threads == "auto" and machine.threads is not None:
        threads = machine.threads.threads
    bandwidth = machine.copy_bandwidth.get(f"cpu:{threads}")
    if threads == "auto":
        measured = [rate for name, rate in machine.copy_bandwidth.items() if name.startswith("cpu:")]
        bandwidth = max(measured, default=None)
    available = machine.cpu.available_bytes + resident_bytes
    return _Target(available, bandwidth, fp8=False, notes=() if bandwidth else (say("model.no_bandwidth"),))


def _transformers() -> str | None:
    return versions().get("transformers")
