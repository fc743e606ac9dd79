"""Checkable questions answered by sampling: every answer of one configuration, and what they come to."""

from typing import Any

from workbench.results.base import Interval, Result
from workbench.words.message import Message


class Attempt(Result):
    """One answer by sampling.

    given     what its last line or box gives as the answer; None: nothing that can be read as one
    right     it is the answer; an attempt whose thinking never ended is wrong, whatever it wrote
    finished  `</think>` was reached, and the answer ended; on models that do not think, the answer ended
    thinking_tokens  before `</think>`, or all there are
    """

    question: str
    seed: int
    given: str | None
    right: bool
    finished: bool
    looping: bool
    thinking_tokens: int
    tokens: int


class Attempts(Result):
    """All of one configuration.

    thinks     the model's vocabulary or chat template has `</think>`
    sampling   that was in force: the model's own where it names one
    """

    thinks: bool
    sampling: dict[str, Any]
    max_new_tokens: int
    attempts: tuple[Attempt, ...]
    flags: tuple[Message, ...] = ()


class Reasoning(Result):
    """Checkable questions answered by sampling at the model's own settings, over seeds.

    accuracy, finished (`</think>` reached), looping: shares with intervals, by "reference" and "candidate" where both
    ran; thinking_tokens: the mean length; `difference`: of the accuracies, candidate − reference, paired by question
    thinks    the model has `</think>`; where it has not, "finished" means that the answer ended
    given     side -> question -> what each seed's answer gave
    """

    questions: int
    seeds: int
    sampling: dict[str, Any]
    max_new_tokens: int
    thinks: bool
    accuracy: dict[str, tuple[float, Interval]]
    finished: dict[str, tuple[float, Interval]]
    looping: dict[str, tuple[float, Interval]]
    thinking_tokens: dict[str, tuple[float, Interval]]
    difference: tuple[float, Interval] | None = None
    given: dict[str, dict[str, tuple[str | None, ...]]]
    sentence: Message
    seconds: float
    flags: tuple[Message, ...] = ()
