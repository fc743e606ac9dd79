"""A sweep as it goes: asks the race for a round, has the host run it, writes it down, tells it, until it is over.

What an earlier call of the same sweep wrote down is told to the race first; from there on it asks for what is missing.
A worker that ends under a configuration is brought back, and the round is done again without counting what it had; the
configuration is tried once more, because anybody can end a process. The second time it is out.
"""

import math
import time
from collections.abc import Callable, Sequence
from statistics import fmean

from workbench.config import Config
from workbench.constraints import better, shown
from workbench.errors import CapabilityError, ModelError, OutOfMemory, Stopped, WorkbenchError, WorkerDied
from workbench.metrics import Better
from workbench.pairing import Half
from workbench.results import SweepEntry, SweepNode, SweepRun
from workbench.stats import mean_interval
from workbench.sweep.diary import Diary
from workbench.sweep.estimates import REFERENCE
from workbench.sweep.hosts import Host
from workbench.sweep.racing import Race
from workbench.sweep.rules import Step
from workbench.sweep.searching import Search
from workbench.sweep.state import State, Task, brief, memory_told, quality_of, told
from workbench.words import Message, say

_DEATHS = 2  # of workers under one configuration, after which it is out


class Runner:
    """stopped: asked between two runs · tell: called after every entry and before every load."""

    def __init__(
        self,
        task: Task,
        host: Host,
        diary: Diary,
        stopped: Callable[[], bool] = lambda: False,
        tell: Callable[["Runner", Message], None] = lambda _runner, _what: None,
        began: float | None = None,
    ) -> None:
        self.task, self.host, self.state = task, host, State()
        self.search: Search | None = None  # of a space too large to race whole
        self.race = Race(task.groups, task.rules, together=self._together, runs=task.base_enters)
        self.ended_by = ""
        self.nodes: tuple[SweepNode, ...] = ()  # where there are several
        self.flags: list[Message] = []
        self._diary = diary
        self._stopped = stopped
        self._tell = tell
        self._warm: set[int] = set()
        self._sign = 1.0 if better(task.objective) is Better.HIGHER else -1.0
        self._began = time.monotonic() if began is None else began

    @property
    def spent_s(self) -> float:
        return time.monotonic() - self._began

    def go(self) -> None:
        """Until the race is over, the budget is spent, or somebody stops it; `ended_by` says which."""
        self._replay()
        try:
            while not self.ended_by:
                step = self.race.next()
                if step is None:
                    if self._wins() and not self._more():
                        self.ended_by = self.race.ended_by
                elif self._over():
                    self.ended_by = "budget"
                else:
                    self._round(step)
        except (Stopped, KeyboardInterrupt):
            self.host.stop()
            self.ended_by = "stopped"

    def _together(self, a: int, b: int) -> bool:
        return (min(a, b), max(a, b)) in self.task.together

    def _over(self, share: float = 1.0) -> bool:
        return self.task.budget_s is not None and self.spent_s >= share * self.task.budget_s

    def _more(self) -> bool:
        """Whether there is more to do when the race asks for nothing."""
        return False

    def _widen(self, entry: SweepEntry) -> None:
        """More points, or no more of them, as an earlier call wrote it down."""

    def _replay(self) -> None:
        for entry in self._diary.earlier:
            if entry.event == "round":
                if not self._retold(entry):
                    break
                self.state.reused += len(entry.runs)
            elif entry.event in ("proposed", "searched"):
                self._widen(entry)
            elif entry.event == "died" and entry.arm is not None:
                self.state.deaths[entry.arm] += 1
                self.race.unloaded()
            elif entry.event == "out":
                self._out(entry)
            elif entry.event == "quality" and entry.arm is not None and entry.quality is not None:
                self.state.quality[entry.arm] = entry.quality
                self.race.unloaded()
        self.race.unloaded()

    def _retold(self, entry: SweepEntry) -> bool:
        """Whether the race, told again what it was told, asks for that round."""
        step = self.race.next()
        if step and entry.loads and not step.loads:  # that call began anew here
            self.race.unloaded()
            step = self.race.next()
        if step is None or not {each.arm for each in entry.runs} <= set(step.arms):
            return False  # it asks for something else now: what follows was of another one
        self._hear(Step(step.arms, entry.groups, entry.loads), entry)
        return True

    def _hear(self, step: Step, entry: SweepEntry) -> None:
        gains = {}
        for each in entry.runs:
            self.state.runs.setdefault(each.arm, []).append(each)
            if each.peak_bytes is not None:
                self.state.peaks[each.arm] = max(each.peak_bytes, self.state.peaks.get(each.arm, 0))
            value = self._value(each)
            if value is not None:
                gains[each.arm] = self._sign * math.log(value)
        self.race.tell(step, gains)

    def _value(self, run: SweepRun) -> float | None:
        if self.task.objective == "peak_bytes":
            return self.state.peaks.get(run.arm)
        return run.run.get(self.task.objective)

    def _out(self, entry: SweepEntry) -> None:
        assert entry.arm is not None, "somebody goes"
        assert entry.why is not None, "for a reason"
        self.state.out[entry.arm] = (entry.state, entry.why)
        self.race.out(entry.arm)

    def _drop(self, arm: int, state: str, why: Message) -> None:
        self._out(self._diary.write(event="out", arm=arm, state=state, why=why))
        self._tell(self, say("sweep.progress.out", arm=arm, why=str(why)))

    def _round(self, step: Step) -> None:
        began = time.monotonic()
        if not self._loaded(step):
            return
        runs: list[SweepRun] = []
        for arm in step.arms:
            if self._stopped():
                raise Stopped("session.stopped", phase="sweep")
            try:
                runs.append(self._run(arm))
            except WorkerDied as error:
                self._died(arm, error)
                return
            except (OutOfMemory, CapabilityError, ModelError) as error:
                self._failed(arm, error)
        if runs:
            seconds = time.monotonic() - began
            entry = self._diary.write(
                event="round", groups=step.groups, loads=step.loads, runs=tuple(runs), seconds=seconds
            )
            self._hear(step, entry)
            self._check([each.arm for each in runs])
        self._tell(self, say("sweep.progress.round"))

    def _loaded(self, step: Step) -> bool:
        """The step's groups resident. What cannot be is out, all that needs the same load with it."""
        configs = [self._config_of(group, step.arms) for group in step.groups]
        if step.loads:
            self._tell(self, say("sweep.progress.load", config=brief(configs[0])))
        try:
            if self.host.have(step.groups, configs):
                self._warm -= {arm for group in step.loads for arm in self._of(group)}
        except Stopped:
            raise
        except (OutOfMemory, CapabilityError, ModelError, WorkerDied) as error:
            self._not_loaded(error)
            return False
        return True

    def _failed(self, arm: int, error: WorkbenchError) -> None:
        if arm == REFERENCE and len(set(self.task.groups)) > 1:
            raise error  # nothing would link the groups
        self._drop(arm, "failed", memory_told(error) if isinstance(error, OutOfMemory) else told(error))

    def _not_loaded(self, error: WorkbenchError) -> None:
        group = self.host.failed
        arms = sorted(self._of(group) - set(self.state.out)) if group is not None else []
        if not arms:
            raise error
        if isinstance(error, WorkerDied):
            self._died(arms[0], error)
            if self.state.deaths[arms[0]] < _DEATHS:
                return
        if group == self.task.groups[0]:
            raise error  # without its base line nothing can be told
        self.race.unloaded()
        for arm in arms:
            if arm not in self.state.out:
                self._failed(arm, error)

    def _died(self, arm: int, error: WorkerDied) -> None:
        self._warm -= self._of(self.task.groups[arm])
        self.race.unloaded()
        self._diary.write(event="died", arm=arm)
        self.state.deaths[arm] += 1
        if self.state.deaths[arm] >= _DEATHS:
            self._failed(arm, error)

    def _run(self, arm: int) -> SweepRun:
        first = arm not in self._warm
        config, group = self.task.points[arm], self.task.groups[arm]
        more = {"energy": True} if self.task.energy else {}
        block = self.host.run(group, config, self.task.workload, first=first, **more)
        self._warm.add(arm)
        half = Half(block.run, block.seconds, block.conditions)
        if block.others_cores is not None:
            self.state.busy.append(block.others_cores)
        return SweepRun(arm=arm, run=dict(block.run), peak_bytes=block.peak_bytes, disturbed=half.disturbed)

    def _check(self, arms: Sequence[int]) -> None:
        """Drops what breaks a measured constraint: memory at once, speed when its interval lies beyond."""
        for arm in arms:
            for limit in self.task.limits:
                if limit.of_quality or arm in self.state.out or (arm == 0 and not self.task.base_enters):
                    continue
                values = self.state.values(arm, limit.metric)
                if limit.metric == "peak_bytes":
                    bounds = (max(values), max(values)) if values else None
                else:
                    bounds = mean_interval(values) if len(values) >= self.task.rules.looks[0] else None
                if bounds and not any(map(limit.keeps, bounds)):
                    said = {"limit": str(limit), "value": shown(limit.metric, fmean(values))}
                    self._drop(arm, "constraint", say("sweep.why.constraint", **said))

    def _wins(self) -> bool:
        """Whether the leader keeps what is asked of quality; it is measured for one that would win alone."""
        asked = [limit for limit in self.task.limits if limit.of_quality]
        if not asked or not self.race.ranked:
            return True
        arm = self.race.ranked[0]
        if arm not in self.state.quality and not self._judged(arm):
            return False
        found = self.state.quality[arm]
        for limit in asked:
            value = getattr(found, limit.metric)
            if value is None or not limit.keeps(value):
                said = {"limit": str(limit), "value": shown(limit.metric, value)}
                self._drop(arm, "constraint", say("sweep.why.constraint", **said))
                return False
        return True

    def _judged(self, arm: int) -> bool:
        """Quality of an arm, measured and written down; False where that failed, and the arm is out."""
        group = self.task.groups[arm]
        self._tell(self, say("sweep.progress.quality", config=brief(self.task.points[arm])))
        step = Step((arm,), (group,), (group,))
        if self._stopped():
            raise Stopped("session.stopped", phase="sweep")
        if not self._loaded(step):
            return False
        self.race.unloaded()
        self._warm.clear()
        try:
            found = self.host.quality(group, self.task.points[arm], self.task.suite)
        except WorkerDied as error:
            self._died(arm, error)
            return False
        except (OutOfMemory, CapabilityError, ModelError) as error:
            self._failed(arm, error)
            return False
        self._diary.write(event="quality", arm=arm, quality=quality_of(found))
        self.state.quality[arm] = quality_of(found)
        return True

    def _config_of(self, group: int, arms: Sequence[int]) -> Config:
        """What a group is loaded with: the first of the round's arms that it serves, else its first one left."""
        here = [arm for arm in arms if self.task.groups[arm] == group]
        left = [arm for arm in sorted(self._of(group)) if arm not in self.state.out]
        return self.task.points[(here or left or sorted(self._of(group)))[0]]

    def _of(self, group: int) -> set[int]:
        return {arm for arm, own in enumerate(self.task.groups) if own == group}
