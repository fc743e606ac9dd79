"""What the bench makes of prompts that a server is asked too: token ids, greedy answers, and near ties in them."""

from collections.abc import Sequence
from typing import Any

import torch

from workbench.probes.agreement import compute_dtype, dtype_of, rounded_once_more
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.quality.decode import answers, ends, pieces, render
from workbench.probes.quality.logits import row_of
from workbench.results import EndpointReference
from workbench.results.endpoint import EndpointOwnAnswer
from workbench.words import say

_LIKELY = 8  # tokens of each step whose logits are kept


def run(bench: Bench, params: dict[str, Any], context: Context) -> EndpointReference:
    """params: prompts (texts, or lists of messages); answered: how many of them, from the first; new_tokens; count:
    texts whose tokens are counted (`plain`), without special tokens.

    Answers are greedy, each in a batch of its own, by the loop and the cache in force.
    """
    tokenizer = bench.tokenizer
    context.enter(say("phase.served"))
    chat = bool(tokenizer.chat_template)
    texts = [render(tokenizer, prompt) for prompt in params["prompts"]]
    prompts = [list(tokenizer(text, add_special_tokens=special)["input_ids"]) for text, special in texts]
    found = []
    total = params["answered"]
    for place, prompt in enumerate(prompts[:total]):
        context.progress(say("progress.served"), place, total)
        found.append(_answer(bench, prompt, params["new_tokens"], context))
    plain = [tuple(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in params.get("count", ())]
    return EndpointReference(
        model=bench.facts.name,
        dtype=dtype_of(bench, (bench.config,)),
        chat=chat,
        prompts=tuple(map(tuple, prompts)),
        rendered=tuple(text for text, _special in texts),
        plain=tuple(plain),
        answers=tuple(found),
        end_ids=tuple(bench.resolved().eos_token_ids),
    )


def _answer(bench: Bench, prompt: Sequence[int], new_tokens: int, context: Context) -> EndpointOwnAnswer:
    kept: list[Any] = []
    tokens = answers(
        bench, [prompt], new_tokens, context, lambda _step, scores: kept.append(scores[0].float().topk(_LIKELY))
    )
    (length,), (ended,) = ends(bench, tokens)
    ids = tokens[0, :length].tolist()
    tokenizer = bench.tokenizer
    likely = [tuple(each.indices.tolist()) for each in kept[:length]]
    epsilon = torch.finfo(compute_dtype(bench, (bench.config,))).eps
    sixteen = torch.finfo(torch.bfloat16).eps
    whole = _logits(bench, [*prompt, *ids], len(prompt), context)
    moved = []
    for size in (epsilon, sixteen):
        with rounded_once_more(bench, size):
            moved.append((_logits(bench, [*prompt, *ids], len(prompt), context) - whole).abs().max().item())
    return EndpointOwnAnswer(
        tokens=tuple(ids),
        pieces=tuple(pieces(tokenizer, ids, special=False)),
        ended=ended,
        full=length == new_tokens,
        likely=tuple(likely),
        logits=tuple(tuple(each.values.tolist()) for each in kept[:length]),
        likely_text=tuple(tuple(tokenizer.decode([each]) for each in step) for step in likely),
        rounding=moved[0],
        rounding_16=moved[1],
    )


@torch.inference_mode()
def _logits(bench: Bench, tokens: Sequence[int], prompt: int, context: Context) -> torch.Tensor:
    """Of the positions before each new token, in one pass: [new tokens, vocabulary] in float32."""
    batch = row_of(bench, tuple(tokens))
    with bench.interruptible(context), bench.in_force():
        logits: torch.Tensor = bench.model(**bench.masked(batch), use_cache=False).logits[0, prompt - 1 : -1]
    return logits.float()
