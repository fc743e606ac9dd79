"""How answers end and which token wins: a wrong end token, padded rows, sampling next to temperature 0."""

from collections import Counter
from typing import Any

from workbench.probes import decoding
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.decoding import Written, written
from workbench.probes.token_behaviour import PROMPTS, hushed
from workbench.probes.token_ids import token, vocabulary
from workbench.results import Quantities, Quantity
from workbench.words import say

ANSWER_TOKENS = 32
ROW_TOKENS = 8  # of a padded row against the row alone: enough to see padding, too few for rounding to part them


def ends(bench: Bench, params: dict[str, Any], context: Context) -> Quantities:
    """params: id of the end token that is tried; "common": what the answers have most often; "eos": the model's own."""
    before = bench.config
    right = _answers(bench, ANSWER_TOKENS, context)
    own = bench.resolved().eos_token_ids
    wrong = _common(right, own) if params["id"] == "common" else params["id"]
    bench.switch(before.replace(eos_token_ids=own if wrong == "eos" else (wrong,)), context, proven=True)
    tried = _answers(bench, ANSWER_TOKENS, context)
    changed = [
        len(one) != len(other) or why != because for (one, why), (other, because) in zip(right, tried, strict=True)
    ]
    tokens = own if wrong == "eos" else (wrong,)
    rows = vocabulary(bench)
    told = ", ".join(f"{each} {token(bench.tokenizer, each, rows).text!r}" for each in tokens)
    return Quantities(
        values={"stops_changed": Quantity(value=any(changed))},
        notes=(say("tips.note.ends", told=told, changed=sum(changed), rows=len(changed)),),
    )


def padded_rows(bench: Bench, params: dict[str, Any], context: Context) -> Quantities:
    """params: pad_token, mask (whether the batch is given one). Greedy, padded on the left, against each row alone."""
    base = bench.config.replace(pad_token=params["pad_token"], padding_side="left")
    bench.switch(base.replace(attention_mask="tokenizer"), context, proven=True)
    with hushed():
        alone = [written(bench, bench.inputs([prompt], chat=True), ROW_TOKENS, context)[0][0] for prompt in PROMPTS]
        bench.switch(base.replace(attention_mask="tokenizer" if params["mask"] else "none"), context, proven=True)
        batch = written(bench, bench.inputs(list(PROMPTS), chat=True), ROW_TOKENS, context)
    same = sum(one == other for one, (other, _why) in zip(alone, batch, strict=True))
    return Quantities(
        values={"same_share": Quantity(value=same / len(PROMPTS))},
        notes=(say("tips.note.rows", same=same, rows=len(PROMPTS)),),
    )


def ties(bench: Bench, params: dict[str, Any], context: Context) -> Quantities:
    """params: temperature, seeds, prompts, threads. Draws at that temperature against greedy; ties of the logits."""
    greedy = bench.config.replace(do_sample=False)
    near = greedy.replace(do_sample=True, temperature=params["temperature"])
    found = decoding.run(
        bench,
        {
            "prompts": params["prompts"],
            "configs": [greedy.to_dict(), near.to_dict()],
            "changes": [{"do_sample": False}, {"do_sample": True, "temperature": params["temperature"]}],
            "processors": [(), ()],
            "seeds": params["seeds"],
            "max_new_tokens": ANSWER_TOKENS,
            "threads": params["threads"],
        },
        context,
    )
    likeliest = {answer.prompt: answer.tokens for answer in found.settings[0].answers}
    same = [answer.tokens == likeliest[answer.prompt] for answer in found.settings[1].answers]
    return Quantities(
        values={
            "same_share": Quantity(value=sum(same) / len(same)),
            "tie_share": Quantity(value=found.ties / found.positions),
        },
        notes=(say("tips.note.ties", ties=found.ties, positions=found.positions, dtype=found.dtype),),
    )


def _answers(bench: Bench, new_tokens: int, context: Context) -> Written:
    """To each of PROMPTS by itself, so that no padding is in play."""
    with hushed():
        return [written(bench, bench.inputs([prompt], chat=True), new_tokens, context)[0] for prompt in PROMPTS]


def _common(answers: Written, ends: tuple[int, ...]) -> int:
    """The token that the answers have most often, their end tokens apart."""
    counts = Counter(each for tokens, _why in answers for each in tokens if each not in ends)
    return counts.most_common(1)[0][0]
