"""Marks on the arguments that a model is loaded with."""

import ast
from collections.abc import Iterator, Mapping

from workbench.knobs import KNOBS
from workbench.pasted.calls import entries_of
from workbench.pasted.dtypes import WORDS, dtype_of
from workbench.pasted.edits import (
    Edit,
    before_line,
    dropped,
    renamed,
    replaced,
    revalued,
)
from workbench.pasted.facts import Facts, entry_of, float8, model_name
from workbench.pasted.names import closest, names, sure
from workbench.pasted.objects import BITS, quantised
from workbench.pasted.rule import TRANSFORMERS, Rule, Seen, arguments, calls, written
from workbench.pasted.values import Call, Dotted, Given

_FROM = f"{TRANSFORMERS}: modeling_utils.py, PreTrainedModel.from_pretrained"
_LOADING = ("load", "pipeline")
_OWN_RULE = {"load_in_8bit", "load_in_4bit", "use_flash_attention_2", "use_auth_token"}


def _bits(facts: Facts) -> Iterator[Seen]:
    for call, given in arguments(facts, _LOADING, *BITS):
        yield Seen(given.node, given.name, {"argument": given.name}, _as_config(facts, call, given))


def _as_config(facts: Facts, call: Call, given: Given) -> tuple[Edit, ...]:
    """`quantization_config=BitsAndBytesConfig(…)` in its place, with the bnb_ arguments that stood beside it."""
    script = facts.script
    made = next((each for each in facts.walk.made if each.call is call), None)
    if given.value is False or call.has("quantization_config") or float8(made):
        return dropped(script, given)
    beside = [each for each in call.given.values() if each.name in names("bnb") and each.name not in BITS]
    if given.value is not True or any(each.form != given.form for each in beside):
        return ()
    name, imported = _bnb_class(facts)
    inner = ", ".join([f"{given.name}=True", *(f"{each.name}={script.words(each.words)}" for each in beside)])
    written_out = f"{name}({inner})"
    gone = tuple(edit for each in beside for edit in dropped(script, each))
    outside = call.kind == "pipeline" and given.name in call.given
    if outside and call.has("model_kwargs"):
        return ()
    edits = (
        replaced(script, given, "model_kwargs", f'{{"quantization_config": {written_out}}}')
        if outside
        else replaced(script, given, "quantization_config", written_out)
    )
    return (*edits, *gone, *imported) if edits else ()


def _bnb_class(facts: Facts) -> tuple[str, tuple[Edit, ...]]:
    """How the script can write the class, and the line that imports it where it does not yet."""
    for name, value in facts.walk.names.items():
        if isinstance(value, Dotted) and value.last == "BitsAndBytesConfig":
            return name, ()
        if isinstance(value, Dotted) and value.name == "transformers":
            return f"{name}.BitsAndBytesConfig", ()
    body = facts.script.tree.body
    for node in body:
        if isinstance(node, ast.ImportFrom) and node.module == "transformers" and node.names:
            if node.names[-1].name == "*":
                return "BitsAndBytesConfig", ()
            end = facts.script.span(node.names[-1])[1]
            return "BitsAndBytesConfig", (Edit(start=end, end=end, text=", BitsAndBytesConfig"),)
    place = next((each for each in body if not _leads(each)), body[0])
    line = "from transformers import BitsAndBytesConfig"
    return "BitsAndBytesConfig", (before_line(facts.script, place, line),)


def _leads(node: ast.stmt) -> bool:
    """A docstring or a __future__ import, before which nothing may stand."""
    words = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return words or (isinstance(node, ast.ImportFrom) and node.module == "__future__")


def _torch_dtype(facts: Facts) -> Iterator[Seen]:
    for call, given in arguments(facts, _LOADING, "torch_dtype"):
        edits = dropped(facts.script, given) if call.has("dtype") else renamed(facts.script, given, "dtype")
        yield Seen(given.node, given.name, {}, edits)


def _dtype_word(facts: Facts) -> Iterator[Seen]:
    for _call, given in arguments(facts, _LOADING, "dtype", "torch_dtype"):
        if isinstance(given.value, str) and given.value not in WORDS and (meant := dtype_of(given.value)):
            edits = revalued(facts.script, given, f'"{meant}"')
            yield Seen(given.words, given.name, {"value": written(given.value), "meant": meant}, edits)


def _flash_flag(facts: Facts) -> Iterator[Seen]:
    for call, given in arguments(facts, _LOADING, "use_flash_attention_2"):
        edits = dropped(facts.script, given)
        if given.value is True and not call.has("attn_implementation"):
            edits = replaced(facts.script, given, "attn_implementation", '"sdpa"')
        yield Seen(given.node, given.name, {}, edits)


def _attention_word(facts: Facts) -> Iterator[Seen]:
    kind = KNOBS["attention"].kind
    for _call, given in arguments(facts, _LOADING, "attn_implementation"):
        if not isinstance(given.value, str):
            continue
        if _implemented(given.value):
            continue
        meant = nearest_attention(given.value)
        edits = revalued(facts.script, given, f'"{meant}"')
        yield Seen(
            given.words, given.name, {"value": written(given.value), "meant": meant, "allowed": kind.allowed}, edits
        )


def _implemented(value: str) -> bool:
    try:
        KNOBS["attention"].kind.check(value)
    except ValueError:
        return False
    # a kernel of the hub has an owner; other names are transformers' own, which lists them
    return "/" in value or "|" in value or value in getattr(KNOBS["attention"].kind, "values", ())


def nearest_attention(value: str) -> str:
    """The implementation that a word most likely means."""
    words = value.lower().replace("-", "_")
    if "flash" in words or words.startswith("fa"):
        digit = next((each for each in words if each in "234"), "2")
        return f"flash_attention_{digit}"
    return "flex_attention" if "flex" in words else "eager" if "eager" in words else "sdpa"


def _attention_here(facts: Facts) -> Iterator[Seen]:
    if facts.machine is None:
        return
    values = {name: knob.default for name, knob in KNOBS.items()}
    for _call, given in arguments(facts, _LOADING, "attn_implementation"):
        if not isinstance(given.value, str) or not _implemented(given.value):
            continue
        found = KNOBS["attention"].capability(given.value, facts.machine, None, {**values, "attention": given.value})
        if not found.ok:
            params = {"value": written(given.value), "reason": str(found.reason), "remedy": str(found.remedy)}
            yield Seen(given.words, given.name, params, revalued(facts.script, given, '"sdpa"'))


def _remote_code(facts: Facts) -> Iterator[Seen]:
    for call, given in arguments(facts, ("load", "pipeline", "tokenizer", "config", "generate"), "trust_remote_code"):
        if given.value is True:
            made = next((each for each in facts.walk.made if each.call is call), None)
            own = made is not None and entry_of(model_name(made)) is not None
            yield Seen(given.node, given.name, {}, dropped(facts.script, given) if own else ())


def _auth_token(facts: Facts) -> Iterator[Seen]:
    for call, given in arguments(facts, ("load", "pipeline", "tokenizer", "config"), "use_auth_token"):
        edits = dropped(facts.script, given) if call.has("token") else renamed(facts.script, given, "token")
        yield Seen(given.node, given.name, {}, edits)


def _thrown_away(facts: Facts) -> Iterator[Seen]:
    for _call, given in arguments(facts, ("load",), *names("thrown_away")):
        yield Seen(given.node, given.name, {"argument": given.name}, dropped(facts.script, given))


def _tp_plan(facts: Facts) -> Iterator[Seen]:
    for _call, given in arguments(facts, ("load",), "tp_plan", "tp_size"):
        yield Seen(given.node, given.name, {"argument": given.name})


def _unknown(facts: Facts) -> Iterator[Seen]:
    known = {"load": ("load", "config", "thrown_away"), "pipeline": ("pipeline", "generation_config")}
    for call in calls(facts, *_LOADING):
        yield from _strange(facts, call.given, known[call.kind])
        if call.kind == "pipeline":
            yield from _strange(facts, entries_of(call.value("model_kwargs")), known["load"])


def _strange(facts: Facts, given: Mapping[str, Given], functions: tuple[str, ...]) -> Iterator[Seen]:
    """Arguments that none of these functions knows, and that have no rule of their own."""
    beside_bits = any(name in given for name in BITS)
    for each in given.values():
        own = each.name in _OWN_RULE or (each.name in names("bnb") and beside_bits)
        if each.form == "position" or each.name == "**" or each.name in names(*functions) or own:
            continue
        near = closest(each.name, *functions)
        edits = renamed(facts.script, each, near) if sure(each.name, near) and near not in given else ()
        yield Seen(each.node, each.name, {"argument": written(each.name), "nearest": near}, edits)


def _ignored_by_tokenizer(facts: Facts) -> Iterator[Seen]:
    for call in calls(facts, "tokenizer"):
        for given in call.given.values():
            read = given.name in names("tokenizer") and given.name != "use_fast"
            if given.form != "position" and given.name not in ("use_auth_token", "**") and not read:
                edits = dropped(facts.script, given)
                yield Seen(given.node, given.name, {"argument": written(given.name)}, edits)


def _two_places(facts: Facts) -> Iterator[Seen]:
    for call in calls(facts, "pipeline"):
        if call.has("device") and call.has("device_map"):
            given = call.given["device_map"]
            yield Seen(given.node, "device_map", {}, dropped(facts.script, given))


def _upcast(facts: Facts) -> Iterator[Seen]:
    for call, given in arguments(facts, _LOADING, "dtype", "torch_dtype"):
        made = next((each for each in facts.walk.made if each.call is call), None)
        entry = entry_of(model_name(made)) if made else None
        if entry and entry.checkpoint_dtype and dtype_of(given.value) == "float32" and not quantised(made):
            own = str(entry.checkpoint_dtype.value)
            if own != "float32":
                yield Seen(given.node, given.name, {"own": own})


RULES = (
    Rule(
        "load_in_bits",
        "refused",
        f"{TRANSFORMERS} raises TypeError: LlamaForCausalLM.__init__() got an unexpected keyword argument "
        "'load_in_8bit'; from pipeline(load_in_8bit=True) ValueError at the call",
        _bits,
    ),
    Rule("torch_dtype", "deprecated", f"{_FROM}: `torch_dtype` is deprecated! Use `dtype` instead!", _torch_dtype),
    Rule(
        "dtype_word",
        "refused",
        f"{TRANSFORMERS} raises AttributeError: module 'torch' has no attribute 'bf16'; with torch_dtype ValueError",
        _dtype_word,
    ),
    Rule(
        "use_flash_attention_2",
        "refused",
        f"{TRANSFORMERS} raises TypeError: LlamaForCausalLM.__init__() got an unexpected keyword argument "
        "'use_flash_attention_2'",
        _flash_flag,
    ),
    Rule(
        "attention_word",
        "refused",
        f'{TRANSFORMERS} raises ValueError: Specified `attn_implementation="…"` is not supported',
        _attention_word,
    ),
    Rule(
        "attention_here",
        "refused",
        "workbench/knobs/capability_attention.py with the facts of this machine",
        _attention_here,
    ),
    Rule(
        "trust_remote_code",
        "harmful",
        f"{TRANSFORMERS}: dynamic_module_utils.py, resolve_trust_remote_code; the family's classes are in models/",
        _remote_code,
    ),
    Rule(
        "use_auth_token",
        "refused",
        f"{TRANSFORMERS} raises TypeError: LlamaForCausalLM.__init__() got an unexpected keyword argument "
        "'use_auth_token'; a tokenizer ignores it",
        _auth_token,
    ),
    Rule("thrown_away", "ignored", f'{_FROM}: "Not used anymore -- remove them from the kwargs"', _thrown_away),
    Rule("tp_plan", "deprecated", f"{_FROM}: FutureWarning, pass distributed_config", _tp_plan),
    Rule(
        "unknown_at_load",
        "unknown",
        f"{TRANSFORMERS} raises TypeError at the load (from a pipeline: ValueError at the call); names read by "
        "tools/pasted_arguments.py",
        _unknown,
    ),
    Rule(
        "ignored_by_tokenizer",
        "ignored",
        f"{TRANSFORMERS}: tokenization_utils_base.py keeps it in init_kwargs; seen to load without a word",
        _ignored_by_tokenizer,
    ),
    Rule(
        "two_places",
        "ignored",
        f"{TRANSFORMERS}: pipelines/__init__.py: `device` will override `device_map`",
        _two_places,
    ),
    Rule("upcast", "harmful", "workbench/catalog/models.json, checkpoint_dtype with its source", _upcast),
)
