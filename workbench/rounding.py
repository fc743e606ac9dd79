"""Is it rounding or another computation? The level and the sentence of an Agreement, from distances; no torch.

Two correct kernels add the same numbers in another order and round elsewhere, so their logits differ. How much of that
is innocent depends on the model and the number format; it is therefore measured on the model itself: every attention
output of configuration a is rounded once more (multiplied by 1 + ε·r, r standard normal, ε the format's machine
epsilon) and the logits are compared with a's own. The excess is how many times farther b is from a than that, by each
of max |Δlogit|, √(mean KL) and √(max KL), which all grow linearly with the disturbance.

Measured on SmolLM2-135M over 256 tokens (tests/test_rounding.py keeps the table): sdpa and a softmax normalised after
the product lie at 0.6–1.1 in float32 and bfloat16, and bfloat16 as a whole lies at 0.8 of its own yardstick. Faults in
float32 begin at 4,600 (scores 1 % too large); in bfloat16 scores 10 % too large give 5.9, a head left out 29, a lost
mask 26, a window of 64 tokens 19. Below 3 a fault in 16 bits cannot be told from rounding: compare in float32.
"""

import math
from collections.abc import Mapping
from typing import Any

from workbench.results import Divergence, LogitDistance
from workbench.results.agreement import Level
from workbench.words import Message, say
from workbench.words.format import number

WRONG_FROM = 3.0
# knobs that are meant to lose something: value -> whether it does
LOSSY = {"cache": lambda value: value == "quantized"}
# a mask or padding that is another changes what is computed, and says nothing of kernels
OTHER_WORK = ("attention_mask", "padding_side", "pad_token")


def excess(distance: LogitDistance, rounding: LogitDistance) -> float:
    """How many times farther than one more rounding; 0: nothing differs."""
    return max(
        _share(distance.max_logit_diff, rounding.max_logit_diff),
        math.sqrt(_share(distance.kl_mean, rounding.kl_mean)),
        math.sqrt(_share(distance.kl_max, rounding.kl_max)),
    )


def tie_width(rounding: LogitDistance) -> float:
    """How much two logits may differ and yet change places between two correct computations.

    One more rounding moves each by up to `max_logit_diff`, one of them up and the other down.
    """
    return 2 * rounding.max_logit_diff


def level_of(
    a: Mapping[str, Any], b: Mapping[str, Any], prefill: LogitDistance, decode: LogitDistance, times: float
) -> Level:
    """same: bit for bit · agrees: within rounding, and no top token changes · rounding: some do · lossy · wrong."""
    if not prefill.max_logit_diff and not decode.max_logit_diff:
        return "same"
    if not times < WRONG_FROM:  # a NaN is wrong too
        return "lossy" if loses(a, b) else "wrong"
    return "agrees" if prefill.same_top == decode.same_top == 1 else "rounding"


def loses(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    """The knob that explains a difference beyond rounding; "" when there is none."""
    differing = [name for name in a if a[name] != b[name]]
    for name in differing:
        if name in OTHER_WORK or (name in LOSSY and (LOSSY[name](a[name]) or LOSSY[name](b[name]))):
            return name
    quantized = a["cache"] == b["cache"] == "quantized"
    return next((name for name in differing if quantized and name in ("cache_bits", "cache_backend")), "")


def sentence(
    level: Level, names: tuple[str, str], times: float, knob: str, divergence: Divergence | None, dtype: str
) -> Message:
    """The verdict in words."""
    a, b = names
    match level:
        case "same":
            return say("agreement.same", a=a, b=b)
        case "agrees":
            return say("agreement.agrees", a=a, b=b, times=number(times, 2))
        case "rounding":
            return say("agreement.rounding", a=a, b=b, times=number(times, 2), dtype=dtype, parts=_parts(divergence))
        case "lossy":
            return say("agreement.lossy", a=a, b=b, times=number(times, 2), knob=knob, parts=_parts(divergence))
    return say("agreement.wrong", a=a, b=b, times=number(times, 2), dtype=dtype, parts=_parts(divergence))


def _parts(divergence: Divergence | None) -> str:
    if divergence is None:
        return str(say("agreement.never_parts"))
    return str(say("agreement.parts", index=divergence.index + 1, margin=number(divergence.margin, 2)))


def _share(value: float, scale: float) -> float:
    if math.isnan(value):
        return math.inf
    return value / scale if scale else (math.inf if value else 0.0)
