"""Marks on token ids, padding and masks."""

import ast
from collections.abc import Iterator
from typing import Any

from workbench.pasted.calls import entries_of
from workbench.pasted.edits import added, dropped, revalued
from workbench.pasted.facts import Facts, model_name
from workbench.pasted.rule import TRANSFORMERS, Rule, Seen, arguments, calls, generation, methods, once, written
from workbench.pasted.values import Call, Given, Made, Part

_UTILS = f"{TRANSFORMERS}: generation/utils.py"
_BASE = f"{TRANSFORMERS}: tokenization_utils_base.py"
_IDS = "workbench/catalog/models.json, tokens with their sources; or the files of the model on this disk"
_OTHER_THAN_TEXT = ("eos_token_id", "pad_token_id")


def _ids(facts: Facts, name: str) -> Iterator[Given]:
    """Where the script writes this id, for the model of the base line."""
    for _call, settings in generation(facts):
        if name in settings:
            yield settings[name]
    made = facts.model
    for path, given in (made.sets if made else {}).items():
        if path.rpartition(".")[2] == name:
            yield given
    for given in facts.loading():
        if given.name == name:
            yield given


def _numbers(value: Any) -> list[int]:
    parts = value if isinstance(value, list) else [value]
    return [part for part in parts if isinstance(part, int) and not isinstance(part, bool)]


def _wrong_eos(facts: Facts) -> Iterator[Seen]:
    for given in _ids(facts, "eos_token_id"):
        parts = given.value if isinstance(given.value, list) else [given.value]
        wrong = _numbers(given.value)
        # one more end beside the right one is a choice; what is not known may be the right one
        if wrong and facts.ids.eos and len(wrong) == len(parts) and not set(wrong) & set(facts.ids.eos):
            right = facts.ids.eos
            words = str(right[0]) if len(right) == 1 else str(list(right))
            params = {"given": wrong[0], "right": ", ".join(map(str, right)), "source": facts.ids.source}
            yield Seen(given.words, given.name, params, revalued(facts.script, given, words))


def _wrong_pad(facts: Facts) -> Iterator[Seen]:
    for given in _ids(facts, "pad_token_id"):
        right = facts.ids.pad if facts.ids.pad is not None else next(iter(facts.ids.eos), None)
        for each in _numbers(given.value):
            if right is not None and each != right and each not in facts.ids.eos:
                params = {"given": each, "right": right, "source": facts.ids.source}
                yield Seen(given.words, given.name, params, revalued(facts.script, given, str(right)))


def _new_pads(facts: Facts) -> Iterator[tuple[ast.AST, Given | None, Made]]:
    """A pad token that is a text of the script's own."""
    for made in facts.tokenizers:
        given = made.sets.get("pad_token") or made.call.given.get("pad_token")
        if given is not None and isinstance(given.value, str) and not _special(given.value):
            yield given.node, given, made
        for call in made.calls:
            table = entries_of(call.values[0]) if call.name == "add_special_tokens" and call.values else {}
            if (
                "pad_token" in table
                and isinstance(table["pad_token"].value, str)
                and not _special(table["pad_token"].value)
            ):
                yield call.node, None, made


def _special(word: str) -> bool:
    """A token that these tokenizers have already."""
    return any(
        mark in word for mark in ("｜", "end_of_text", "end▁of▁sentence", "EOT", "</s>", "<|im_end|>", "endoftext")
    )


def _pad_added(facts: Facts) -> Iterator[Seen]:
    if methods(facts, "resize_token_embeddings"):
        return
    for node, given, made in _new_pads(facts):
        edits: Any = ()
        if given is not None and made.name and given.form == "assignment":
            edits = revalued(facts.script, given, f"{made.name}.eos_token")
        elif given is not None:
            edits = dropped(facts.script, given)
        yield Seen(node, "pad_token", {}, edits)


def _pad_is_eos(facts: Facts) -> Iterator[Seen]:
    if facts.ids.pad is None or facts.ids.pad not in facts.ids.eos:
        return
    for made in facts.tokenizers:
        for name in ("pad_token", "pad_token_id"):
            given = made.sets.get(name)
            own = given.value if given else None
            same = isinstance(own, Part) and own.made is made and own.name.startswith("eos_token")
            if given is not None and same and model_name(made) == facts.name:
                yield Seen(given.owner or given.node, name, {"pad": facts.ids.pad, "source": facts.ids.source})


def _right(facts: Facts) -> Iterator[Seen]:
    if not facts.generates:
        return
    for _call, given in arguments(facts, ("tokenizer", "tokenize"), "padding_side"):
        if given.value == "right":
            yield Seen(given.words, given.name, {}, revalued(facts.script, given, '"left"'))
    for made in facts.tokenizers:
        side = made.sets.get("padding_side")
        if side is not None and side.value == "right":
            yield Seen(side.words, "padding_side", {}, revalued(facts.script, side, '"left"'))


def padded(call: Call) -> bool:
    """Whether this tokenizer call pads rows of different lengths."""
    padding = call.value("padding")
    return padding in (True, "longest", "max_length")


def side_said(facts: Facts) -> Given | None:
    """Where the script says the padding side."""
    for made in facts.tokenizers:
        given = made.sets.get("padding_side") or made.call.given.get("padding_side")
        if given is not None:
            return given
    return next((call.given["padding_side"] for call in facts.tokenizes if call.has("padding_side")), None)


def _right_by_file(facts: Facts) -> Iterator[Seen]:
    made = facts.tokenizer
    if made is None or facts.ids.padding_side != "right" or side_said(facts) or not facts.generates:
        return
    for call in facts.tokenizes:
        if padded(call):
            edits = added(facts.script, made.call, 'padding_side="left"')
            yield Seen(call.given["padding"].node, "padding", {"source": facts.ids.source}, edits)


def _no_mask(facts: Facts) -> Iterator[Seen]:
    for call in calls(facts, "generate"):
        inputs = facts.inputs_of(call)
        whole = any(isinstance(given.value, Made) for given in call.given.values() if given.name == "**")
        if inputs is None or whole or call.has("attention_mask") or call.opened or not padded(inputs.call):
            continue
        given = next((each for each in call.given.values() if isinstance(each.value, Part)), None)
        if given is None:
            continue
        words = facts.script.words(given.words)
        edits: Any = ()
        for tail, mask in ((".input_ids", ".attention_mask"), ('["input_ids"]', '["attention_mask"]')):
            if tail in words:
                edits = added(facts.script, call, f"attention_mask={words.replace(tail, mask, 1)}")
        yield Seen(given.words, "attention_mask", {}, edits)


def _negative_pad(facts: Facts) -> Iterator[Seen]:
    for given in _ids(facts, "pad_token_id"):
        if isinstance(given.value, int) and given.value < 0 and facts.ids.pad is None and not facts.ids.eos:
            yield Seen(given.words, "pad_token_id", {"given": written(given.value)})


RULES = (
    Rule(
        "wrong_eos",
        "harmful",
        f"{_IDS}; {_UTILS}, _prepare_special_tokens: no check, seen to run without a word",
        lambda facts: once(_wrong_eos(facts)),
    ),
    Rule(
        "wrong_pad",
        "harmful",
        f"{_IDS}; {_UTILS}: finished rows are filled with it",
        lambda facts: once(_wrong_pad(facts)),
    ),
    Rule(
        "negative_pad",
        "ignored",
        f"{TRANSFORMERS}: generation/configuration_utils.py: `pad_token_id` should be positive",
        lambda facts: once(_negative_pad(facts)),
    ),
    Rule(
        "pad_added",
        "harmful",
        f"{_BASE}, add_special_tokens: a new id at the end of the vocabulary; the embedding raises IndexError: index "
        "out of range in self",
        _pad_added,
    ),
    Rule("pad_is_eos", "ignored", f"{_IDS}; {_UTILS}: a pad that is None becomes eos by itself", _pad_is_eos),
    Rule(
        "padding_right",
        "harmful",
        f"{_UTILS}: A decoder-only architecture is being used, but right-padding was detected!",
        lambda facts: once(_right(facts)),
    ),
    Rule(
        "padding_right_by_file",
        "harmful",
        f"{_UTILS}: A decoder-only architecture is being used, but right-padding was detected!",
        lambda facts: once(_right_by_file(facts)),
    ),
    Rule(
        "no_mask",
        "harmful",
        f"{_UTILS}, _prepare_attention_mask_for_generation: cannot be inferred from input because pad token is same as "
        "eos token",
        _no_mask,
    ),
)
