"""Marks on what is done to a model between its load and its first token."""

from collections.abc import Iterator

from workbench.pasted.dtypes import dtype_of
from workbench.pasted.edits import added, revalued, unwrapped, without_call
from workbench.pasted.facts import Facts
from workbench.pasted.objects import cast_of, eight_bits, quantised
from workbench.pasted.rule import TRANSFORMERS, Rule, Seen, calls, methods

_FROM = f"{TRANSFORMERS}: modeling_utils.py, PreTrainedModel.from_pretrained"


def _moved(facts: Facts) -> Iterator[Seen]:
    for call in methods(facts, "to", "cuda"):
        given = call.made.call.given.get("device_map") if call.made else None
        refused = call.name == "cuda" and eight_bits(call.made)  # which has a mark of its own
        to_device = call.name == "cuda" or any(isinstance(each, str) for each in call.values)
        if given is not None and given.value is not None and to_device and not refused:
            yield Seen(call.node, call.name, {"method": call.name}, without_call(facts.script, call))


def _cast(facts: Facts) -> Iterator[Seen]:
    """A cast after a load that named no format: the load can make it at once."""
    for call in methods(facts, "half", "bfloat16", "float", "to"):
        made = call.made
        meant = cast_of(call)
        if made is None or meant is None or quantised(made) or made.call.kind != "load":
            continue
        said = next((made.call.given[name] for name in ("dtype", "torch_dtype") if made.call.has(name)), None)
        edits = without_call(facts.script, call)
        if said is None:
            edits = (*edits, *added(facts.script, made.call, f'dtype="{meant}"'))
        elif dtype_of(said.value) != meant:
            edits = (*edits, *revalued(facts.script, said, f'"{meant}"'))
        yield Seen(call.node, call.name, {"method": call.name, "dtype": meant}, edits)


def _better_transformer(facts: Facts) -> Iterator[Seen]:
    for call in methods(facts, "to_bettertransformer", "reverse_bettertransformer"):
        yield Seen(call.node, call.name, {}, without_call(facts.script, call))
    for call in calls(facts, "wrap"):
        if call.name.endswith("BetterTransformer.transform"):
            yield Seen(call.node, "BetterTransformer", {}, unwrapped(facts.script, call))


def _data_parallel(facts: Facts) -> Iterator[Seen]:
    for call in calls(facts, "wrap"):
        if call.name.endswith(("DataParallel", "DistributedDataParallel")):
            yield Seen(call.node, "DataParallel", {}, unwrapped(facts.script, call))


def _other_library(facts: Facts) -> Iterator[Seen]:
    for call in calls(facts, "foreign", "wrap"):
        name = call.name.rpartition(".")[2]
        if call.kind == "foreign" or name in ("get_peft_model", "from_pretrained", "quantize_dynamic", "prepare"):
            yield Seen(call.node, name, {"name": call.name[:80]})


def _eval(facts: Facts) -> Iterator[Seen]:
    trained = methods(facts, "train")
    for call in methods(facts, "eval") if not trained else ():
        yield Seen(call.node, "eval", {})


def _checkpointing(facts: Facts) -> Iterator[Seen]:
    for call in methods(facts, "gradient_checkpointing_enable"):
        if not methods(facts, "train"):
            yield Seen(call.node, call.name, {}, without_call(facts.script, call))


RULES = (
    Rule(
        "moved_after_map",
        "harmful",
        f"{TRANSFORMERS}: integrations/accelerate.py places the layers; modeling_utils.py, PreTrainedModel.to",
        _moved,
    ),
    Rule("cast_after_load", "harmful", f"{_FROM}: dtype=None means the checkpoint's own", _cast),
    Rule(
        "better_transformer",
        "refused",
        f"{TRANSFORMERS} raises AttributeError: 'LlamaForCausalLM' object has no attribute 'to_bettertransformer'",
        _better_transformer,
    ),
    Rule(
        "data_parallel",
        "refused",
        "torch 2.13.0 raises AttributeError: 'DataParallel' object has no attribute 'generate'",
        _data_parallel,
    ),
    Rule(
        "other_library", "unsupported", "workbench/pasted/calls.py: names of other libraries' loaders", _other_library
    ),
    Rule("eval", "ignored", f"{_FROM}: the model is put in evaluation mode before it is returned", _eval),
    Rule(
        "gradient_checkpointing",
        "ignored",
        f"{TRANSFORMERS}: modeling_layers.py, GradientCheckpointingLayer acts while training; the method warns that "
        "activation_checkpointing_enable replaces it",
        _checkpointing,
    ),
)
