"""Places that race in threads of their own, without Ray: what ends one, what ends all, who is told, what is written."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest

import workbench as wb
from workbench.results import Block, RunConditions, SweepEntry, SweepNode
from workbench.sweep.cluster import ClusterRunner
from workbench.sweep.diary import Diary
from workbench.sweep.nodes import ALONE
from workbench.sweep.ray_host import RayHost
from workbench.sweep.ray_place import ActorDied, NodeLost
from workbench.sweep.rules import Rules
from workbench.sweep.state import Task

SCREENING = Rules().screening

WORK = wb.Workload(prompt_tokens=8, new_tokens=2)
POINTS = tuple(wb.Config(dtype=dtype, threads=threads) for dtype in ("float32", "bfloat16") for threads in (1, 2))
GROUPS = (0, 0, 1, 1)
SPEEDS = (10.0, 12.0, 16.0, 9.0)
Harm = Callable[[int], None]


class Place:
    """As ray_host.Place: `speed` of its machine; `harm` is called with the number of each run before it."""

    def __init__(self, node: int, speed: float = 1.0, harm: Harm = lambda _run: None) -> None:
        self.node, self.loads, self.failed = node, 0, None
        self._speed, self._harm, self._runs, self._here = speed, harm, 0, tuple[int, ...]()
        self._generator = random.Random(node)
        self.stopped = threading.Event()

    def tag(self, place: int) -> SweepNode:
        return SweepNode(place=place, node=self.node, gpu="G", gpu_uuid=f"GPU-{self.node}", machine="m")

    def have(self, groups: Sequence[int], _configs: object) -> bool:
        fresh = set(groups) - set(self._here)
        self._here = tuple(groups)
        self.loads += len(fresh)
        return bool(fresh)

    def run(self, group: int, config: wb.Config, workload: wb.Workload, *, first: bool, energy: bool = False) -> Block:
        assert group in self._here
        self._runs += 1
        time.sleep(0.001)
        try:
            self._harm(self._runs)
        except ActorDied:
            self._here = ()
            raise
        if self.stopped.is_set():
            raise wb.Stopped("session.stopped", phase="sweep")
        value = self._speed * SPEEDS[POINTS.index(config)] * self._generator.uniform(0.98, 1.02)
        return Block(run={"decode_tps": value}, seconds=0.001, conditions=RunConditions(), workload=workload)


class Places:
    def __init__(self, *places: Place) -> None:
        self.places, self.left_out = list(places), list[SweepNode]()

    @property
    def loads(self) -> int:
        return sum(place.loads for place in self.places)

    def stop(self) -> None:
        for place in self.places:
            place.stopped.set()


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[wb.Runs]:
    with wb.Runs(tmp_path / "runs.sqlite3") as runs:
        yield runs


@cache
def machine() -> wb.Machine:
    return wb.doctor()


def runner(runs: wb.Runs, *places: Place, **more: Any) -> ClusterRunner:
    options = {name: more.pop(name) for name in ("stopped", "tell") if name in more}
    fields: dict[str, Any] = {
        "points": POINTS,
        "groups": GROUPS,
        "together": frozenset({(0, 1)}),
        "base_enters": True,
        "workload": WORK,
        "objective": "decode_tps",
        "limits": (),
        "rules": Rules(precision=0.02),
    }
    diary = Diary(runs, "key", "m", machine(), WORK, fresh=False)
    return ClusterRunner(Task(**{**fields, **more}), cast(RayHost, Places(*places)), diary, **options)


def kept(runs: wb.Runs) -> list[SweepEntry]:
    found = [SweepEntry.from_dict(each["result"]) for each in runs.list(kind="sweepentry", limit=10_000)]
    return sorted(found, key=lambda entry: entry.at)


def at(run: int, error: Exception, times: int = 1) -> Harm:
    def harm(number: int) -> None:
        if run <= number < run + times:
            raise error

    return harm


def lost(node: int) -> NodeLost:
    return NodeLost("sweep.ray_node_lost", node=node, why="gone")


def died(node: int) -> ActorDied:
    return ActorDied("sweep.ray_actor_died", node=node, why="killed")


def test_all_places_work_and_only_the_caller_is_told(runs: wb.Runs) -> None:
    told: list[str] = []
    race = runner(
        runs, Place(1), Place(2, 3.0), Place(3), tell=lambda _r, _w: told.append(threading.current_thread().name)
    )
    race.go()
    assert race.race.ranked[0] == 2
    assert race.ended_by == "precision"
    assert set(told) == {threading.current_thread().name}
    rounds = [entry for entry in kept(runs) if entry.event == "round"]
    assert {entry.gpu for entry in rounds} == {"GPU-1", "GPU-2", "GPU-3"}
    assert all(entry.gpu == f"GPU-{entry.node}" for entry in rounds)
    assert [node.differs for node in race.nodes] == [False, True, False]
    assert race.nodes[1].ratio == pytest.approx(3, rel=0.05)
    assert [flag.code for flag in race.flags] == ["sweep.flag.nodes_differ"]
    assert [node.rounds for node in race.nodes] == [ALONE] * 3
    assert threading.active_count() < 20


def test_one_place_alone_has_nobody_to_be_compared_with(runs: wb.Runs) -> None:
    race = runner(runs, Place(1))
    race.go()
    assert race.race.ranked[0] == 2
    assert not [entry for entry in kept(runs) if entry.event == "nodes"]
    assert race.flags == []


@pytest.mark.parametrize("run", [1, 4, ALONE + 1, ALONE + 2, ALONE + 4, ALONE + 6])
def test_a_place_is_lost_at_any_moment(runs: wb.Runs, run: int) -> None:
    race = runner(runs, Place(1), Place(2, harm=at(run, lost(2), times=10_000)))
    race.go()
    assert race.race.ranked[0] == 2
    assert all(race.race.rounds(arm) >= SCREENING for arm in range(4))
    assert [node.state for node in race.nodes] == ["used", "lost"]
    assert "gone" in str(race.nodes[1].why)
    assert [entry.node for entry in kept(runs) if entry.event == "lost"] == [2]
    assert sum(len(entry.runs) for entry in kept(runs)) == race.state.count
    assert "sweep.flag.node_lost" in {flag.code for flag in race.flags}


def test_the_last_place_is_lost_and_what_was_measured_is_kept(runs: wb.Runs) -> None:
    harm = at(ALONE + 3, lost(1), times=10_000)
    race = runner(runs, Place(1, harm=harm), Place(2, harm=harm))
    with pytest.raises(wb.WorkerDied, match="last machine of the cluster was lost"):
        race.go()
    before = race.state.count
    assert before >= 2 * ALONE
    again = runner(runs, Place(7))
    again.go()
    assert again.state.reused == before
    assert again.race.ranked[0] == 2
    assert [(node.place, node.state) for node in again.nodes] == [(1, "lost"), (2, "lost"), (3, "used")]


def test_the_end_of_an_actor_is_held_against_no_configuration(runs: wb.Runs) -> None:
    race = runner(runs, Place(1), Place(2, harm=at(ALONE + 2, died(2), times=2)))
    race.go()
    assert race.state.out == {}
    assert race.race.ranked[0] == 2
    assert [node.state for node in race.nodes] == ["used", "used"]
    assert [(entry.arm, entry.node) for entry in kept(runs) if entry.event == "died"] == [(None, 2)] * 2


def test_what_an_actor_held_is_loaded_again_where_it_ended(runs: wb.Runs) -> None:
    race = runner(runs, Place(1), Place(2, harm=at(1, died(2))))
    race.go()
    there = [entry for entry in kept(runs) if entry.event == "round" and entry.node == 2]
    assert there[0].loads == (0,)
    assert race.nodes[1].rounds == ALONE - 1


def test_a_place_whose_actors_end_again_and_again_is_lost(runs: wb.Runs) -> None:
    race = runner(runs, Place(1), Place(2, harm=at(ALONE + 2, died(2), times=10_000)))
    race.go()
    assert race.race.ranked[0] == 2
    assert [node.state for node in race.nodes] == ["used", "lost"]
    assert "ended 3 times: killed" in str(race.nodes[1].why)


def test_the_same_call_asks_for_nothing_again(runs: wb.Runs) -> None:
    first = runner(runs, Place(1), Place(2))
    first.go()
    idle = Place(1, harm=at(1, AssertionError("nothing is left to run"), times=10_000))
    again = runner(runs, idle)
    again.go()
    assert again.state.reused == again.state.count == first.state.count
    assert (again.race.ranked, again.race.dropped) == (first.race.ranked, first.race.dropped)
    assert again.nodes == first.nodes
    assert again.ended_by == first.ended_by


def test_stop_ends_all_places(runs: wb.Runs) -> None:
    rounds: list[str] = []
    places = Place(1), Place(2)
    race = runner(
        runs,
        *places,
        rules=Rules(precision=1e-6),
        tell=lambda _r, what: rounds.append(what.code),
        stopped=lambda: len(rounds) > 16,
    )
    race.go()
    assert race.ended_by == "stopped"
    assert all(place.stopped.is_set() for place in places)
    assert sum(len(entry.runs) for entry in kept(runs)) == race.state.count > ALONE


def test_a_base_line_that_cannot_run_ends_it_with_its_error(runs: wb.Runs) -> None:
    error = wb.CapabilityError("capability.no_gpu")
    places = Place(1), Place(2, harm=at(2, error))
    with pytest.raises(wb.CapabilityError) as caught:
        runner(runs, *places).go()
    assert caught.value is error
    assert all(place.stopped.is_set() for place in places)


def test_the_budget_ends_it_between_rounds(runs: wb.Runs) -> None:
    race = runner(runs, Place(1), Place(2), budget_s=0.15, rules=Rules(precision=1e-6))
    race.go()
    assert race.ended_by == "budget"
    assert race.state.count
