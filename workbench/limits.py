"""Limits of a loaded model, computed: the least that a prefill and a decode step must do, over measured ceilings.

memory    bytes of the weights that the pass reads, each once (an untied embedding table is looked up, not read; of
          routed experts those that the rows chose), and of the KV cache: decode reads it, prefill writes it
compute   2 × active parameters × tokens, the head for the last token of each row only, as `generate` asks for it
          (`logits_to_keep=1`); attention 2 × heads × (key + value width) for each pair that causal attention sees
launches  operations that a trace counted × the time of one that computes nothing

Each is a floor by itself; memory, products and launches may overlap, so that the longest bounds the phase.
Williams, Waterman, Patterson 2009, Roofline, doi 10.1145/1498765.1498785; Pope et al. 2022, Efficiently Scaling
Transformer Inference, section 2.
"""

import math
from collections.abc import Mapping
from typing import Any

from workbench.cache_room import kv_cache_bytes
from workbench.catalog.shapes import kv_values_per_token
from workbench.config import Config
from workbench.errors import ModelError
from workbench.forecast.plan import SIZES, Plan
from workbench.forecast.shape import Shape, shape_of
from workbench.forecast.weights import WeightBytes
from workbench.results import (
    Bound,
    Ceilings,
    Floor,
    MatmulRate,
    ModelFacts,
    Phase,
    PhaseLimit,
    PhaseWork,
    Resolved,
    RoutedExperts,
    Workload,
)
from workbench.words import Message, say

PHASES: tuple[Phase, ...] = ("prefill", "decode")
# formats whose kernels multiply in 8 bits; the others multiply what they unpack
_MULTIPLIED = {
    "bnb-int8": "int8",
    "torchao-int8-dynamic": "int8",
    "torchao-float8": "float8_e4m3",
    "fp8": "float8_e4m3",
}
_EXPANDED = "5.17"  # a release of transformers that keeps MLA's keys and values expanded


def product_formats(resolved: Resolved) -> tuple[str, ...]:
    """The number formats in which the model's products are computed, by the names that `MatmulRate` has.

    Two where layers that multiply in 8 bits stand beside others in full: no floor counts on the slower.
    """
    if resolved.quantization in _MULTIPLIED:
        return _MULTIPLIED[resolved.quantization], resolved.dtype
    if resolved.autocast != "off":
        return (resolved.autocast,)
    computed = resolved.quantization_settings.get("compute_dtype", resolved.dtype)
    form = computed if computed in SIZES else resolved.dtype
    return ("tf32",) if form == "float32" and resolved.tf32 and resolved.device.startswith("cuda") else (form,)


def product_rate(ceilings: Ceilings | None, resolved: Resolved) -> MatmulRate | None:
    """The fastest of the formats in force; one without a number says why. None: not measured yet."""
    rates = [ceilings.rate(form) for form in product_formats(resolved)] if ceilings else []
    return max((rate for rate in rates if rate), key=lambda rate: rate.flops_per_s or 0.0, default=None)


def work_of(
    facts: ModelFacts,
    resolved: Resolved,
    workload: Workload,
    config: Mapping[str, Any] | None = None,
    routed: RoutedExperts | None = None,
) -> dict[Phase, PhaseWork]:
    """The least work of a prefill and of a decode step in the middle of `workload`.

    facts, resolved  of the loaded model: its own count of weights and of KV bytes is used, which is exact
    config           the knobs in force, for what a quantised cache keeps (default: Config())
                     of several ranks: of the first, which holds its part of each matrix; they work at the same time
    routed           experts counted in a run of this workload; None: as many as even draws would choose
    """
    shape, knobs = shape_of(facts), {**Config(), **(config or {})}
    plan = Plan(resolved.quantization, resolved.dtype, {**knobs, "quantization": resolved.quantization})
    experts = WeightBytes.of(shape, plan).experts
    rows, prompt = workload.batch_size, workload.prompt_tokens
    found: dict[Phase, PhaseWork] = {}
    for phase, tokens in zip(PHASES, (rows * prompt, rows), strict=True):
        share, told = _read(shape, phase, tokens, routed)
        kv_bytes, kept = _kv_bytes(facts, shape, resolved, workload, knobs, phase)
        pairs = rows * (prompt * (prompt + 1) / 2 if phase == "prefill" else _context(workload))
        flops = None if share is None else _weight_flops(shape, tokens, rows)
        found[phase] = PhaseWork(
            tokens=tokens,
            weight_bytes=None if share is None else facts.weight_bytes - experts * (1 - share) / resolved.tp_size,
            kv_bytes=kv_bytes,
            weight_flops=None if flops is None else flops / resolved.tp_size,
            attention_flops=pairs * _pair_flops(facts) / resolved.tp_size,
            sources=(say("limits.weights"), *told, kept),
        )
    return found


def limits_of(
    work: Mapping[Phase, PhaseWork],
    ceilings: Ceilings | None,
    resolved: Resolved,
    launches: Mapping[str, float] | None = None,
) -> dict[Phase, PhaseLimit]:
    """The floors of both phases.

    ceilings  of the device and threads in force; None: not measured, and no floor is known
    launches  phase -> operations of one pass, from a trace of the same configuration; None: not traced
    """
    return {
        phase: PhaseLimit(
            phase=phase,
            work=one,
            floors=(
                _memory(one, ceilings),
                _compute(one, ceilings, resolved),
                _launches((launches or {}).get(phase), ceilings),
            ),
        )
        for phase, one in work.items()
    }


def _context(workload: Workload) -> float:
    """Tokens of a row that are there in the middle of the answer."""
    return workload.prompt_tokens + workload.new_tokens / 2


def _read(
    shape: Shape, phase: Phase, tokens: int, routed: RoutedExperts | None
) -> tuple[float | None, tuple[Message, ...]]:
    """Share of the routed experts that a pass of `tokens` reads, and whence; None: nobody knows where they lie."""
    parts = shape.parts
    if parts is None or not parts.experts:
        if shape.config.get("num_experts_per_tok"):
            return None, (say("limits.experts_unknown", model_type=str(shape.config.get("model_type"))),)
        return 1.0, ()
    counted = routed.share(phase) if routed is not None else None
    if routed is not None and counted is not None:
        each, steps = counted * routed.per_layer, routed.steps
        code = "limits.experts_counted" if phase == "decode" else "limits.experts_counted_prefill"
        params = {"distinct": f"{each:.4g}", "of": routed.per_layer}
        return counted, (say(code, **params, **({"steps": steps} if phase == "decode" else {})),)
    share = 1 - (1 - parts.experts_per_token / parts.experts_per_layer) ** tokens
    expected = f"{share * parts.experts_per_layer:.4g}"
    return share, (say("limits.experts_expected", distinct=expected, of=parts.experts_per_layer, tokens=tokens),)


def _kv_bytes(
    facts: ModelFacts, shape: Shape, resolved: Resolved, workload: Workload, knobs: Mapping[str, Any], phase: Phase
) -> tuple[float, Message]:
    """Bytes of the cache that a phase writes or reads; the model's own count of a token's, unless it is quantised."""
    tokens = workload.prompt_tokens if phase == "prefill" else _context(workload)
    if resolved.cache == "quantized":
        size = max(SIZES.get(resolved.dtype, 2), 2)
        fresh = 2 if phase == "prefill" else max(workload.new_tokens // 2, 2)  # a Workload has two at the least
        kept = workload.replace(prompt_tokens=max(math.ceil(tokens) - fresh, 1), new_tokens=fresh)
        whole = kv_cache_bytes({**knobs, "cache": "quantized"}, kept, shape.kv_values, size, facts.layers)
        return float(whole), say("limits.kv_quantized", backend=str(knobs["cache_backend"]))
    return workload.batch_size * facts.kv_bytes_per_token * tokens, _kv_source(facts, resolved)


def _kv_source(facts: ModelFacts, resolved: Resolved) -> Message:
    """What the counted bytes of a token are: of MLA the latent or expanded, by which of the two they are."""
    each = facts.kv_bytes_per_token
    if facts.config.get("kv_lora_rank"):
        size = max(SIZES.get(resolved.dtype, 2), 2)
        for code, version in (("limits.kv_latent", None), ("limits.kv_expanded", _EXPANDED)):
            try:
                if each == size * kv_values_per_token(facts.config, version):
                    return say(code, bytes=each)
            except ModelError:  # an architecture that the formula does not know: the count stands by itself
                break
    return say("limits.kv", bytes=each)


def _weight_flops(shape: Shape, tokens: int, rows: int) -> float | None:
    parts = shape.parts
    if parts is None:
        return None
    head = parts.embedding if parts.tied else parts.head
    return 2.0 * ((parts.active - head) * tokens + head * rows)


def _pair_flops(facts: ModelFacts) -> float:
    """Of one token that looks at one: its score and its share of the sum, in all heads and layers."""
    config = facts.config
    if config.get("kv_lora_rank"):
        width = config["qk_nope_head_dim"] + config["qk_rope_head_dim"] + config["v_head_dim"]
    else:
        width = 2 * facts.head_dim
    # an indexer lets a token look at some of the others, which are not counted here: no floor, rather than a wrong one
    return 0.0 if config.get("index_n_heads") else 2.0 * facts.layers * facts.heads * width


def _memory(work: PhaseWork, ceilings: Ceilings | None) -> Floor:
    band = ceilings.bandwidth if ceilings else None
    missing = say("limits.no_bandwidth") if band is None else say("limits.no_weights")
    rate, bounds = (band.bytes_per_s, band.ci95) if band else (None, None)
    return _floor("memory", work.bytes, rate, bounds, say("limits.memory"), missing)


def _compute(work: PhaseWork, ceilings: Ceilings | None, resolved: Resolved) -> Floor:
    rate = product_rate(ceilings, resolved)
    form = rate.format if rate else product_formats(resolved)[0]
    if rate is None:
        missing = say("limits.no_rate_yet", format=form)
    elif rate.flops_per_s is None:
        missing = say("limits.no_rate", format=form, problem=str(rate.missing))
    else:
        missing = say("limits.no_flops")
    per_s, bounds = (rate.flops_per_s, rate.ci95) if rate else (None, None)
    return _floor("compute", work.flops, per_s, bounds, say("limits.compute", format=form), missing)


def _launches(count: float | None, ceilings: Ceilings | None) -> Floor:
    latency = ceilings.launch if ceilings else None
    missing = say("limits.no_trace") if count is None else say("limits.no_launch")
    rate = 1 / latency.seconds if latency else None
    bounds = (1 / latency.ci95[1], 1 / latency.ci95[0]) if latency and latency.ci95[0] > 0 else None
    return _floor("launches", count, rate, bounds, say("limits.launches"), missing)


def _floor(
    bound: Bound,
    amount: float | None,
    rate: float | None,
    bounds: tuple[float, float] | None,
    source: Message,
    missing: Message,
) -> Floor:
    if amount is None or rate is None:
        return Floor(bound=bound, amount=amount, rate=rate, seconds=None, source=source, missing=missing)
    ci95 = (amount / bounds[1], amount / bounds[0]) if bounds and bounds[0] > 0 and math.isfinite(bounds[1]) else None
    return Floor(bound=bound, amount=amount, rate=rate, seconds=amount / rate, ci95=ci95, source=source)
