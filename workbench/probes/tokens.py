"""Are a model's begin, end and pad tokens what its files, its template and its own answers say? Read, then tried."""

import time
from typing import Any

from workbench.errors import ModelError
from workbench.knobs.generation import PLAIN
from workbench.probes import token_behaviour as behaviour
from workbench.probes.bench import Bench
from workbench.probes.chat_template import chat_template
from workbench.probes.context import Context
from workbench.probes.token_ids import pad_candidate, rows_of, token, vocabulary
from workbench.probes.tokenizer_check import check_round_trip
from workbench.results import ChatTemplate, EndEffect, RowStop, Token, TokenCheck, TokenFacts, TokenRow
from workbench.rounding import WRONG_FROM
from workbench.words import Message, say
from workbench.words.format import number

_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")


def run(bench: Bench, params: dict[str, Any], context: Context) -> TokenFacts:
    """params: max_new_tokens (of an answer whose end is waited for), threads (where the config leaves them open), and
    tried (False: the ids are read, and nothing is asked of the model).

    Tried greedily, without penalties, stops, speculation and compile: what is left are the tokens in force.
    The configuration that was in force is in force again afterwards.
    """
    began = time.monotonic()
    context.enter(say("tokens.reading"))
    tokenizer, rows = bench.tokenizer, vocabulary(bench)
    generation = bench.originals.generation_config
    found = rows_of(bench)
    template = chat_template(tokenizer, rows)
    in_force = bench.resolved()
    checks = [_round_trip(bench, rows), _template(template)]
    effects: tuple[Any, ...] = ()
    flags: list[Message] = list(bench.facts.notes)
    if bench.config.compile != "off":  # each shape would be compiled, which takes minutes
        flags.append(say("tokens.uncompiled"))
    ends = next(row for row in found if row.role == "eos")
    borrowed = bench.facts.random_weights and not set(ends.ids("tokenizer")) & set(ends.ids("generation_config"))
    if borrowed:
        flags.append(say("tokens.borrowed"))
    if params.get("tried", True):
        tried, effects = _try(bench, params, found, template, context)
        checks += tried
    return TokenFacts(
        rows=found,
        vocabulary=rows,
        padding_side={"tokenizer": bench.originals.padding_side, "in_force": in_force.padding_side},
        attention_mask=in_force.attention_mask,
        sampling=_sampling(generation),
        stop_strings=tuple(getattr(generation, "stop_strings", None) or ()),
        pad_candidate=pad_candidate(tokenizer, rows, in_force.eos_token_ids),
        borrowed=borrowed,
        template=template,
        checks=tuple(checks),
        effects=effects,
        flags=tuple(flags),
        seconds=time.monotonic() - began,
    )


def _try(
    bench: Bench, params: dict[str, Any], found: tuple[TokenRow, ...], template: ChatTemplate | None, context: Context
) -> tuple[list[TokenCheck], tuple[Any, ...]]:
    """What the live model does with its tokens: checks, and the effect of each knob on rows of unlike length."""
    context.enter(say("tokens.trying"))
    before, pad = bench.config, bench.resolved().pad_token_id
    checks: list[TokenCheck] = []
    effects: tuple[Any, ...] = ()
    try:
        # nothing is timed here, and what decodes one row fastest is slow for a batch
        threads = params["threads"] if before.threads == "auto" else before.threads
        plain = before.replace(**PLAIN, compile="off", speculation="off", threads=threads)
        bench.switch(plain, context, proven=True)
        if template is not None and template.problem:
            checks += [_not_run(name, say("tokens.no_prompts")) for name in ("left_pad", "batch", "stop")]
        else:
            if pad is None:
                checks += [_not_run(name, say("tokens.no_pad")) for name in ("left_pad", "batch")]
            else:
                reference = behaviour.alone(bench, context)
                batch = behaviour.together(bench, reference, context)
                checks += _rows(batch)
                effects = behaviour.effects(bench, reference, batch, context)
            checks.append(_stop(bench, params["max_new_tokens"], found, template, context))
    finally:
        bench.switch(before, Context(context.emit), proven=True)
    return checks, effects


def _sampling(generation: Any) -> dict[str, Any]:
    """What a bare `generate` would draw with; empty where it is greedy."""
    if not getattr(generation, "do_sample", False):
        return {}
    values = {name: getattr(generation, name, None) for name in _SAMPLING}
    return {"do_sample": True, **{name: value for name, value in values.items() if value is not None}}


def _round_trip(bench: Bench, rows: int) -> TokenCheck:
    try:
        check_round_trip(bench.tokenizer, bench.facts.name, rows)
    except ModelError as error:
        return TokenCheck(name="round_trip", outcome="failed", sentence=say("tokens.check.lost", problem=error.what))
    return TokenCheck(name="round_trip", outcome="passed", sentence=say("tokens.check.round_trip"))


def _template(template: ChatTemplate | None) -> TokenCheck:
    if template is None:
        return _not_run("template", say("tokens.check.no_template"))
    if template.problem:
        said = say("tokens.check.template_fails", problem=template.problem)
    elif not template.keeps_text:
        said = say("tokens.check.template_drops")
    elif not template.generation_prompt:
        said = say("tokens.check.no_prompt")
    else:
        said = say("tokens.check.template", prompt=template.generation_prompt)
        return TokenCheck(name="template", outcome="passed", sentence=said)
    return TokenCheck(name="template", outcome="failed", sentence=said)


def _rows(seen: behaviour.Together) -> list[TokenCheck]:
    """The prompt's last logits, then the answers token by token."""
    wrong = not seen.prefill < WRONG_FROM  # a NaN is wrong too
    name = "tokens.check.left_pad_differs" if wrong else "tokens.check.left_pad"
    first = TokenCheck(
        name="left_pad",
        outcome="failed" if wrong else "passed",
        sentence=say(name, times=number(seen.prefill, 2)),
        excess=seen.prefill,
    )
    times, parting = max(seen.prefill, seen.decode), seen.parting
    steps = behaviour.STEPS
    if not times < WRONG_FROM:
        if parting is None:
            outcome, said = "failed", say("tokens.check.batch_drifts", steps=steps, times=number(times, 2))
        else:
            where = {"row": parting.row + 1, "index": parting.index + 1, "times": number(times, 2)}
            outcome, said = "failed", say("tokens.check.batch_differs", **where)
    elif parting is not None:
        where = {"row": parting.row + 1, "index": parting.index + 1, "margin": number(parting.margin, 2)}
        outcome, said = "tie", say("tokens.check.batch_tie", times=number(times, 2), **where)
    else:
        outcome, said = "passed", say("tokens.check.batch", steps=steps, rows=len(behaviour.PROMPTS))
    check = {"name": "batch", "outcome": outcome, "sentence": said, "excess": times, "divergence": parting}
    return [first, TokenCheck(**check)]


def _stop(
    bench: Bench, most: int, found: tuple[TokenRow, ...], template: ChatTemplate | None, context: Context
) -> TokenCheck:
    if template is None:
        return _not_run("stop", say("tokens.no_turns"))
    if bench.facts.random_weights:
        return _not_run("stop", say("tokens.random"))
    row = next(each for each in found if each.role == "eos")
    rows = vocabulary(bench)
    ends = {each: token(bench.tokenizer, each, rows) for each in bench.resolved().eos_token_ids}
    known = [each for tokens in row.stated.values() for each in tokens] + ([template.end] if template.end else [])
    stops = behaviour.stops(bench, most, ends, {each.id: each for each in known}, context)
    outcome, said = judged(stops, most)
    found_ends = _ends(row, template, tuple(ends), stops)
    return TokenCheck(name="stop", outcome=outcome, sentence=said, stops=stops, ends=found_ends)


def _ends(
    row: TokenRow, template: ChatTemplate, in_force: tuple[int, ...], stops: tuple[RowStop, ...]
) -> tuple[EndEffect, ...]:
    """The answers under the end tokens in force, and under those of each source that states others."""
    stated = [tuple(sorted(row.ids(source))) for source in row.stated if row.ids(source)]
    if template.end is not None:
        stated.append((template.end.id,))
    return tuple(
        EndEffect(
            ids=ids,
            in_force=ids == tuple(sorted(in_force)),
            ended=sum(not stop.met.keys().isdisjoint(ids) for stop in stops),
            rows=len(stops),
        )
        for ids in dict.fromkeys((tuple(sorted(in_force)), *stated))
    )


def judged(stops: tuple[RowStop, ...], most: int) -> tuple[Any, Message]:
    """The outcome of the answers, and what to say of it."""
    ended = [each for each in stops if each.ended_by is not None]
    missed = [each for each in stops if each.passed is not None]
    early = [each for each in stops if each.early]
    count = {"rows": len(stops)}
    if missed:
        passed: Token = next(each.passed for each in missed if each.passed)
        return "failed", say("tokens.check.missed", count=len(missed), id=passed.id, text=passed.text, **count)
    if early:
        by: Token = next(each.ended_by for each in early if each.ended_by)
        return "failed", say("tokens.check.early", count=len(early), id=by.id, text=by.text, **count)
    if not ended:
        return "undecided", say("tokens.check.no_end", most=most, **count)
    return "passed", say("tokens.check.stop", ended=len(ended), most=most, **count)


def _not_run(name: str, why: Message) -> TokenCheck:
    return TokenCheck(name=name, outcome="not_run", sentence=why)
