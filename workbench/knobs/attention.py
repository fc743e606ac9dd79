"""How attention is computed and how its past is kept."""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.kinds import Choice
from workbench.knobs.knob import OK, Group, Knob
from workbench.results import Capability, Machine, ModelFacts
from workbench.words import say


def _attention_capability(
    value: Any, _machine: Machine, model: ModelFacts | None, _values: Mapping[str, Any]
) -> Capability:
    if value == "sdpa" and model is not None and not model.supports_sdpa:
        return Capability(
            ok=False,
            reason=say("capability.class_without_sdpa", architecture=model.architecture),
            remedy=say("capability.use_eager"),
        )
    return OK


def _cache_capability(
    value: Any, _machine: Machine, model: ModelFacts | None, _values: Mapping[str, Any]
) -> Capability:
    if value == "static" and model is not None and not model.supports_static_cache:
        return Capability(
            ok=False,
            reason=say("capability.class_without_static_cache", architecture=model.architecture),
            remedy=say("capability.use_dynamic_cache"),
        )
    return OK


KNOBS = (
    Knob(
        name="attention",
        label="Attention",
        help="Implementation that transformers dispatches attention to. eager: matmul, softmax, matmul. "
        "sdpa: torch's scaled_dot_product_attention, which picks a kernel by itself.",
        group=Group.ATTENTION,
        kind=Choice(("eager", "sdpa")),
        default="sdpa",
        capability=_attention_capability,
    ),
    Knob(
        name="cache",
        label="KV cache",
        help="dynamic: grows with every token. static: allocated once for the whole length.",
        group=Group.ATTENTION,
        kind=Choice(("dynamic", "static")),
        default="dynamic",
        capability=_cache_capability,
    ),
)
