"""Calls counted while the model generates: attention with its masks, the model with its shapes, the compiler."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.timing import prepare
from workbench.probes.token_behaviour import PROMPTS, hushed
from workbench.results import Quantities, Quantity, Workload
from workbench.stats import ratio_interval
from workbench.words import say

NEW_TOKENS = 12
_PROMPT_TOKENS = 64
_PADDING = 0.25
_PAIRS = 8
_MORE = "Count from one to five."


def attention_calls(bench: Bench, params: dict[str, Any], context: Context) -> Quantities:
    """params: mask (ones: given; none: none given; padding: a quarter of the rows masked), batch_size."""
    padded = _PADDING if params["mask"] == "padding" else 0.0
    work = Workload(prompt_tokens=_PROMPT_TOKENS, new_tokens=NEW_TOKENS, batch_size=params["batch_size"], padded=padded)
    batch = prepare(bench, work)
    ids = batch["input_ids"]
    given = {
        "padding": batch,
        "ones": {"input_ids": ids, "attention_mask": torch.ones_like(ids)},
        "none": {"input_ids": ids},
    }
    with _masks(bench.model) as calls:
        answer, _shapes = _answered(bench, given[params["mask"]], {"do_sample": False}, context)
    unasked, _shapes = _answered(bench, given["none"], {"do_sample": False}, context)
    sides = {"asked": "tokenizer" if padded else params["mask"], "none": "none"}
    before = bench.config
    seconds: list[dict[str, float]] = []
    for turn in range(_PAIRS):
        taken = {}
        for side in list(sides) if turn % 2 else list(reversed(sides)):
            bench.switch(before.replace(attention_mask=sides[side]), context, proven=True)
            with hushed(), bench.interruptible(context):
                began = time.perf_counter()
                bench.produce(batch, None, NEW_TOKENS)
                if bench.device.type == "cuda":
                    torch.cuda.synchronize(bench.device)
                taken[side] = time.perf_counter() - began
        seconds.append(taken)
    ratio, bounds = ratio_interval([(each["none"], each["asked"]) for each in seconds])
    return Quantities(
        values={
            "masked_share": Quantity(value=sum(calls) / len(calls) if calls else None),
            "same_tokens": Quantity(value=bool(torch.equal(answer, unasked))),
            "tpot_ratio": Quantity(value=ratio, ci95=bounds),
        },
        notes=(say("tips.note.calls", calls=len(calls), masked=sum(calls)),),
    )


def forward_calls(bench: Bench, params: dict[str, Any], context: Context) -> Quantities:
    """params: batch_size, mask (whether one is passed), pad_token ("none": generate is told of none), arguments."""
    batch = bench.inputs([*PROMPTS, _MORE][: params["batch_size"]], chat=True)
    given = batch if params.get("mask", True) else {"input_ids": batch["input_ids"]}
    arguments = dict(params.get("arguments", {}))
    if params.get("pad_token") == "none":
        arguments["pad_token_id"] = None
    plain, _shapes = _answered(bench, batch, {"do_sample": False}, context)
    asked, shapes = _answered(bench, given, {"do_sample": False, **arguments}, context)
    new_tokens = asked.shape[1] - batch["input_ids"].shape[1]
    return Quantities(
        values={
            "calls_per_token": Quantity(value=len(shapes) / new_tokens),
            "step_tokens": Quantity(value=max((columns for _rows, columns in shapes[1:]), default=0)),
            "same_tokens": Quantity(value=bool(torch.equal(plain, asked))),
        },
        notes=(say("tips.note.forward", calls=len(shapes), rows=shapes[0][0], tokens=new_tokens),),
    )


def compiled_by_itself(bench: Bench, params: dict[str, Any], context: Context) -> Quantities:
    """params: knobs (in force already), disable_compile. Frames that torch.compile took up in one generate."""
    from torch._dynamo.utils import counters  # only where it is asked: it takes seconds to import

    batch = prepare(bench, Workload(prompt_tokens=_PROMPT_TOKENS, new_tokens=NEW_TOKENS))
    arguments: dict[str, Any] = {"do_sample": False, "disable_compile": params["disable_compile"]}
    if bench.config.cache == "static":
        arguments["cache_implementation"] = "static"
    torch._dynamo.reset()
    before = counters["frames"]["ok"]
    _answered(bench, batch, arguments, context)
    frames = counters["frames"]["ok"] - before
    torch._dynamo.reset()
    return Quantities(values={"frames": Quantity(value=int(frames))})


def _answered(
    bench: Bench, batch: dict[str, torch.Tensor], arguments: dict[str, Any], context: Context
) -> tuple[torch.Tensor, list[tuple[int, int]]]:
    """Ids [rows, time] of `model.generate` as a person calls it, and (rows, positions) of each forward call."""
    shapes: list[tuple[int, int]] = []

    def seen(_module: Any, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        ids = named.get("input_ids", positional[0] if positional else None)
        shapes.append(tuple(ids.shape if ids is not None else named["inputs_embeds"].shape[:2]))

    hook = bench.model.register_forward_pre_hook(seen, with_kwargs=True)
    try:
        with hushed(), torch.inference_mode(), bench.interruptible(context), bench.in_force():
            found: torch.Tensor = bench.model.generate(**batch, max_new_tokens=NEW_TOKENS, **arguments)
    finally:
        hook.remove()
    return found, shapes


@contextmanager
def _masks(model: Any) -> Iterator[list[bool]]:
    """Whether each call of an attention module within it was given a mask, in order."""
    calls: list[bool] = []

    def seen(_module: Any, _positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        calls.append(named.get("attention_mask") is not None)

    attention = [each for each in model.modules() if type(each).__name__.endswith("Attention")]
    hooks = [each.register_forward_pre_hook(seen, with_kwargs=True) for each in attention]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()
