"""Marks on the cache, on what generate returns, and on what stands around the call."""

from collections.abc import Iterator

from workbench.pasted.edits import added, dropped, renamed, revalued
from workbench.pasted.facts import Facts
from workbench.pasted.names import closest, names, sure
from workbench.pasted.rule import TRANSFORMERS, Rule, Seen, arguments, calls, generation, methods, once, written
from workbench.pasted.values import Given, Part

_CONFIG = f"{TRANSFORMERS}: generation/configuration_utils.py, GenerationConfig.validate"
_UTILS = f"{TRANSFORMERS}: generation/utils.py"
_STATIC = ("static", "offloaded_static")
_OLD_CACHES = ("sliding_window", "hybrid", "hybrid_chunked", "offloaded_hybrid", "offloaded_hybrid_chunked")
_CACHES = (*_STATIC, *_OLD_CACHES, "dynamic", "offloaded", "quantized", "paged")
_REMOVED = ("penalty_alpha", "dola_layers", "num_beam_groups", "constraints", "force_words_ids")
_KEPT = ("output_scores", "output_logits", "output_attentions", "output_hidden_states")


def _no_cache(facts: Facts) -> Iterator[Seen]:
    for _call, given in arguments(
        facts, ("load", "generate", "pipeline", "pipe_call", "generation_config"), "use_cache"
    ):
        if given.value is False:
            yield Seen(given.node, "use_cache", {}, dropped(facts.script, given))
    for made in (*facts.models, *(each for each in facts.walk.made if each.kind == "generation_config")):
        for name, given in made.sets.items():
            if name.rpartition(".")[2] == "use_cache" and given.value is False:
                yield Seen(given.node, "use_cache", {}, revalued(facts.script, given, "True"))


def _cache_word(facts: Facts) -> Iterator[Seen]:
    for _call, settings in generation(facts):
        given = settings.get("cache_implementation")
        if given is not None and isinstance(given.value, str) and given.value not in _CACHES:
            yield Seen(given.words, given.name, {"value": written(given.value), "allowed": ", ".join(_CACHES)})


def _old_cache(facts: Facts) -> Iterator[Seen]:
    for _call, settings in generation(facts):
        given = settings.get("cache_implementation")
        if given is not None and given.value in _OLD_CACHES:
            meant = "offloaded_static" if str(given.value).startswith("offloaded") else "static"
            edits = revalued(facts.script, given, f'"{meant}"')
            yield Seen(given.words, given.name, {"value": written(given.value), "meant": meant}, edits)


def _outputs(facts: Facts, returned: bool) -> Iterator[Seen]:
    for _call, settings in generation(facts):
        whole = settings.get("return_dict_in_generate")
        if returned != (whole is not None and whole.value is True) or (whole is not None and not _constant(whole)):
            continue
        for name in _KEPT:
            given = settings.get(name)
            if given is not None and given.value is True:
                edits = () if returned else dropped(facts.script, given)
                yield Seen(given.node, name, {"argument": name}, edits)


def _constant(given: Given) -> bool:
    return isinstance(given.value, bool) or given.value is None


def _removed(facts: Facts) -> Iterator[Seen]:
    for _call, settings in generation(facts):
        for name in _REMOVED:
            given = settings.get(name)
            if given is not None and given.value not in (None, 1):
                yield Seen(given.node, name, {"argument": name})


def _no_stop_tokenizer(facts: Facts) -> Iterator[Seen]:
    for call, settings in generation(facts):
        given = settings.get("stop_strings")
        if (
            call.kind == "generate"
            and given is not None
            and given.value
            and not call.has("tokenizer")
            and not call.opened
        ):
            made = facts.tokenizer
            edits = added(facts.script, call, f"tokenizer={made.name}") if made and made.name else ()
            yield Seen(given.node, "stop_strings", {}, edits)


def _config_and_more(facts: Facts) -> Iterator[Seen]:
    for call in calls(facts, "generate"):
        config = call.given.get("generation_config")
        own = [given for given in call.given.values() if given.name in names("generation_config")]
        if config is not None and config.value is not None and own:
            listed = ", ".join(given.name for given in own)
            yield Seen(config.node, "generation_config", {"arguments": listed})


def _unknown(facts: Facts) -> Iterator[Seen]:
    known = {
        "generate": ("generate",),
        "pipe_call": ("pipe_call", "generate"),
        "generation_config": ("generation_config",),
    }
    for call in calls(facts, "generate", "pipe_call"):
        inner = [call.given[name].node for name in ("model_kwargs", "generate_kwargs") if call.has(name)]
        for given in call.given.values():
            if given.form == "position" or given.name == "**" or given.node in inner or given.value is None:
                continue
            if given.name not in names(*known[call.kind]):
                near = closest(given.name, *known[call.kind])
                edits = renamed(facts.script, given, near) if sure(given.name, near) and not call.has(near) else ()
                yield Seen(given.node, given.name, {"argument": written(given.name), "nearest": near}, edits)


def _unknown_in_config(facts: Facts) -> Iterator[Seen]:
    for made in facts.walk.made:
        if made.kind != "generation_config" or made.call.kind != "generation_config":
            continue
        for given in (*made.call.given.values(), *made.sets.values()):
            if given.name not in names("generation_config") and given.form != "position":
                near = closest(given.name, "generation_config")
                edits = renamed(facts.script, given, near) if sure(given.name, near) else ()
                yield Seen(given.node, given.name, {"argument": written(given.name), "nearest": near}, edits)
    for made in facts.models:
        for path, given in made.sets.items():
            name = path.removeprefix("generation_config.")
            if name != path and "." not in name and name not in names("generation_config"):
                yield Seen(
                    given.owner or given.node,
                    name,
                    {"argument": written(name), "nearest": closest(name, "generation_config")},
                )


def _no_grad(facts: Facts) -> Iterator[Seen]:
    for call in calls(facts, "generate"):
        for name, node in call.context:
            if name.endswith("no_grad"):
                yield Seen(node, "no_grad", {})


def _compiled(facts: Facts) -> Iterator[Seen]:
    static = any(
        settings["cache_implementation"].value in _STATIC
        for _call, settings in generation(facts)
        if "cache_implementation" in settings
    )
    if static or not facts.generates:
        return
    for call in (*(each for each in calls(facts, "wrap") if each.name.endswith("compile")), *methods(facts, "compile")):
        yield Seen(call.node, "torch.compile", {})
    for call in calls(facts, "plain"):
        if call.name == "torch.compile" and any(
            isinstance(each, Part) and each.made in facts.models for each in call.values
        ):
            yield Seen(call.node, "torch.compile", {})


def _emptied(facts: Facts) -> Iterator[Seen]:
    for call in calls(facts, "plain"):
        if call.loops and call.name.endswith("empty_cache"):
            yield Seen(call.node, "empty_cache", {})


RULES = (
    Rule("no_cache", "harmful", f"{_UTILS}: next_sequence_length is None without use_cache", _no_cache),
    Rule(
        "cache_word",
        "refused",
        f"{TRANSFORMERS} raises ValueError: Invalid `cache_implementation` (…)",
        lambda facts: once(_cache_word(facts)),
    ),
    Rule(
        "old_cache",
        "deprecated",
        f"{_UTILS}: Using `cache_implementation='sliding_window' is deprecated",
        lambda facts: once(_old_cache(facts)),
    ),
    Rule(
        "outputs_ignored",
        "ignored",
        f"{_CONFIG}: When `return_dict_in_generate` is not `True`, … is ignored",
        lambda facts: once(_outputs(facts, False)),
    ),
    Rule(
        "outputs_kept",
        "harmful",
        f"{_UTILS}, _sample: one tuple a step is kept until the end",
        lambda facts: once(_outputs(facts, True)),
    ),
    Rule(
        "moved_to_hub",
        "refused",
        f"{TRANSFORMERS} raises ValueError: … requires `trust_remote_code=True` in your `generate` call, since it "
        "loads https://hf.co/transformers-community/…",
        lambda facts: once(_removed(facts)),
    ),
    Rule(
        "stops_without_tokenizer",
        "refused",
        f"{TRANSFORMERS} raises ValueError: There are one or more stop strings … but we could not locate a tokenizer",
        lambda facts: once(_no_stop_tokenizer(facts)),
    ),
    Rule(
        "config_and_arguments",
        "deprecated",
        f"{_UTILS}: Passing `generation_config` together with generation-related arguments is deprecated",
        _config_and_more,
    ),
    Rule(
        "unknown_at_generate",
        "unknown",
        f"{TRANSFORMERS} raises ValueError: The following `model_kwargs` are not used by the model: […]",
        _unknown,
    ),
    Rule(
        "unknown_in_config",
        "unknown",
        f"{TRANSFORMERS}: generation/configuration_utils.py sets it as an attribute; seen to pass without a word",
        _unknown_in_config,
    ),
    Rule(
        "no_grad", "ignored", f"{_UTILS}: @torch.no_grad() stands above generate", lambda facts: once(_no_grad(facts))
    ),
    Rule(
        "compiled_dynamic",
        "harmful",
        f"{TRANSFORMERS}: cache_utils.py, DynamicLayer.update concatenates: another shape at each step; generate's own "
        "_valid_auto_compile_criteria leaves a DynamicCache out",
        _compiled,
    ),
    Rule("emptied_in_loop", "harmful", "torch 2.13.0: torch/cuda/memory.py, empty_cache", _emptied),
)
