"""Scores of lm-evaluation-harness on the resident model."""

from typing import ClassVar

from workbench.results.base import Interval, Result
from workbench.words.message import Message


class TaskScore(Result):
    """One metric of one task, as the harness defines it. ci95: from its standard error, None where it gives none."""

    task: str
    metric: str
    value: float
    ci95: Interval | None
    examples: int
    higher_is_better: bool | None


class TaskScores(Result):
    """harness: its version; limit: of examples of each task, None for all."""

    KIND: ClassVar[str] = "tasks"

    harness: str
    limit: int | None
    few_shot: int | None
    scores: tuple[TaskScore, ...]
    seconds: float
    flags: tuple[Message, ...] = ()
