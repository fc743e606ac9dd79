"""Scores of lm-evaluation-harness on the resident model."""

from typing import Any

from workbench.results.base import Interval, Result, document
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

    harness: str
    limit: int | None
    few_shot: int | None
    scores: tuple[TaskScore, ...]
    seconds: float
    flags: tuple[Message, ...] = ()


def tasks_record(model: str, machine: Any, config: Any, resolved: Any, found: TaskScores) -> dict[str, Any]:
    """The scores as they are stored."""
    return document(
        "tasks", model=model, machine=machine, config=config, resolved=resolved, result=found, flags=found.flags
    )
