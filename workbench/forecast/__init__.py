"""Memory and speed limits before anything is loaded; no torch.

weights       parameters × bytes of the number format; what a quantisation leaves in full at full width, and its scales,
              zero points and code tables with it (`forecast.weights`)
KV cache      rows × (prompt + new tokens) × bytes per token (`workbench.catalog.shapes`, `workbench.cache_room`)
              where ranks share it, it is counted whole in each: not every model's plan cuts it
              layers that wait elsewhere are counted apart, but for the one that is on the device while it computes
workspace     what one prefill holds beside them; an estimate (`forecast.room`)
decode limit  rows × memory bandwidth ÷ bytes that one step must read: the weights a step touches (routed experts in
              part, an untied embedding table not at all) and the KV cache at half of the new tokens.
              Pope et al. 2022, Efficiently Scaling Transformer Inference, section 2: at small batch, decode is bound by
              loading weights and cache. It is an upper bound: no step can be faster, most are slower.
"""

import math

from workbench.config import Config
from workbench.forecast.places import places_of
from workbench.forecast.plan import Plan
from workbench.forecast.room import Room
from workbench.forecast.shape import Describable, Shape, shape_of
from workbench.forecast.target import Target, target_of
from workbench.forecast.weights import WeightBytes
from workbench.knobs.tensor_parallel import ranks_of
from workbench.results import Forecast, Machine, ModelFacts, PlaceForecast, Workload
from workbench.words import Message, say

__all__ = ["Describable", "Forecast", "forecast", "step_bytes"]


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
    shape, target = shape_of(what), target_of(config, machine, on, resident_bytes)
    plan = Plan.of(config, shape, target)
    weights = WeightBytes.of(shape, plan)
    places = places_of(config, shape, weights, None if on else machine)
    away, in_flight = _away(config, shape, weights)
    held, available = weights.total - away + in_flight, target.available
    if places:
        held, away, available = _spread(config, places, resident_bytes)
    room = Room(config, shape, plan, held, available)
    kv_cache, workspace = room.kv_cache(workload), room.workspace(workload)
    step = weights.step(workload.batch_size) + _kv_bytes(shape, plan.activation, workload)
    return Forecast(
        weights=held,
        offloaded=away,
        kv_cache=kv_cache,
        workspace=workspace,
        available=available,
        fits=None if available is None else held + kv_cache + workspace <= available and _all_fit(places),
        decode_limit_tps=workload.batch_size * target.bandwidth / step if target.bandwidth else None,
        format=plan.format,
        quantized_share=weights.quantized_share,
        largest_batch=room.largest_batch(workload),
        largest_context=room.largest_context(workload),
        table=room.table(workload),
        places=places,
        estimated=_estimated(shape, plan, target, workload),
    )


def _away(config: Config, shape: Shape, weights: WeightBytes) -> tuple[int, int]:
    """Bytes of the layers that wait elsewhere, and of the one of them that is on the device while it computes."""
    layers = int(shape.config.get("num_hidden_layers") or 0)
    if not config["offloaded_layers"] or not layers:
        return 0, 0
    each = (weights.rest + weights.experts) // layers
    return min(config["offloaded_layers"], layers) * each, each


def _spread(config: Config, places: tuple[PlaceForecast, ...], resident_bytes: int) -> tuple[int, int, int | None]:
    """Bytes of weights on the places that compute, those elsewhere, and the room of the former; of ranks: of one."""
    there = places[:1] if ranks_of(config) > 1 else [place for place in places if place.computes]
    held = sum(place.weights for place in there)
    known = [place.free for place in there if place.free is not None]
    away = 0 if ranks_of(config) > 1 else sum(place.weights for place in places if not place.computes)
    return held, away, sum(known) + resident_bytes if known else None


def _all_fit(places: tuple[PlaceForecast, ...]) -> bool:
    """Whether each place holds its part, and the first module stays on one that computes."""
    return all(place.fits is not False for place in places) and (
        not places or any(p.computes and p.weights for p in places)
    )


def step_bytes(what: Describable, dtype: str, workload: Workload, quantization: str = "none") -> float:
    """Bytes that one decode step must read at the middle of `workload`.

    dtype         of the weights in full ("float32", …); quantization: what the rest is kept as

    Of a loaded model (ModelFacts) its own count of weights is used, which is exact.
    """
    shape = shape_of(what)
    plan = Plan(quantization, dtype, {**Config(), "quantization": quantization})
    cache = _kv_bytes(shape, plan.activation, workload)
    weights = WeightBytes.of(shape, plan)
    if isinstance(what, ModelFacts):
        return what.weight_bytes - weights.unread_experts(workload.batch_size) + cache
    return weights.step(workload.batch_size) + cache


def _kv_bytes(shape: Shape, size: int, workload: Workload) -> int:
    context = workload.prompt_tokens + workload.new_tokens / 2
    return math.ceil(shape.kv_values * size * workload.batch_size * context)


def _estimated(shape: Shape, plan: Plan, target: Target, workload: Workload) -> tuple[Message, ...]:
    notes = [say("model.workspace_estimated"), *plan.notes]
    if not shape.config:
        notes.append(say("model.workspace_unknown"))
    if shape.parts is not None and shape.parts.experts_per_layer:
        unread = (1 - shape.parts.experts_per_token / shape.parts.experts_per_layer) ** workload.batch_size
        percent = round(100 * (1 - unread))
        notes.append(say("model.experts_estimated", percent=percent, rows=workload.batch_size))
    return (*notes, *target.notes)
