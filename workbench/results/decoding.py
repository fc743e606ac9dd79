"""What decoding settings do to answers: every answer as it came, what they come to, and what a stop saves."""

from typing import Any, ClassVar

from workbench.results.base import Interval, Result
from workbench.results.generation import FinishReason
from workbench.words import text
from workbench.words.format import knob_value, printable
from workbench.words.message import Message

# metric -> whether it is a share; in the order of tables and charts
METRICS = {"repeat_4gram": True, "distinct_1": True, "distinct_2": True, "ended": True, "tokens": False, "nll": False}


class DecodedAnswer(Result):
    """One answer. `tokens`: the one that ended it included; `nll`: mean −ln p of them under the model as it is."""

    prompt: int
    draw: int
    tokens: tuple[int, ...]
    finish: FinishReason
    nll: float | None


class DecodedSetting(Result):
    """All answers of one setting.

    repeated  (answers whose first tokens came again with the same seed, answers), over `repeat_tokens` of each
    """

    changes: dict[str, Any]
    sampled: bool
    answers: tuple[DecodedAnswer, ...]
    repeated: tuple[int, int]
    repeat_tokens: int
    notes: tuple[Message, ...] = ()


class DecodedRuns(Result):
    """As the probe returns them.

    ties  positions where the two largest logits are exactly equal, of `positions` in the first setting's answers
    """

    settings: tuple[DecodedSetting, ...]
    ties: int
    positions: int
    dtype: str
    batch_rows: int


class Effect(Result):
    """A mean over prompts and seeds, its interval by prompt; `difference`: from the first setting, paired by prompt."""

    value: float
    ci95: Interval
    difference: float | None = None
    difference_ci95: Interval | None = None


class SettingEffects(Result):
    """One setting.

    metrics    key of METRICS -> Effect; one that no answer is long enough for is left out
    repeated   of the answers, (how many came again with the same seed, all); over `repeat_tokens` tokens
    same_over_seeds  share of pairs of draws for one prompt that are the same; None where nothing is drawn
    part_at    the token at which two draws part, on average; None where none do
    finishes   reason -> share of answers
    verdicts   against the first setting; empty for it
    """

    changes: dict[str, Any]
    sampled: bool
    answers: int
    metrics: dict[str, Effect]
    repeated: tuple[int, int]
    repeat_tokens: int
    same_over_seeds: float | None
    part_at: float | None
    finishes: dict[str, float]
    verdicts: tuple[Message, ...]
    notes: tuple[Message, ...] = ()


class DecodingEffects(Result):
    """What settings do to answers, each against the first.

    prompt_set  version of the built-in prompts, or "own"
    ties        exact ties of the two largest logits, over `positions` of the first setting's answers, in `dtype`
    """

    KIND: ClassVar[str] = "decoding"

    prompts: int
    prompt_set: str
    seeds: int
    max_new_tokens: int
    settings: tuple[SettingEffects, ...]
    ties: int
    positions: int
    dtype: str
    sentence: Message
    seconds: float
    flags: tuple[Message, ...] = ()


class StoppedAnswer(Result):
    """One prompt: tokens and seconds of the whole answer, and of the one that the criterion ended; `cut_s`: cutting."""

    prompt: str
    whole_tokens: int
    stopped_tokens: int
    whole_s: float
    stopped_s: float
    cut_s: float
    finish: FinishReason
    same: bool  # the stopped answer is the beginning of the whole one, cut where the cut falls


class StoppedRuns(Result):
    """As the probe returns them, a prompt each."""

    answers: tuple[StoppedAnswer, ...]


class Stopping(Result):
    """A stop at a sentence end while generating, beside cutting the finished answer there, against neither.

    stop_ratio  seconds with the criterion ÷ seconds of the whole answer; cut_ratio: (whole + cutting) ÷ whole; by
                prompt, `rounds` runs each, in alternating order
    """

    after: int
    max_new_tokens: int
    rounds: int
    answers: tuple[StoppedAnswer, ...]
    stop_ratio: float
    stop_ratio_ci95: Interval
    cut_ratio: float
    cut_ratio_ci95: Interval
    tokens_saved: float  # share of the whole answers' tokens that were not computed
    verdict: Message
    seconds: float
    flags: tuple[Message, ...] = ()


def setting_words(each: SettingEffects) -> str:
    """A setting as people read it, by what it changes. Not escaped."""
    drawn = text("decoding.sampled" if each.sampled else "decoding.greedy")
    named = [f"{name}={knob_value(value)}" for name, value in each.changes.items() if name != "do_sample"]
    return printable(", ".join([drawn, *named]), 80)


def verdict_words(verdict: Message) -> str:
    """With the metric by its name for people."""
    metric = verdict.params.get("metric")
    named = {"metric": text(f"decoding.metric.{metric}")} if metric else {}
    return text(verdict.code, **{**verdict.params, **named})
