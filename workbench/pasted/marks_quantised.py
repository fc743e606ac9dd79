"""Marks on quantisation objects, and on what is done to quantised models."""

from collections.abc import Iterator

from workbench.pasted.edits import dropped, renamed, without_call
from workbench.pasted.facts import Facts, entry_of, float8, model_name
from workbench.pasted.names import closest, names, sure
from workbench.pasted.objects import cast_of, eight_bits, quantised
from workbench.pasted.rule import TRANSFORMERS, Rule, Seen, calls, methods, written
from workbench.pasted.values import Made

_BNB = f"{TRANSFORMERS}: utils/quantization_config.py, BitsAndBytesConfig"


def _both(facts: Facts) -> Iterator[Seen]:
    for call in calls(facts, "bnb"):
        if call.value("load_in_8bit") is True and call.value("load_in_4bit") is True:
            yield Seen(call.given["load_in_4bit"].node, "load_in_4bit", {})


def _neither(facts: Facts) -> Iterator[Seen]:
    for call in calls(facts, "bnb"):
        if not call.opened and not any(call.value(name) for name in ("load_in_8bit", "load_in_4bit")):
            yield Seen(call.node, "BitsAndBytesConfig", {})


def _unused(facts: Facts) -> Iterator[Seen]:
    """Sub-options of the other number of bits."""
    for call in calls(facts, "bnb"):
        other = "bnb_4bit_" if call.value("load_in_8bit") is True else "llm_int8_threshold"
        if call.value("load_in_8bit") is not True and call.value("load_in_4bit") is not True:
            continue
        for given in call.given.values():
            if given.name.startswith(other) and given.form != "position":
                yield Seen(given.node, given.name, {"argument": given.name}, dropped(facts.script, given))


def _unknown(facts: Facts) -> Iterator[Seen]:
    for call in calls(facts, "bnb"):
        for given in call.given.values():
            if given.name not in names("bnb") and given.form != "position":
                near = closest(given.name, "bnb")
                edits = renamed(facts.script, given, near) if sure(given.name, near) and not call.has(near) else ()
                yield Seen(given.node, given.name, {"argument": written(given.name), "nearest": near}, edits)


def _fp8(facts: Facts) -> Iterator[Seen]:
    for made in facts.models:
        entry = entry_of(model_name(made))
        given = made.call.given.get("quantization_config")
        if float8(made) and given is not None and isinstance(given.value, Made) and given.value.kind == "bnb":
            yield Seen(given.node, given.name, {"model": entry.slug if entry else ""}, dropped(facts.script, given))


def _cast(facts: Facts) -> Iterator[Seen]:
    for call in methods(facts, "half", "float", "to"):
        if quantised(call.made) and cast_of(call):
            yield Seen(call.node, call.name, {"method": call.name}, without_call(facts.script, call))


def _moved(facts: Facts) -> Iterator[Seen]:
    for call in methods(facts, "cuda"):
        if eight_bits(call.made):
            yield Seen(call.node, call.name, {"method": call.name}, without_call(facts.script, call))


RULES = (
    Rule(
        "both_bits",
        "refused",
        f"{TRANSFORMERS} raises ValueError: load_in_4bit and load_in_8bit are both True, but only one can be used",
        _both,
    ),
    Rule("no_bits", "ignored", f"{_BNB}: neither load_in_8bit nor load_in_4bit is set", _neither),
    Rule("other_bits", "ignored", f"{TRANSFORMERS}: integrations/bitsandbytes.py, replace_with_bnb_linear", _unused),
    Rule(
        "unknown_at_bnb",
        "unknown",
        f"{_BNB}: kwargs that it does not know are logged at most; seen to pass without a word",
        _unknown,
    ),
    Rule(
        "quantised_already",
        "refused",
        f"{TRANSFORMERS} raises ValueError: the model is quantized with FineGrainedFP8Config but you are passing a "
        "BitsAndBytesConfig (quantizers/auto.py)",
        _fp8,
    ),
    Rule(
        "cast_quantised",
        "refused",
        f"{TRANSFORMERS} raises ValueError: `.half()` is not supported for quantized model; for .to(dtype) You cannot "
        "cast a bitsandbytes model in a new `dtype`",
        _cast,
    ),
    Rule(
        "moved_quantised",
        "refused",
        f"{TRANSFORMERS} raises ValueError: Calling `cuda()` is not supported for `8-bit` quantized models",
        _moved,
    ),
)
