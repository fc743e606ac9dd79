"""What the live model does with padding and end tokens: rows in a batch against the same rows alone, and who ends.

A row alone has no padding, so it is the truth that padding must not change. Its greedy tokens lead the batch, whose
logits at each step are then comparable to the last one; what rounding explains is measured on the model itself.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from workbench.config import Config
from workbench.errors import ConfigError
from workbench.probes.agreement import decoded, distance, divergence, epsilon, rounded_once_more
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.timing import check_length
from workbench.results import Divergence, KnobEffect, LogitDistance, RowStop, Token
from workbench.rounding import WRONG_FROM, excess

# of unlike length, and answered in a short sentence: their lengths are most of what the check costs
PROMPTS = (
    "Name one colour.",
    "What is the capital of France?",
    "Good morning! How are you today? Answer in one short sentence.",
)
STEPS = 4  # along which a batch is held against its rows
ROUNDED = 12  # positions of the longest row that show what rounding does
# knob -> the values whose effect is shown, where the model has them
SHOWN: dict[str, tuple[Any, ...]] = {
    "padding_side": ("left", "right"),
    "attention_mask": ("tokenizer", "none", "ones"),
    "pad_token": ("auto", "eos", "unk"),
}


@dataclass(frozen=True)
class Alone:
    """Each prompt by itself: greedy tokens [prompts, steps], their logits [prompts, steps, vocabulary], the yardstick.

    rounding  what one more rounding of every attention output does to logits of the longest row
    """

    tokens: torch.Tensor
    logits: torch.Tensor
    rounding: LogitDistance


def alone(bench: Bench, context: Context) -> Alone:
    """PROMPTS one by one, each with its mask, past its end token where it has one."""
    tokens, logits, wholes = [], [], []
    before = bench.config
    try:
        bench.switch(before.replace(attention_mask="tokenizer"), context, proven=True)
        for prompt in PROMPTS:
            row = bench.inputs([prompt], chat=True)
            with hushed():
                new, seen = decoded(bench, row, STEPS, None, context)
            tokens.append(new)
            logits.append(seen)
            wholes.append(torch.cat([row["input_ids"], new.to(bench.device)], dim=1))
        longest = max(wholes, key=lambda whole: whole.shape[1])
        plain = _pass(bench, longest, context)
        with rounded_once_more(bench, epsilon(bench, [before])):
            rounded = _pass(bench, longest, context)
    finally:
        bench.switch(before, Context(context.emit), proven=True)
    return Alone(torch.cat(tokens), torch.cat(logits), distance(plain, rounded))


@dataclass(frozen=True)
class Together:
    """All PROMPTS in one padded batch, led along the tokens of each alone; excess: ÷ what rounding explains.

    first  logits of the first new token, [prompts, vocabulary]
    """

    prefill: float
    decode: float
    parting: Divergence | None
    first: torch.Tensor


def together(bench: Bench, reference: Alone, context: Context) -> Together:
    """Under everything in force, end tokens too: whether a mask can be inferred depends on them."""
    logits = _batch(bench, STEPS, reference.tokens, context)
    ends = torch.isin(reference.tokens, torch.tensor(bench.resolved().eos_token_ids, dtype=torch.long))
    over = ends.cumsum(dim=1) - ends.long() > 0  # [prompts, steps] behind the end of a row, where padding follows
    along = reference.logits.clone()
    along[:, : logits.shape[1]][~over[:, : logits.shape[1]]] = logits[~over[:, : logits.shape[1]]]
    return Together(
        prefill=excess(distance(reference.logits[:, 0], along[:, 0]), reference.rounding),
        decode=excess(distance(reference.logits[~over], along[~over]), reference.rounding),
        parting=divergence(reference.tokens, reference.logits, along, bench.tokenizer),
        first=logits[:, 0],
    )


def effects(bench: Bench, reference: Alone, now: Together, context: Context) -> tuple[KnobEffect, ...]:
    """The next token of the padded batch under each value of the knobs that padding depends on, one knob at a time."""
    before = bench.config
    in_force, pad = _effect(reference, now.first), bench.resolved().pad_token_id
    found = []
    try:
        for knob, values in SHOWN.items():
            for value in dict.fromkeys((*values, before[knob])):
                effect = in_force
                if value != before[knob]:
                    try:
                        bench.switch(before.replace(**{knob: value}), context, proven=True)
                        if knob != "pad_token" or bench.resolved().pad_token_id != pad:
                            effect = _effect(reference, _batch(bench, 1, None, context)[:, 0])
                    except ConfigError:  # a token that this tokenizer lacks
                        continue
                found.append(
                    effect.model_copy(update={"knob": knob, "value": value, "in_force": value == before[knob]})
                )
    finally:
        bench.switch(before, Context(context.emit), proven=True)
    return tuple(found)


def _effect(reference: Alone, first: torch.Tensor) -> KnobEffect:
    """Of what gave the batch the logits `first`, [prompts, vocabulary]."""
    alone = reference.logits[:, 0]
    times = excess(distance(alone, first), reference.rounding)
    same = int((alone.argmax(-1) == first.argmax(-1)).sum())
    return KnobEffect(
        knob="",
        value=None,
        in_force=True,
        same=same,
        rows=len(PROMPTS),
        excess=times,
        agrees=times < WRONG_FROM,
    )


def stops(
    bench: Bench, most: int, ends: dict[int, Token], stated: dict[int, Token], context: Context
) -> tuple[RowStop, ...]:
    """Answers to PROMPTS by the end tokens in force (`ends`), of at most `most` tokens.

    stated  what any source calls an end token: the first special one that a row runs past is told

    ConfigError beyond the context.
    """
    before = bench.config
    sound: Config = before.replace(padding_side="left", attention_mask="tokenizer")  # padding is asked elsewhere
    try:
        bench.switch(sound, context, proven=True)
        if bench.resolved().pad_token_id is None:
            batches = [bench.inputs([prompt], chat=True) for prompt in PROMPTS]
        else:
            batches = [bench.inputs(list(PROMPTS), chat=True)]
        longest = max(batch["input_ids"].shape[1] for batch in batches)
        check_length(longest, most, bench.facts.context_length)
        found = []
        for batch in batches:
            with hushed(), bench.interruptible(context):
                output = bench.produce(batch, None, most, fixed=False)
            found += [
                _stop(bench.tokenizer, row, ends, stated)
                for row in output.sequences[:, batch["input_ids"].shape[1] :].tolist()
            ]
    finally:
        bench.switch(before, Context(context.emit), proven=True)
    return tuple(found)


def _stop(tokenizer: Any, row: list[int], ends: dict[int, Token], stated: dict[int, Token]) -> RowStop:
    at = next((index for index, each in enumerate(row) if each in ends), None)
    said = row if at is None else row[:at]
    return RowStop(
        tokens=len(row) if at is None else at + 1,
        text=tokenizer.decode(said, skip_special_tokens=True),
        ended_by=None if at is None else ends[row[at]],
        passed=next((stated[each] for each in said if each in stated and stated[each].means == "special"), None),
        met={each: row.index(each) for each in (*ends, *stated) if each in row},
    )


@contextmanager
def hushed() -> Iterator[None]:
    """transformers warns of what is tried here on purpose."""
    logger = logging.getLogger("transformers")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _batch(bench: Bench, steps: int, forced: torch.Tensor | None, context: Context) -> torch.Tensor:
    """Logits [prompts, steps, vocabulary] of PROMPTS together; fewer steps where all rows have ended."""
    batch = bench.inputs(list(PROMPTS), chat=True)
    with hushed():
        return decoded(bench, batch, steps, forced, context, fixed=False)[1]


def _pass(bench: Bench, ids: torch.Tensor, context: Context) -> torch.Tensor:
    """Logits [positions, vocabulary] of what led to the last ROUNDED tokens of one row, in one pass."""
    with bench.interruptible(context), bench.in_force():
        found = bench.model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
    logits: torch.Tensor = found.logits[0]
    return logits[-ROUNDED - 1 : -1].float().cpu()
