"""What a process that runs exported code has read back, against what is in force in the session."""

from collections.abc import Iterator
from typing import Any

from workbench.catalog.quantized import stated
from workbench.config import Config
from workbench.knobs.formats import FORMATS
from workbench.knobs.generation import generation_arguments
from workbench.results import Resolved
from workbench.words import Message, say

# knob of a quantisation by bitsandbytes -> how its config calls it
_BNB = {
    "bnb_double_quant": "bnb_4bit_use_double_quant",
    "compute_dtype": "bnb_4bit_compute_dtype",
    "bnb_threshold": "llm_int8_threshold",
}


def differences(resolved: Resolved, config: Config, state: dict[str, Any]) -> Iterator[Message]:
    """What of `state`, as `hosts.clean_driver` reads it, is not the session's."""
    entry = state["quantization_config"]
    word = stated({"quantization_config": entry}) if entry else None
    wanted: dict[str, Any] = {
        "attention": resolved.attention,
        "dtype": resolved.dtype,
        "device": resolved.device,
        "tf32": resolved.tf32,
        "cudnn_benchmark": resolved.cudnn_benchmark,
        "pad_token_id": resolved.pad_token_id,
        "eos_token_ids": list(resolved.eos_token_ids),
        "padding_side": resolved.padding_side,
        "generation": generation_arguments(config),
    }
    if not resolved.device.startswith("cuda"):
        wanted["threads"] = resolved.threads
    if word is not None and word.word in FORMATS:
        wanted["quantization"], state = resolved.quantization, {**state, "quantization": word.word}
    if word is not None and word.method == "bitsandbytes":
        for knob, name in _BNB.items():
            if knob in resolved.quantization_settings:
                wanted[knob], state = _stated(resolved, config, knob), {**state, knob: word.entry.get(name)}
    for what, ours in wanted.items():
        if state[what] != ours:
            yield say("verify.differs", what=what, session=str(ours), snippet=str(state[what]))


def _stated(resolved: Resolved, config: Config, knob: str) -> Any:
    """What a library's config says: where a kernel made something else of it after the load, that is what was asked."""
    if knob not in resolved.why:
        return resolved.quantization_settings[knob]
    return resolved.dtype if config[knob] == "auto" else config[knob]
