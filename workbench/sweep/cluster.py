"""A sweep on several places at once: a `Runner` for each in a thread of its own, one race, one diary, one writer.

Whoever holds the turn works on the race and the diary; it is given away while a place loads or runs, and that is
nearly always. A place that is lost ends its thread: what it was at is asked of another.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from workbench.errors import Stopped, WorkerDied
from workbench.results import SweepEntry, SweepNode
from workbench.sweep import nodes as places
from workbench.sweep.apart import Apart, Tagged
from workbench.sweep.diary import Diary
from workbench.sweep.lanes import Lanes
from workbench.sweep.ray_host import RayHost
from workbench.sweep.ray_place import ActorDied, NodeLost, Place
from workbench.sweep.rules import Step
from workbench.sweep.runner import Runner
from workbench.sweep.state import Task
from workbench.words import Message, say

_ACTORS = 3  # processes of one place that may end before it counts as lost
_HEARD_S = 0.2  # between looks of the calling thread: messages, Stop


class ClusterRunner(Runner):
    """The arguments of a Runner, with a RayHost. `tell` and `stopped` are called by the thread that called `go`."""

    host: RayHost

    def __init__(
        self,
        task: Task,
        host: RayHost,
        diary: Diary,
        stopped: Callable[[], bool] = lambda: False,
        tell: Callable[[Runner, Message], None] = lambda _runner, _what: None,
        began: float | None = None,
    ) -> None:
        super().__init__(task, host, diary, stopped, tell, began)
        self.lanes_race = Lanes(task.groups, task.rules, together=self._together, runs=task.base_enters)
        self.race = self.lanes_race
        self.turn = threading.Condition()
        self.working: set[Lane] = set()
        self.stopping = False
        self.problem: BaseException | None = None
        self._heard: deque[Message] = deque()
        self._why_lost = ""

    def go(self) -> None:
        self._replay()
        before = self.nodes
        first = max((node.place for node in before), default=0) + 1
        lanes = [Lane(self, place, number) for number, place in enumerate(self.host.places, first)]
        self.lanes_race.enter(first)
        over = self.race.next() is None
        try:
            if over:  # at most the quality of what would win is still to be known
                self._work(lanes[:1], Lane.race_on)
            else:
                self._compare(lanes)
                self._work(lanes, Lane.race_on)
        finally:
            self.lanes_race.settle()
            measured = {visit.place for visit in self.race.visits if visit.rounds}
            own = [lane.node for lane in lanes if lane.number in measured or lane.node.state == "lost"]
            self.nodes = (*before, *own, *self.host.left_out)
            self.flags += places.flags(self.nodes)

    def lost(self, lane: "Lane", why: Message) -> None:
        """Of a lane that has the turn: its machine is gone."""
        self.lanes_race.unloaded()
        self.lanes_race.leave(lane.number)
        lane.node = lane.node.model_copy(update={"state": "lost", "why": why})
        lane.diary.write(event="lost", why=why)
        self.hear(say("sweep.progress.lost", node=lane.node.node))
        self._why_lost = str(why)

    def hear(self, what: Message) -> None:
        self._heard.append(what)
        self.turn.notify_all()

    def _compare(self, lanes: Sequence["Lane"]) -> None:
        """The base line at all places at the same time, before rounds of several are compared."""
        if len(lanes) < 2:
            return
        machines = len({lane.node.node for lane in lanes})
        self._tell(self, say("sweep.progress.places", places=len(lanes), nodes=machines))
        self._work(lanes, Lane.alone)
        if self.ended_by:
            return
        gains = {lane: [gain for visit in self.lanes_race.levels_at(lane.number) for gain in visit] for lane in lanes}
        first = next(lane for lane in lanes if lane.node.state == "used")
        for lane in lanes:
            if lane.node.state == "used" and self.task.objective != "peak_bytes":  # its gain is the most of all places
                lane.node = places.compared(first.node, lane.node, self._sign, gains[first], gains[lane])
        self._diary.write(event="nodes", nodes=tuple(lane.node for lane in lanes))

    def _work(self, lanes: Sequence["Lane"], what: Callable[["Lane"], None]) -> None:
        """`what` of every lane that is there, until all have ended. Raises what ended one of them otherwise."""
        if not self.ended_by and self._stopped():
            self.ended_by = "stopped"
        there = [lane for lane in lanes if lane.node.state == "used" and not self.ended_by]
        threads = [threading.Thread(target=lane.live, args=(what,), name="workbench-place") for lane in there]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            try:
                self._attend()
            except KeyboardInterrupt:
                self._halt()
        self._attend()
        if self.problem is not None:
            raise self.problem
        if not self.ended_by and all(lane.node.state == "lost" for lane in lanes):
            raise WorkerDied("sweep.ray_all_lost", why=self._why_lost)

    def _attend(self) -> None:
        """What the lanes said, in the caller's thread; whether somebody stops it."""
        with self.turn:
            if not self._heard:
                self.turn.wait(_HEARD_S)
            while self._heard:
                self._tell(self, self._heard.popleft())
        if not self.stopping and (self.problem is not None or self._stopped()):
            self._halt()

    def _halt(self) -> None:
        self.stopping = True
        self.host.stop()

    def _replay(self) -> None:
        for entry in self._diary.earlier:
            if entry.event == "nodes":
                known = {node.place for node in entry.nodes}
                self.nodes = (*(node for node in self.nodes if node.place not in known), *entry.nodes)
            elif entry.event == "lost":
                self.nodes = tuple(
                    node.model_copy(update={"state": "lost", "why": entry.why}) if node.place == entry.place else node
                    for node in self.nodes
                )
            elif entry.place is not None and entry.place not in {node.place for node in self.nodes}:
                gpu = entry.gpu  # that call ended before its places were compared
                self.nodes = (*self.nodes, SweepNode(place=entry.place, node=entry.node or 0, gpu=gpu))
        super()._replay()
        for node in self.nodes:
            self.lanes_race.enter(node.place)
            self.race.unloaded()
            self.lanes_race.leave(node.place)

    def _retold(self, entry: SweepEntry) -> bool:
        """What places asked for followed from each other's haste: it is told as it was, not asked for again."""
        self.lanes_race.enter(entry.place or 0)
        self._hear(Step(tuple(each.arm for each in entry.runs), entry.groups, entry.loads), entry)
        return True


class _Dying(Exception):
    """The engines of a place end again and again."""

    def __init__(self, why: Message) -> None:
        super().__init__(str(why))
        self.why = why


class Lane(Runner):
    """The runner of one place. Its state and race are the whole's; what is warm, and what is resident, is its own."""

    def __init__(self, whole: ClusterRunner, place: Place, number: int) -> None:
        self.node = place.tag(number)
        self.number = number
        self.diary = Tagged(whole._diary, self.node)
        super().__init__(whole.task, Apart(place, self.apart), self.diary, began=whole._began)
        self._whole = whole
        self._ended = 0  # processes of this place
        self.state, self.race = whole.state, whole.race
        self._stopped = lambda: whole.stopping
        self._tell = lambda _lane, what: whole.hear(what)

    def live(self, what: Callable[["Lane"], None]) -> None:
        """The thread of this place; what ends it is the whole's to know."""
        whole = self._whole
        with whole.turn:
            whole.lanes_race.enter(self.number)
            try:
                what(self)
            except NodeLost as lost:
                whole.lost(self, say("sweep.node.lost", problem=lost.why))
            except _Dying as dying:
                whole.lost(self, dying.why)
            except Stopped:
                whole.ended_by = whole.ended_by or "stopped"
            except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
                whole.problem = whole.problem or error
            finally:
                whole.working.discard(self)
                whole.lanes_race.leave(self.number)
                whole.turn.notify_all()

    def alone(self) -> None:
        """The base line by itself, so many times."""
        with self._at_work():
            for _ in range(places.ALONE):
                if self._over():
                    self._whole.ended_by = "budget"
                    return
                self._round(self._whole.lanes_race.alone())

    def race_on(self) -> None:
        """Rounds until the race is over, the budget is spent, or somebody stops it."""
        whole = self._whole
        while not whole.ended_by and whole.problem is None:
            step = self.race.next()
            whole.turn.notify_all()
            if step is not None and self._over():
                whole.ended_by = "budget"
            elif step is not None:
                with self._at_work():
                    self._round(step)
            elif whole.working:
                self.wait()
            else:
                with self._at_work():
                    if self._wins():
                        whole.ended_by = self.race.ended_by

    def wait(self) -> None:
        """Until another lane has something to say."""
        self._whole.turn.wait()
        self._whole.lanes_race.enter(self.number)

    def _died(self, arm: int, error: WorkerDied) -> None:
        """The end of a configuration's worker is held against it; that of the process around it, against the place."""
        if not isinstance(error, ActorDied):
            super()._died(arm, error)
            return
        self._ended += 1
        self._warm.clear()
        self.race.unloaded()
        self._diary.write(event="died")
        if self._ended >= _ACTORS:
            raise _Dying(say("sweep.node.dying", times=self._ended, problem=error.why))

    @contextmanager
    def apart(self) -> Iterator[None]:
        """The turn given away, and taken again."""
        whole = self._whole
        whole.turn.release()
        try:
            yield
        finally:
            whole.turn.acquire()
            whole.lanes_race.enter(self.number)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        whole = self._whole
        whole.working.add(self)
        try:
            yield
        finally:
            whole.working.discard(self)
            whole.turn.notify_all()
