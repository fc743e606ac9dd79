"""What a sweep tells while it runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from workbench.constraints import shown
from workbench.results import Sweep
from workbench.sweep.runner import Runner
from workbench.words import Message, say


@dataclass(frozen=True)
class Progress:
    """What is told while it runs. left_s: by the spread so far and what the budget leaves; None: not known.

    snapshot  the Sweep that a Stop now would give, for what draws it; to be called before the callback returns
    """

    what: Message
    done: int  # configurations that are decided
    dropped: int
    left: int  # in the race
    total: int
    best: str
    best_value: str
    seconds: float
    left_s: float | None
    snapshot: Callable[[], Sweep] = field(repr=False, compare=False)

    def __str__(self) -> str:
        best = f"{self.best} {self.best_value}".strip()
        told = {"done": self.done, "total": self.total, "dropped": self.dropped, "left": self.left, "best": best or "–"}
        return str(say("sweep.told", **told))


def progress_of(runner: Runner, what: Message, named: Sequence[str], snapshot: Callable[[], Sweep]) -> Progress:
    race, state = runner.race, runner.state
    out = len(state.out) + len(race.dropped)
    ranked, racing = race.ranked, race.racing()
    entered = len(race.groups) - (0 if runner.task.base_enters else 1)
    left = len([arm for arm in race.alive if arm in racing or not race.rounds(arm)])
    values = state.values(ranked[0], runner.task.objective) if ranked else []
    each_s = runner.spent_s / max(state.count - state.reused, 1)
    left_s = race.expected() * each_s if state.count > state.reused else None
    if runner.task.budget_s is not None:
        remaining = max(runner.task.budget_s - runner.spent_s, 0.0)
        left_s = remaining if left_s is None else min(left_s, remaining)
    return Progress(
        what=what,
        done=entered - left,
        dropped=out,
        left=left,
        total=entered,
        best=named[ranked[0]] if ranked else "",
        best_value=shown(runner.task.objective, sum(values) / len(values)) if values else "",
        seconds=runner.spent_s,
        left_s=left_s,
        snapshot=snapshot,
    )
