"""What is wrong with a model's begin, end and pad tokens, by rule from what a probe saw; and what puts it right."""

from typing import Any

from workbench.results import Token, TokenFacts, TokenFinding, TokenRow
from workbench.results.tokens import Severity
from workbench.words import Message, say

_ORDER: dict[str, int] = {"error": 0, "warning": 1, "note": 2}
_FILES = ("tokenizer", "tokenizer_config", "config", "generation_config")


def findings(facts: TokenFacts) -> tuple[TokenFinding, ...]:
    """All that the facts give, the worst first."""
    found = [*_padding(facts), *_template(facts), *_tried(facts)]
    if not facts.borrowed:
        found = [*_ends(facts), *_pads(facts), *found, *_mismatches(facts)]
    if facts.sampling:
        values = ", ".join(f"{name}={value}" for name, value in facts.sampling.items())
        found.append(_found("note", say("tokens.found.sampling", values=values), say("tokens.remedy.greedy")))
    return tuple(sorted(found, key=lambda each: _ORDER[each.severity]))


def repair_of(found: tuple[TokenFinding, ...]) -> dict[str, Any]:
    """The changes of what is wrong together; what is only good to know is left as it is."""
    return {
        knob: value
        for finding in reversed(found)  # the worst has the last word
        if finding.severity != "note"
        for knob, value in finding.change.items()
    }


def sentence_of(found: tuple[TokenFinding, ...]) -> Message:
    """The whole report in one sentence."""
    count = {severity: sum(each.severity == severity for each in found) for severity in _ORDER}
    if count["error"]:
        return say("tokens.wrong", first=str(found[0].said), more=count["error"] + count["warning"] - 1)
    if count["warning"]:
        return say("tokens.doubtful", first=str(found[0].said), more=count["warning"] - 1)
    return say("tokens.aligned", notes=count["note"])


def end_ids(facts: TokenFacts) -> tuple[int, ...]:
    """The ids that should end a row: the checkpoint's own as far as they can, the template's, what answers ran past."""
    row = facts.row("eos")
    stated = [*row.stated.get("generation_config", ()), *row.stated.get("tokenizer", ())]
    if facts.template is not None and facts.template.end is not None:
        stated.append(facts.template.end)
    stop = facts.check("stop")
    stated += [each.passed for each in stop.stops if each.passed is not None] if stop else []
    sound = [token.id for token in stated if token.means == "special"]
    return tuple(
        dict.fromkeys(sound or [token.id for token in row.stated.get("config", ()) if token.means == "special"])
    )


def _ends(facts: TokenFacts) -> list[TokenFinding]:
    row, change = facts.row("eos"), _end_change(facts)
    now, remedy = row.ids("in_force"), _end_remedy(facts, change)
    found = []
    unset = [source for source in ("tokenizer", "generation_config") if not row.ids(source)]
    if not now:
        found.append(_found("error", say("tokens.found.eos_none"), remedy, change))
    elif unset:
        said = say("tokens.found.eos_unset", where=_sources(unset), now=_ids(now))
        found.append(_found("warning", said, say("tokens.remedy.exported")))
    for token, sources in _not_special(row):
        where = _sources(sources)
        if token.means == "text":
            said = say("tokens.found.eos_text", id=token.id, text=token.text, where=where)
        elif token.means == "beyond":
            said = say("tokens.found.eos_beyond", id=token.id, rows=facts.vocabulary, where=where)
        else:
            said = say("tokens.found.eos_unnamed", id=token.id, where=where)
        mine = "in_force" in sources
        found.append(_found("error", said, remedy, change) if mine else _found("warning", said))
    end = facts.template.end if facts.template else None
    missing = tuple(sorted(set(row.ids("tokenizer")) - set(now)))
    if now and end is not None and end.id not in now:
        said = say("tokens.found.end_missing", id=end.id, text=end.text, now=_ids(now))
        found.append(_found("error", said, remedy, change))
    elif now and change and missing and not found:
        said = say("tokens.found.eos_lacks", missing=_ids(missing), now=_ids(now))
        found.append(_found("warning", said, remedy, change))
    return found


def _end_change(facts: TokenFacts) -> dict[str, Any]:
    """The knob's value for the ends that there should be; nothing where they are in force, or none is known."""
    row, wanted = facts.row("eos"), end_ids(facts)
    if not wanted or set(wanted) == set(row.ids("in_force")):
        return {}
    stated = [token.id for token in row.stated["generation_config"] if token.means != "beyond"]
    own = [token.id for token in row.stated["tokenizer"] if token.means != "beyond"]
    return {"eos_token_ids": "auto" if set(stated or own) == set(wanted) else wanted}


def _end_remedy(facts: TokenFacts, change: dict[str, Any]) -> Message:
    return say("tokens.remedy.ends", ids=_ids(end_ids(facts))) if change else say("tokens.remedy.name_end")


def _pads(facts: TokenFacts) -> list[TokenFinding]:
    row, ends = facts.row("pad"), facts.row("eos").ids("in_force")
    now, found = row.ids("in_force"), []
    exported = say("tokens.remedy.exported")
    if not now:
        change = {} if end_ids(facts) else {"pad_token": facts.pad_candidate or 0}  # an end token will serve as pad
        found.append(_found("error", say("tokens.found.pad_none"), say("tokens.remedy.pad_none"), change))
    elif not row.ids("tokenizer"):
        found.append(_found("warning", say("tokens.found.pad_unset", now=_ids(now)), exported))
    elif not row.ids("generation_config"):
        found.append(_found("note", say("tokens.found.pad_unset_generation", now=_ids(now)), exported))
    for token, sources in _not_special(row):
        if token.means == "beyond":
            said = say("tokens.found.pad_beyond", id=token.id, rows=facts.vocabulary, where=_sources(sources))
            found.append(_found("warning", said, exported))
    if now and now[0] in ends and facts.attention_mask == "tokenizer":
        without = next((each for each in facts.effects if (each.knob, each.value) == ("attention_mask", "none")), None)
        if without is None:
            said = say("tokens.found.pad_is_eos", id=now[0])
        else:
            differ = without.rows - without.same
            said = say("tokens.found.pad_is_eos_seen", id=now[0], differ=differ, rows=without.rows)
        change = {} if facts.pad_candidate is None else {"pad_token": facts.pad_candidate}
        found.append(_found("note", said, say("tokens.remedy.mask"), change))
    return found


def _padding(facts: TokenFacts) -> list[TokenFinding]:
    found = []
    if facts.padding_side["in_force"] == "right":
        said, remedy = say("tokens.found.right_padding"), say("tokens.remedy.left")
        found.append(_found("error", said, remedy, {"padding_side": "left"}))
    change, remedy = {"attention_mask": "tokenizer"}, say("tokens.remedy.mask")
    pad, ends = facts.row("pad").ids("in_force"), facts.row("eos").ids("in_force")
    if facts.attention_mask == "ones":
        found.append(_found("error", say("tokens.found.mask_ones"), remedy, change))
    elif facts.attention_mask == "none" and (not pad or pad[0] in ends):
        found.append(_found("error", say("tokens.found.mask_lost"), remedy, change))
    elif facts.attention_mask == "none":
        found.append(_found("warning", say("tokens.found.mask_guessed", id=pad[0]), remedy, change))
    return found


def _mismatches(facts: TokenFacts) -> list[TokenFinding]:
    """Sources that name different ids. A list of ends may be longer than one file's single id."""
    found = []
    for row in facts.rows:
        stated = {source: set(row.ids(source)) for source in _FILES if row.ids(source)}
        if row.role == "eos" and "generation_config" in stated:
            differ = any(not ids & stated["generation_config"] for ids in stated.values())
        else:
            differ = len({frozenset(ids) for ids in stated.values()}) > 1
        if differ:
            ids = "; ".join(f"{_sources([source])} {_ids(row.ids(source))}" for source in stated)
            said = say(f"tokens.found.{row.role}_mismatch", ids=ids)
            found.append(_found("warning", said, say(f"tokens.remedy.{row.role}_mismatch")))
    for token, sources in _not_special(facts.row("bos")):
        if token.means == "beyond":
            said = say("tokens.found.bos_beyond", id=token.id, rows=facts.vocabulary, where=_sources(sources))
            found.append(_found("warning", said, say("tokens.remedy.bos_mismatch")))
    return found


def _template(facts: TokenFacts) -> list[TokenFinding]:
    template, remedy = facts.template, say("tokens.remedy.template")
    if template is None:
        return []
    if template.problem:
        return [_found("error", say("tokens.found.template_fails", problem=template.problem), remedy)]
    if not template.keeps_text:
        return [_found("error", say("tokens.found.template_drops"), remedy)]
    found = []
    if not template.generation_prompt:
        found.append(_found("warning", say("tokens.found.no_prompt"), remedy))
    if template.end is None:
        found.append(_found("warning", say("tokens.found.no_end"), remedy))
    if template.split:
        said = say("tokens.found.split", tokens=", ".join(template.split))
        found.append(_found("warning", said, say("tokens.remedy.split")))
    if template.writes_bos and template.tokenizer_adds_bos:
        found.append(_found("note", say("tokens.found.double_bos"), say("tokens.remedy.double_bos")))
    return found


def _tried(facts: TokenFacts) -> list[TokenFinding]:
    """What only trying showed."""
    found = []
    round_trip, stop = facts.check("round_trip"), facts.check("stop")
    if round_trip is not None and round_trip.outcome == "failed":
        found.append(_found("error", say("tokens.found.round_trip", problem=str(round_trip.sentence))))
    failed = [each for each in map(facts.check, ("batch", "left_pad")) if each and each.outcome == "failed"]
    if failed:
        known = {knob: value for each in _padding(facts) for knob, value in each.change.items()}
        remedy = say("tokens.remedy.padding") if known else say("tokens.remedy.unexplained")
        said = say("tokens.found.rows_differ", problem=str(failed[0].sentence))
        found.append(_found("error", said, remedy, known))
    if stop is not None and stop.outcome == "failed":
        change = _end_change(facts)
        missed = any(each.passed for each in stop.stops)
        said = say("tokens.found.missed" if missed else "tokens.found.early", problem=str(stop.sentence))
        found.append(_found("error", said, _end_remedy(facts, change), change))
    return found


def _found(
    severity: Severity, said: Message, remedy: Message | None = None, change: dict[str, Any] | None = None
) -> TokenFinding:
    return TokenFinding(severity=severity, said=said, remedy=remedy, change=change or {})


def _not_special(row: TokenRow) -> list[tuple[Token, list[str]]]:
    """Ids that stand for no control token, each with the sources that name it."""
    found: dict[int, tuple[Token, list[str]]] = {}
    for source, tokens in row.stated.items():
        for token in tokens:
            if token.means != "special":
                found.setdefault(token.id, (token, []))[1].append(source)
    return list(found.values())


def _ids(ids: tuple[int, ...]) -> str:
    return ", ".join(map(str, ids)) or "-"


def _sources(sources: list[str]) -> str:
    return ", ".join(source.replace("_", " ") for source in sources)
