"""How the next token is picked. Measurements are always greedy; these knobs act on generated text."""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.kinds import Number, Toggle
from workbench.knobs.knob import Group, Knob


def _sampling(values: Mapping[str, Any]) -> bool:
    return bool(values["do_sample"])


def _cold_sampling(values: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    if values["do_sample"] and values["temperature"] == 0.0:
        return "config.sampling_at_zero", {}
    return None


KNOBS = (
    Knob(
        name="do_sample",
        label="Sampling",
        help="Off: greedy, the likeliest token each time. On: a draw from the distribution below.",
        group=Group.GENERATION,
        kind=Toggle(),
        default=False,
    ),
    Knob(
        name="temperature",
        label="Temperature",
        help="Divides the logits before the draw; below 1 sharpens, above 1 flattens. Ignored when greedy.",
        group=Group.GENERATION,
        kind=Number(0.0, 5.0, 0.05),
        default=1.0,
        when=_sampling,
        conflict=_cold_sampling,
    ),
    Knob(
        name="top_p",
        label="Top-p",
        help="Draws from the smallest set of tokens whose probabilities reach this sum. 1: all of them. "
        "Ignored when greedy.",
        group=Group.GENERATION,
        kind=Number(0.01, 1.0, 0.01),
        default=1.0,
        when=_sampling,
    ),
    Knob(
        name="top_k",
        label="Top-k",
        help="Draws from the k likeliest tokens. 0: from all. Ignored when greedy.",
        group=Group.GENERATION,
        kind=Number(0, 1000, 1, integer=True),
        default=50,
        when=_sampling,
    ),
)
