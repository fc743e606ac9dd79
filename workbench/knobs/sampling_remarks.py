"""What a person should know of decoding settings that are allowed and do not do what they seem to.

The same sentences stand beside the control, in the result of `generate` and in the study of effects.
"""

from collections.abc import Callable, Mapping
from typing import Any

from workbench.knobs.knob import CapabilityOf
from workbench.results import Capability, Machine, ModelFacts
from workbench.words import Message, say

COLD = 0.01  # below it the draw is decided by rounding: logits of 16 bits are 1/64 apart or more
SAMPLED = {"temperature": 1.0, "top_p": 1.0, "top_k": 50, "min_p": 0.0}  # knobs of the draw, as they are by default
_TINY_TOP_P = 0.1
_STRONG_PENALTY = 1.3
_SHORT_NGRAM = 4


def _temperature(values: Mapping[str, Any]) -> Message | None:
    value = values["temperature"]
    if value < COLD:
        return say("sampling.cold", temperature=value)
    return say("sampling.hot", temperature=value) if value > 1.5 else None


def _top_p(values: Mapping[str, Any]) -> Message | None:
    return say("sampling.tiny_top_p", top_p=values["top_p"]) if values["top_p"] < _TINY_TOP_P else None


def _top_k(values: Mapping[str, Any]) -> Message | None:
    return say("sampling.one_token") if values["top_k"] == 1 else None


def _min_p(values: Mapping[str, Any]) -> Message | None:
    return say("sampling.only_likeliest", min_p=values["min_p"]) if values["min_p"] > 0.9 else None


def _repetition_penalty(values: Mapping[str, Any]) -> Message | None:
    value = values["repetition_penalty"]
    if value < 1.0:
        return say("sampling.rewards_repetition", penalty=value)
    return say("sampling.strong_penalty", penalty=value) if value > _STRONG_PENALTY else None


def _no_repeat_ngram(values: Mapping[str, Any]) -> Message | None:
    size = values["no_repeat_ngram_size"]
    return say("sampling.short_ngram", size=size) if 0 < size < _SHORT_NGRAM else None


def _stop_strings(values: Mapping[str, Any]) -> Message | None:
    blank = next((text for text in values["stop_strings"] if not text.strip()), None)
    return None if blank is None else say("sampling.blank_stop", text=repr(blank))


# knob -> the remark on its value beside the others, or None
_REMARKS: dict[str, Callable[[Mapping[str, Any]], Message | None]] = {
    "temperature": _temperature,
    "top_p": _top_p,
    "top_k": _top_k,
    "min_p": _min_p,
    "repetition_penalty": _repetition_penalty,
    "no_repeat_ngram_size": _no_repeat_ngram,
    "stop_strings": _stop_strings,
}


def capability_of(knob: str) -> CapabilityOf:
    """Always usable; the remark, where there is one, as its note."""

    def ask(value: Any, _machine: Machine, _model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
        return Capability(ok=True, note=_REMARKS[knob]({**values, knob: value}))

    return ask


def remarks(values: Mapping[str, Any]) -> tuple[Message, ...]:
    """All that is to be said of these values, settings that greedy decoding ignores included."""
    drawn = values["do_sample"]
    found = [of(values) for knob, of in _REMARKS.items() if drawn or knob not in SAMPLED]
    if not drawn:
        ignored = [f"{knob}={values[knob]:g}" for knob, default in SAMPLED.items() if values[knob] != default]
        found += [say("sampling.ignored", settings=", ".join(ignored))] if ignored else []
    return tuple(each for each in found if each is not None)
