"""The same answers whole, and ended at a sentence by a criterion, in alternating order; and what cutting costs."""

import time
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from workbench.knobs.generation import PLAIN
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.decoding import Written, written
from workbench.probes.quality.decode import batch_of, rendered
from workbench.probes.sentence_end import SentenceEnd
from workbench.probes.timing import check_length
from workbench.results import StoppedAnswer, StoppedRuns
from workbench.words import say


def run(bench: Bench, params: dict[str, Any], context: Context) -> StoppedRuns:
    """params: prompts (texts), after (tokens), max_new_tokens, rounds. Greedy, end tokens on, nothing else in force.

    The configuration that was in force is in force again afterwards. ConfigError beyond the context.
    """
    before = bench.config
    sides = (before.replace(**PLAIN), before.replace(**{**PLAIN, "stop_at_sentence": params["after"]}))
    prompts, rounds = params["prompts"], params["rounds"]
    longest = max(len(_ids(bench, prompt)) for prompt in prompts)
    check_length(longest, params["max_new_tokens"], bench.facts.context_length)
    found: dict[int, list[StoppedAnswer]] = {}
    context.enter(say("stopping.writing"))
    try:
        bench.switch(sides[0], context, proven=True)
        _timed(bench, prompts[0], 2, context)  # what the first call pays for
        for done in range(rounds * len(prompts)):
            index, turn = done % len(prompts), done // len(prompts)
            context.progress(say("stopping.writing"), done, rounds * len(prompts))
            order = (0, 1) if (index + turn) % 2 == 0 else (1, 0)
            halves = {}
            for side in order:
                bench.switch(sides[side], context, proven=True)
                halves[side] = _timed(bench, prompts[index], params["max_new_tokens"], context)
            found.setdefault(index, []).append(_answer(bench, prompts[index], params["after"], halves))
    finally:
        bench.switch(before, Context(context.emit), proven=True)
    return StoppedRuns(answers=tuple(_mean(answers) for answers in found.values()))


def cut_at(tokenizer: Any, tokens: Sequence[int], after: int) -> int:
    """How many of a finished answer's tokens a cut at the first sentence end from `after` tokens on leaves."""
    criterion = SentenceEnd(tokenizer, 0, after)
    return next((end for end in range(after, len(tokens)) if criterion.ends(list(tokens[:end]))), len(tokens))


def _ids(bench: Bench, prompt: str) -> list[int]:
    return rendered(bench.tokenizer, prompt, None, answered=True)


def _timed(bench: Bench, prompt: str, new_tokens: int, context: Context) -> tuple[float, Written]:
    batch = batch_of(bench, [_ids(bench, prompt)])
    began = time.perf_counter()
    answers = written(bench, batch, new_tokens, context)  # its tokens are on the host when it returns
    return time.perf_counter() - began, answers


def _answer(bench: Bench, prompt: str, after: int, halves: dict[int, tuple[float, Written]]) -> StoppedAnswer:
    (whole_s, [(whole, _)]), (stopped_s, [(stopped, finish)]) = halves[0], halves[1]
    began = time.perf_counter()
    end = cut_at(bench.tokenizer, whole, after)
    cut_s = time.perf_counter() - began
    return StoppedAnswer(
        prompt=prompt,
        whole_tokens=len(whole),
        stopped_tokens=len(stopped),
        whole_s=whole_s,
        stopped_s=stopped_s,
        cut_s=cut_s,
        finish=finish,
        same=whole[:end] == stopped,
    )


def _mean(answers: Sequence[StoppedAnswer]) -> StoppedAnswer:
    """Of one prompt, over its rounds."""
    seconds = {name: fmean(getattr(each, name) for each in answers) for name in ("whole_s", "stopped_s", "cut_s")}
    return answers[0].model_copy(update={**seconds, "same": all(each.same for each in answers)})
