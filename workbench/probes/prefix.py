"""What a kept KV cache of a prompt's beginning saves: TTFT of the whole prompt against that of its continuation.

Pairs alternate on the resident model (`workbench.pairing`); the copy that every prompt takes of the cache counts.
Both answers are asked whether they are the same, against the yardstick of `workbench.rounding`.
"""

import math
import time
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch

from workbench.judging import floor_of
from workbench.pairing import Plan, gather, judged_of, told
from workbench.probes import kv
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.prefix_sides import Sides
from workbench.probes.timing import check_length, prepare
from workbench.results import PrefixPoint, SavedPrefix, Workload
from workbench.words import say, text
from workbench.words.format import interval, ratio, seconds, share

FOLLOWING = 16  # tokens of the built-in text that follow a prefix where no prompts are given
_QUESTION = " Say it again in one short sentence."  # in every language: what is measured depends on its tokens


@dataclass(frozen=True)
class Prefix:
    """`ids` [1, time] and the whole prompts [1, time] that begin with them. `text`: where they came from one."""

    ids: torch.Tensor
    prompts: tuple[torch.Tensor, ...]
    text: str | None

    def reused(self, prompt: torch.Tensor) -> int:
        """Tokens of the prefix that the prompt begins with; one at least is left to compute."""
        length = min(self.ids.shape[1], prompt.shape[1] - 1)
        same = (self.ids[0, :length] == prompt[0, :length]).long().cumprod(0)
        return int(same.sum())


def prefix_of(bench: Bench, params: dict[str, Any], saved: tuple[SavedPrefix, torch.Tensor] | None = None) -> Prefix:
    """params: text or tokens (of the built-in text), prompts (texts that follow, or None), seed."""
    told_text, prompts = params.get("text"), params.get("prompts")
    if saved is not None:
        told_text, ids = saved[0].text, saved[1]
    elif told_text is not None:
        ids = bench.inputs([told_text])["input_ids"]
    else:
        ids = _built_in(bench, params["tokens"], params.get("seed", 0))
    if told_text is not None:
        wholes = [bench.inputs([told_text + more])["input_ids"] for more in prompts or (_QUESTION,)]
    elif prompts:
        wholes = [torch.cat((ids, _plain(bench, more)), dim=1) for more in prompts]
    else:
        wholes = [torch.cat((ids, _built_in(bench, FOLLOWING, params.get("seed", 0) + 1)), dim=1)]
    return Prefix(ids, tuple(wholes), told_text)


def run(bench: Bench, params: dict[str, Any], context: Context) -> PrefixPoint:
    """params: what `prefix_of` takes, new_tokens, saved (name of a kept cache, or None), precision, budget_s."""
    began = time.monotonic()
    new_tokens = params["new_tokens"]
    build_s, load_s = None, None
    if params.get("saved"):
        context.enter(say("phase.prefix_loading"))
        started = time.perf_counter()
        saved, ids, cache = kv.load(bench, params["saved"])
        load_s = time.perf_counter() - started
        prefix = prefix_of(bench, params, (saved, ids))
    else:
        prefix = prefix_of(bench, params)
    for prompt in prefix.prompts:
        check_length(prompt.shape[1], new_tokens, bench.facts.context_length)
    context.enter(say("phase.warming_up"))
    if not params.get("saved"):
        kv.computed(bench, prefix.ids, context)  # the first pass of a length pays for more than itself
        started = time.perf_counter()
        cache = kv.computed(bench, prefix.ids, context)
        build_s = time.perf_counter() - started
    sides = Sides(bench, cache, [(prompt, prefix.reused(prompt)) for prompt in prefix.prompts], new_tokens, context)
    for side in (0, 1):
        sides.half(side)
    started = time.perf_counter()
    kv.copied(bench, cache, prefix.reused(prefix.prompts[0]))
    copy_s = time.perf_counter() - started
    names = text("prefix.cold"), text("prefix.cached")
    context.enter(say("phase.agreement"))
    same = sides.agreement(names)
    context.enter(say("phase.comparing"))
    plan = Plan(params["precision"], params["budget_s"])
    gathered = gather(sides.half, plan, lambda *so_far: context.progress(*told(*so_far)), began)
    floor = floor_of(gathered.same)
    judged = judged_of(gathered, floor, names)
    cold_s, cached_s = judged["mean_a"]["ttft_s"], judged["mean_b"]["ttft_s"]
    measured, seen = judged["ratio"]["ttft_s"], "ttft_s" in judged["seen"]
    prompt_tokens = fmean(prompt.shape[1] for prompt in prefix.prompts)
    proportion = same.computed / prompt_tokens
    gain = (1 - measured) / (1 - proportion) if proportion < 1 else 0.0
    once_s = build_s if load_s is None else load_s
    pays = math.ceil((once_s or 0.0) / (cold_s - cached_s)) if seen and cold_s > cached_s else None
    bounds = judged["ci95"].get("ttft_s")
    return PrefixPoint(
        tokens=prefix.ids.shape[1],
        reused=prefix.reused(prefix.prompts[0]),
        prompt_tokens=prompt_tokens,
        computed=same.computed,
        cache_bytes=kv.bytes_of(cache),
        build_s=build_s,
        load_s=load_s,
        copy_s=copy_s,
        cold_s=cold_s,
        cached_s=cached_s,
        ratio=measured,
        ci95=bounds,
        noise_floor=judged["noise_floor"].get("ttft_s"),
        seen=seen,
        proportion=proportion,
        gain_share=gain,
        pays_from=pays,
        distance=same.distance,
        rounding=same.rounding,
        excess=same.excess,
        level=same.level,
        first_divergence=same.divergence,
        verdict=say(
            "prefix.shared" if gathered.shared else "prefix.verdict" if seen else "prefix.no_difference",
            cold=seconds(cold_s),
            cached=seconds(cached_s),
            ratio=ratio(measured),
            interval=interval(bounds),
            proportion=ratio(proportion),
            share=share(gain),
        ),
        agreement=same.verdict,
        samples=tuple(judged["samples"]["ttft_s"]),
        pairs=len(gathered.pairs),
        set_aside=gathered.set_aside,
        floor=floor,
        stopped_by=gathered.stopped_by,
        others_cores=gathered.others_cores,
        resolved=bench.resolved(),
        seconds=time.monotonic() - began,
    )


def _built_in(bench: Bench, tokens: int, seed: int) -> torch.Tensor:
    """So many tokens of the built-in text, [1, time]. ConfigError beyond the context."""
    return prepare(bench, Workload(prompt_tokens=tokens, new_tokens=2, seed=seed))["input_ids"]


def _plain(bench: Bench, words: str) -> torch.Tensor:
    """Tokens of what follows: the beginning has the special ones."""
    ids = bench.tokenizer(words, add_special_tokens=False)["input_ids"]
    return torch.tensor([ids], dtype=torch.long, device=bench.device)
