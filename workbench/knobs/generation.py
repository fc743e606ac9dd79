"""The arguments of `generate` that a set of knob values stands for.

The engine calls this and the exported snippet prints it, so that the code a person takes home generates as the
session did.
"""

from collections.abc import Mapping
from typing import Any

STATIC = ("static", "offloaded_static")  # kinds of cache whose length is fixed beforehand
SAMPLING = ("temperature", "top_p", "top_k", "min_p")  # passed when tokens are drawn
PENALTIES = ("repetition_penalty", "no_repeat_ngram_size")  # act on greedy decoding too
# The work that is measured: the likeliest token of the model as it is, and no answer cut short. A penalty costs time
# that is not the model's, and a stop would make each configuration do another amount of work.
PLAIN: Mapping[str, Any] = {
    "do_sample": False,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "stop_strings": (),
    "stop_at_sentence": "off",
}


def generation_arguments(values: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments for `model.generate`, from the value of each knob (a Config will do).

    Greedy passes no sampling argument; sampling passes every one, and penalties and the cache are always named, so that
    none of these is left to the checkpoint's generation_config. Not here: lengths; pad and end ids, which belong on
    `model.generation_config`; stops, which need the tokenizer and the prompt's length.
    """
    arguments: dict[str, Any] = {"do_sample": values["do_sample"]}
    if values["do_sample"]:
        arguments |= {name: values[name] for name in SAMPLING}
        arguments["min_p"] = values["min_p"] or None  # 0 would sort the vocabulary at each step, for nothing
    arguments |= {name: values[name] for name in PENALTIES}
    if values["compile"] != "off":
        return arguments  # the compiled loop brings its cache along
    if values["speculation"] in ("assistant", "early_exit"):  # the drafter's own cache cannot be named beside it
        return arguments | _drafting(values)
    arguments |= _drafting(values)
    arguments["cache_implementation"] = values["cache"]
    if values["cache"] in STATIC:
        # generate compiles by itself on CUDA once the cache is static; one knob must be one change
        arguments["disable_compile"] = True
        if values["cache_length"] != "auto":
            arguments["max_cache_len"] = values["cache_length"]
    if values["cache"] == "quantized":
        fixed = values["cache_bits"] == "auto" or values["cache_backend"] == "fp8"  # which takes no further word
        bits = {} if fixed else {"nbits": values["cache_bits"]}
        arguments["cache_config"] = {"backend": values["cache_backend"], **bits}
    return arguments


def drafter_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """What the generation config of whoever drafts says: `generate` takes no argument for these.

    No threshold of confidence and no schedule, so that each step drafts what the knob says.
    """
    if values["speculation"] not in ("assistant", "early_exit"):
        return {}
    return {
        "num_assistant_tokens": values["speculation_tokens"],
        "num_assistant_tokens_schedule": "constant",
        "assistant_confidence_threshold": 0.0,
    }


def _drafting(values: Mapping[str, Any]) -> dict[str, Any]:
    match values["speculation"]:
        case "prompt_lookup":
            return {"prompt_lookup_num_tokens": values["speculation_tokens"]}
        case "early_exit":
            return {"assistant_early_exit": values["assistant_early_exit"]}
    return {}  # an assistant is a model, which the caller has
