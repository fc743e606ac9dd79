"""Whether a kind of KV cache can be used here, decided by facts alone."""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.knob import OK
from workbench.results import Capability, Machine, ModelFacts
from workbench.words import say


def cache(value: Any, _machine: Machine, model: ModelFacts | None, _values: Mapping[str, Any]) -> Capability:
    if value == "static" and model is not None and not model.supports_static_cache:
        return Capability(
            ok=False,
            reason=say("capability.class_without_static_cache", architecture=model.architecture),
            remedy=say("capability.use_dynamic_cache"),
        )
    return OK
