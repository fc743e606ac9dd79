"""Whether an attention implementation can be used here, decided by facts alone."""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.knob import OK
from workbench.results import Capability, Machine, ModelFacts
from workbench.words import say


def attention(value: Any, _machine: Machine, model: ModelFacts | None, _values: Mapping[str, Any]) -> Capability:
    if value == "sdpa" and model is not None and not model.supports_sdpa:
        return Capability(
            ok=False,
            reason=say("capability.class_without_sdpa", architecture=model.architecture),
            remedy=say("capability.use_eager"),
        )
    return OK
