"""Checkable questions answered by sampling, at the settings that the model's makers give it."""

from collections.abc import Sequence
from typing import Any

import torch

from workbench.config import Config
from workbench.knobs.generation import PLAIN
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.forced import Recorder
from workbench.probes.quality.answers import loops
from workbench.probes.quality.checking import THINK_END, given, is_right, thought
from workbench.probes.quality.decode import batch_of, ends, rendered
from workbench.results import Attempt, Attempts
from workbench.suites import Question
from workbench.words import Message, say

RECOMMENDED = {"temperature": 0.6, "top_p": 0.95}  # for R1, in DeepSeek's README of it
THINKING_TOKENS = 4096  # R1 models think for thousands
TOKENS = 512
_TRANSFORMERS_TOP_K = 50  # where a checkpoint names none
_ROOM_FOR_QUESTION = 512  # tokens
_ASKED = {
    "english": "{question}\nPlease reason step by step, and put your final answer within \\boxed{{}}.",
    "chinese": "{question}\n请逐步推理，并将最终答案放在 \\boxed{{}} 中。",
}


def run(bench: Bench, params: dict[str, Any], context: Context) -> Attempts:
    """params: questions (as dicts), seeds (how many), max_new_tokens (or None), rows (in one batch).

    The configuration that was in force is in force again afterwards.
    """
    questions = [Question(**question) for question in params["questions"]]
    sampling, flags = own_sampling(bench.originals.generation_config)
    before = bench.config
    limit = params["max_new_tokens"] or (THINKING_TOKENS if thinks(bench.tokenizer) else TOKENS)
    limit = min(limit, bench.facts.context_length - _ROOM_FOR_QUESTION)
    context.enter(say("reasoning.answering"))
    found: list[Attempt] = []
    rows = params["rows"]
    total = params["seeds"] * len(questions)
    try:
        bench.switch(_sampled(before, sampling), context, proven=True)
        for seed in range(params["seeds"]):
            for start in range(0, len(questions), rows):
                context.progress(say("reasoning.answering"), len(found), total)
                part = questions[start : start + rows]
                found += _answer(bench, part, seed, limit, context)
    finally:
        bench.switch(before, Context(context.emit), proven=True)
    return Attempts(
        thinks=thinks(bench.tokenizer),
        sampling=sampling,
        max_new_tokens=limit,
        attempts=tuple(found),
        flags=(*bench.facts.notes, *flags),
    )


def thinks(tokenizer: Any) -> bool:
    """Whether this is a reasoning model: its vocabulary or its chat template knows `</think>`."""
    return THINK_END in tokenizer.get_vocab() or THINK_END in str(tokenizer.chat_template or "")


def own_sampling(generation_config: Any) -> tuple[dict[str, Any], tuple[Message, ...]]:
    """The checkpoint's temperature, top_p and top_k; where it names no distribution, those that DeepSeek advises."""
    own = {name: getattr(generation_config, name, None) for name in ("temperature", "top_p", "top_k")}
    named = own["temperature"] is not None or own["top_p"] is not None
    values = {
        "temperature": own["temperature"] or (1.0 if named else RECOMMENDED["temperature"]),
        "top_p": own["top_p"] or (1.0 if named else RECOMMENDED["top_p"]),
        "top_k": _TRANSFORMERS_TOP_K if own["top_k"] is None else own["top_k"],
    }
    return values, () if named else (say("reasoning.no_sampling", **RECOMMENDED),)


def _sampled(config: Config, sampling: dict[str, Any]) -> Config:
    return config.replace(**{**PLAIN, "do_sample": True, "min_p": 0.0, **sampling})


def _answer(
    bench: Bench, questions: Sequence[Question], seed: int, max_new_tokens: int, context: Context
) -> list[Attempt]:
    asked = [_ASKED[question.domain].format(question=question.question) for question in questions]
    batch = batch_of(bench, [rendered(bench.tokenizer, text, None, answered=True) for text in asked])

    def look(_step: int, _scores: torch.Tensor) -> None:
        context.check()

    torch.manual_seed(seed)
    with bench.interruptible(context):
        output = bench.produce(batch, None, max_new_tokens, fixed=False, logits_processor=[Recorder(look)])
    tokens = output.sequences[:, batch["input_ids"].shape[1] :].cpu()
    lengths, ended = ends(bench, tokens)
    model_thinks = thinks(bench.tokenizer)
    return [
        attempt(bench.tokenizer, question, seed, row[:length].tolist(), end, model_thinks)
        for question, row, length, end in zip(questions, tokens, lengths, ended, strict=True)
    ]


def attempt(
    tokenizer: Any, question: Question, seed: int, ids: Sequence[int], ended: bool, model_thinks: bool
) -> Attempt:
    """What one answer is worth. ids: its tokens, the end token included."""
    body = list(ids[:-1] if ended else ids)
    text = tokenizer.decode(body, skip_special_tokens=False)
    thinking, answer = thought(text)
    length = len(body)
    if model_thinks and answer is not None:
        length = len(tokenizer(thinking, add_special_tokens=False)["input_ids"])
    counted = answer if model_thinks else text
    found = given(counted, question.answer) if counted else None
    return Attempt(
        question=question.id,
        seed=seed,
        given=None if found is None else found[:40],
        right=is_right(found, question.answer),
        finished=ended and (answer is not None or not model_thinks),
        looping=loops(body),
        thinking_tokens=length,
        tokens=len(body),
    )
