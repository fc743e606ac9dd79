"""Marks on how the next token is picked, and on how long an answer may be."""

from collections.abc import Iterator

from workbench.pasted.edits import dropped, revalued
from workbench.pasted.facts import Facts
from workbench.pasted.names import names, sure
from workbench.pasted.rule import TRANSFORMERS, Rule, Seen, generation, once, written
from workbench.pasted.values import Call, Given, Made

_CONFIG = f"{TRANSFORMERS}: generation/configuration_utils.py, GenerationConfig.validate"
_UTILS = f"{TRANSFORMERS}: generation/utils.py"
# what sampling alone reads, with the value that says nothing (configuration_utils.py, section 2.1)
SAMPLING_ONLY = {"temperature": 1.0, "top_p": 1.0, "top_k": 50, "min_p": None, "top_h": None, "typical_p": 1.0} | {
    "epsilon_cutoff": 0.0,
    "eta_cutoff": 0.0,
}
COLD = 1e-3  # a temperature that stands for "greedy"


def _sampling(facts: Facts, said: bool) -> Iterator[Seen]:
    for _call, settings in generation(facts):
        chosen = settings.get("do_sample")
        by_default = facts.is_pipeline or bool(facts.ids.sampling.get("do_sample"))
        if said != (chosen is not None and chosen.value is False) or (not said and (chosen is not None or by_default)):
            continue
        for name, silent in SAMPLING_ONLY.items():
            given = settings.get(name)
            if given is None or given.value is None or given.value == silent:
                continue
            cold = isinstance(given.value, int | float) and name == "temperature" and given.value <= COLD
            edits = dropped(facts.script, given) if said or cold else ()
            yield Seen(given.node, name, {"argument": name, "value": _shown(facts, given)}, edits)


def _shown(facts: Facts, given: Given) -> str:
    return facts.script.words(given.words)[:80]


def _cold_sampling(facts: Facts, zero: bool) -> Iterator[Seen]:
    for _call, settings in generation(facts):
        sample, given = settings.get("do_sample"), settings.get("temperature")
        if sample is None or sample.value is not True or given is None or isinstance(given.value, bool):
            continue
        if not isinstance(given.value, int | float) or given.value > COLD or (given.value <= 0) != zero:
            continue
        edits = (*revalued(facts.script, sample, "False"), *dropped(facts.script, given))
        yield Seen(given.node, "temperature", {"value": written(given.value)}, edits)


def _two_lengths(facts: Facts) -> Iterator[Seen]:
    for _call, settings in generation(facts):
        if "max_length" in settings and "max_new_tokens" in settings:
            given = settings["max_length"]
            yield Seen(given.node, "max_length", {}, dropped(facts.script, given))


def _whole_length(facts: Facts) -> Iterator[Seen]:
    for _call, settings in generation(facts):
        if "max_length" in settings and "max_new_tokens" not in settings:
            given = settings["max_length"]
            yield Seen(given.node, "max_length", {"value": written(given.value)})


def _no_length(facts: Facts) -> Iterator[Seen]:
    for call, settings in generation(facts):
        ends = {"max_length", "max_new_tokens", "max_time", "stopping_criteria"}
        config = call.value("generation_config")
        opened = call.opened or (config is not None and not isinstance(config, Made)) or length_meant(call)
        if call.kind == "generate" and not ends & set(settings) and not opened:
            yield Seen(call.node.func, "max_new_tokens", {})


def length_meant(call: Call) -> Given | None:
    """An argument that is max_new_tokens but for a slip of the pen."""
    given = (each for each in call.given.values() if each.name not in names("generate") and each.form != "position")
    return next((each for each in given if sure(each.name, "max_new_tokens")), None)


def _beams(facts: Facts) -> Iterator[Seen]:
    for _call, settings in generation(facts):
        given = settings.get("num_beams")
        if given is not None and isinstance(given.value, int) and given.value > 1:
            yield Seen(given.node, "num_beams", {"beams": given.value})


def _beam_only(facts: Facts) -> Iterator[Seen]:
    for _call, settings in generation(facts):
        beams = settings.get("num_beams")
        if beams is not None and beams.value != 1:
            continue
        for name, silent in {"early_stopping": (None, False), "length_penalty": (None, 1.0)}.items():
            given = settings.get(name)
            if given is not None and given.value not in silent:
                yield Seen(given.node, name, {"argument": name}, dropped(facts.script, given))


def _sequences(facts: Facts) -> Iterator[Seen]:
    for _call, settings in generation(facts):
        given, beams, sample = (settings.get(name) for name in ("num_return_sequences", "num_beams", "do_sample"))
        greedy = not facts.is_pipeline and (sample is None or sample.value is False)
        many = given is not None and isinstance(given.value, int) and given.value > 1
        if (
            many
            and given
            and greedy
            and (beams is None or beams.value == 1)
            and not facts.ids.sampling.get("do_sample")
        ):
            yield Seen(given.node, given.name, {"value": given.value}, dropped(facts.script, given))


RULES = (
    Rule(
        "sampling_with_greedy",
        "ignored",
        f"{_CONFIG}: The following generation flags are not valid and may be ignored",
        lambda facts: once(_sampling(facts, True)),
    ),
    Rule(
        "sampling_not_on",
        "ignored",
        f"{_CONFIG}: `do_sample` is not set to `True` … this flag is only used in sample-based generation modes",
        lambda facts: once(_sampling(facts, False)),
    ),
    Rule(
        "sampling_at_zero",
        "refused",
        f"{TRANSFORMERS} raises ValueError: `temperature` (=0.0) has to be a strictly positive float",
        lambda facts: once(_cold_sampling(facts, True)),
    ),
    Rule(
        "sampling_near_zero",
        "harmful",
        f"{TRANSFORMERS}: generation/logits_process.py, TemperatureLogitsWarper; tied logits stay tied",
        lambda facts: once(_cold_sampling(facts, False)),
    ),
    Rule(
        "two_lengths",
        "ignored",
        f"{_UTILS}, _prepare_generated_length: `max_new_tokens` will take precedence",
        lambda facts: once(_two_lengths(facts)),
    ),
    Rule(
        "whole_length",
        "harmful",
        f"{_UTILS}, _validate_generated_length raises ValueError: Input length of input_ids is …, but `max_length` is "
        "set to …",
        lambda facts: once(_whole_length(facts)),
    ),
    Rule(
        "no_length",
        "harmful",
        f"{_UTILS}, _validate_generated_length: Using the model-agnostic default `max_length`",
        lambda facts: once(_no_length(facts)),
    ),
    Rule(
        "beams",
        "harmful",
        f"{_UTILS}, _beam_search: input_ids [batch × num_beams, time]",
        lambda facts: once(_beams(facts)),
    ),
    Rule(
        "beam_only",
        "ignored",
        f"{_CONFIG}: this flag is only used in beam-based generation modes",
        lambda facts: once(_beam_only(facts)),
    ),
    Rule(
        "greedy_sequences",
        "refused",
        f"{TRANSFORMERS} raises ValueError: Greedy methods (do_sample != True) without beam search do not support "
        "`num_return_sequences` different than 1",
        lambda facts: once(_sequences(facts)),
    ),
)
