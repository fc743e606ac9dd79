"""A sweep whose points come in batches from a search: the runner that asks for them when its race asks for nothing."""

from dataclasses import replace
from typing import Any

from workbench.config import Config
from workbench.results import SweepEntry
from workbench.sweep.racing import Race
from workbench.sweep.runner import Runner
from workbench.sweep.searching import Search
from workbench.sweep.state import Task
from workbench.words import say


class Searcher(Runner):
    """task: with the base line alone; the points that are tried follow it. The rest: as a Runner's."""

    def __init__(self, task: Task, search: Search, *arguments: Any, **options: Any) -> None:
        super().__init__(task, *arguments, **options)
        self.search: Search = search
        most = search.reach.proposals + 1
        self.race = Race(task.groups, task.rules, together=self._together, runs=task.base_enters, most=most)
        self.race.widening = True

    def _replay(self) -> None:
        super()._replay()
        if not self.race.widening and self.search.reopens():
            self.race.widening = True
        if not self.search.batches:
            self._more()

    def _more(self) -> bool:
        """More points in the race, or, when there are to be no more, its final; False: nothing changes any more."""
        if not self.race.widening:
            return False
        search = self.search
        self._heard()
        points = [] if search.batches and self._over(search.reach.share) else search.propose()
        if points:
            groups = search.group(points)
            entry = self._diary.write(
                event="proposed",
                points=tuple(point.to_dict() for point in points),
                groups=groups,
                together=search.beside([*search.tried, *points], [*search.groups, *groups]),
            )
        else:
            entry = self._diary.write(event="searched", ended=search.ended or "budget")
        self._enter(entry)
        said = {"points": len(points), "loads": len(set(entry.groups)), "tried": search.count, "of": search.of}
        self._tell(self, say("sweep.progress.proposed" if points else "sweep.progress.searched", **said))
        return True

    def _widen(self, entry: SweepEntry) -> None:
        if self.search.batches:
            self.race.next()  # asked as it was then: what was screened is judged
            self._heard()
        self._enter(entry)

    def _enter(self, entry: SweepEntry) -> None:
        if entry.event == "searched":
            self.search.ended, self.race.widening = entry.ended, False
            return
        points = tuple(Config(**values) for values in entry.points)
        self.search.entered(points, entry.groups)
        self.task = replace(
            self.task,
            points=(*self.task.points, *points),
            groups=(*self.task.groups, *entry.groups),
            together=frozenset(entry.together),
        )
        self.race.admit(entry.groups)
        self.race.widening = True

    def _heard(self) -> None:
        state = self.state
        self.search.heard(
            self.race,
            lambda arm: arm in state.out and state.out[arm][0] == "failed",
            lambda arm: state.broken(arm, self.task.limits),
        )
