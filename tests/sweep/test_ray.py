"""A sweep on a real Ray cluster of two nodes: A/A, tags, both at work, a node killed, a driver killed, Stop."""

import os
import platform
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

import workbench as wb
from tests.conftest import ROOT, workers
from tests.sweep.ray_cluster import NODE, number_of, other, two_nodes
from tests.sweep.test_sweep import TINY, entries
from workbench.cli.sweep import lines
from workbench.results import SweepEntry
from workbench.sweep import ray_host
from workbench.sweep.rules import Rules

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(600),  # the cluster and its first sweeps are one fixture
    pytest.mark.skipif(sys.platform != "linux", reason="Ray calls clusters of other systems untested"),
]

WORK = wb.Workload(prompt_tokens=1024, new_tokens=2)
BASE = wb.Config(attention="eager", dtype="float32", threads=1, device="cpu")
SPACE = {"attention": ["eager", "sdpa"], "dtype": ["float32", "bfloat16"], "threads": [1]}
# sdpa reads a long prompt three times as fast as eager does: which is best is no matter of chance
HOW: dict[str, Any] = {"objective": "prefill_tps", "base": BASE, "precision": 0.5, "when_busy": "beside"}


@pytest.fixture(scope="module")
def cluster(demo_home: Path) -> Iterator[Any]:
    with two_nodes() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[wb.Runs]:
    with wb.Runs(tmp_path_factory.mktemp("runs") / "runs.sqlite3") as runs:
        yield runs


@dataclass
class Found:
    first: wb.Sweep
    whole: wb.Sweep
    threads: set[str]
    entries: list[SweepEntry]


def in_the_race(runs: wb.Runs) -> list[SweepEntry]:
    """Rounds of the newest sweep that are none of the base line alone."""
    newest = runs.list(kind="sweepentry", limit=1)
    rounds = [each for each in entries(runs, newest[0]["result"]["key"]) if each.event == "round"] if newest else []
    return [each for each in rounds if {run.arm for run in each.runs} != {0}]


def processes() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


@pytest.fixture(scope="module")
def found(cluster: Any, runs: wb.Runs) -> Found:
    """One that is stopped when both nodes had rounds in the race; the same call again, an actor of which is killed."""
    threads: set[str] = set()
    both = threading.Event()

    def hear(_told: Any) -> None:
        threads.add(threading.current_thread().name)
        if len({each.place for each in in_the_race(runs)}) == 2:
            both.set()

    def kill(told: Any) -> None:
        if told.what.code == "sweep.progress.round" and not killed:
            actor = next(each for each in processes() if each.name().startswith("ray::Engines"))
            actor.kill()
            killed.append(actor.pid)

    first = wb.sweep(TINY, SPACE, WORK, host="ray", runs=runs, progress=hear, stop=both.is_set, **HOW)
    assert not workers()
    killed: list[int] = []
    whole = wb.sweep(TINY, SPACE, WORK, host="ray", runs=runs, progress=kill, **HOW)
    assert killed
    return Found(first, whole, threads, entries(runs, whole.key))


def test_stop_ends_both_nodes_and_the_same_call_goes_on(found: Found) -> None:
    assert found.first.stopped_by == "stopped"
    assert found.whole.reused == found.first.runs > 12
    assert found.whole.stopped_by == "precision"
    assert found.whole.runs == sum(len(each.runs) for each in found.entries) > found.first.runs
    assert found.threads == {threading.current_thread().name}


def test_an_actor_that_ends_on_a_node_that_lives_is_started_again(found: Found) -> None:
    (died,) = [each for each in found.entries if each.event == "died"]
    assert any(each.event == "round" and each.place == died.place for each in found.entries[died.at :])
    assert {node.state for node in found.whole.nodes} == {"used"}


def test_the_winner_is_the_faster_one_and_every_group_was_seen(found: Found) -> None:
    best = found.whole.best
    assert best is not None
    assert best.config["attention"] == "sdpa"
    assert all(point.rounds >= Rules().screening for point in found.whole.points)
    base = found.whole.points[0]
    assert base.ratio is not None
    assert base.ratio < 0.8  # by its own rounds; on a busy machine the interval may not say so


def test_both_nodes_work_at_once_each_with_its_own_base_line(found: Found) -> None:
    rounds = [each for each in found.entries if each.event == "round"]
    race = [each for each in rounds if {run.arm for run in each.runs} != {0}]
    assert len({each.node for each in race}) == 2
    first, second = sorted({each.place for each in rounds})[:2]
    order = [each.place for each in rounds if each.place in (first, second)]
    assert order.index(second) < len(order) - 1 - order[::-1].index(first)  # neither waits for the other's end
    assert order.index(first) < len(order) - 1 - order[::-1].index(second)
    for place in {each.place for each in race}:
        own = [each for each in rounds if each.place == place]
        assert own[0].loads  # an engine of its own
        assert 0 in {run.arm for run in own[0].runs}  # whose base line links it


def test_an_a_a_of_the_nodes_comes_before_rounds_of_both_are_compared(found: Found) -> None:
    at = next(each.at for each in found.entries if each.event == "nodes")
    before = [each for each in found.entries if each.at < at and each.event == "round"]
    assert {tuple(run.arm for run in each.runs) for each in before} == {(0,)}
    assert len({each.place for each in before}) == 2
    told = found.entries[at].nodes
    assert [node.place for node in told] == [1, 2]
    assert told[0].ratio == 1
    assert told[1].ratio is not None
    assert told[1].ci95 is not None
    assert told[1].ci95[0] < told[1].ratio < told[1].ci95[1]
    assert told[1].noise_floor is not None
    ends = {True: "places differ by more than the noise", False: ""}
    assert ends[any(bool(node.differs) for node in found.whole.nodes)] in " ".join(map(str, found.whole.flags))


def test_runs_are_tagged_and_name_no_machine(found: Found, runs: wb.Runs) -> None:
    assert all(each.place and each.node in (1, 2) for each in found.entries if each.event == "round")
    assert {each.gpu for each in found.entries} == {None}  # no GPU here: none is made up
    assert {node.place for node in found.whole.nodes} >= {each.place for each in found.entries if each.place}
    stored = "".join(map(str, [*runs.list(kind="sweep"), *runs.list(kind="sweepentry", limit=1000)]))
    for name in (socket.gethostname(), platform.node(), "127.0.0.1", "/tmp/"):
        assert f"'{name}'" not in stored
        assert len(name) < 4 or name not in stored
    table = "\n".join(lines(found.whole))
    assert "place 1 (machine 1: " in table
    assert "place 2 (machine 2: " in table


def test_a_call_that_has_nothing_left_to_ask_loads_nothing(found: Found, cluster: Any, runs: wb.Runs) -> None:
    again = wb.sweep(TINY, SPACE, WORK, host="ray", runs=runs, **HOW)
    assert again.loads == 0
    assert again.reused == again.runs == found.whole.runs
    assert (again.winner, again.points, again.nodes) == (found.whole.winner, found.whole.points, found.whole.nodes)
    assert len(entries(runs, again.key)) == len(found.entries)


def test_nothing_listens_beyond_this_machine(cluster: Any) -> None:
    listening = {}
    for process in processes():
        for each in process.net_connections("inet"):
            if each.status == psutil.CONN_LISTEN:
                listening[process.name(), each.laddr.port] = each.laddr.ip
    assert listening
    assert {address.removeprefix("::ffff:") for address in listening.values()} <= {"127.0.0.1", "::1"}


CALLER = """
import sys
import workbench as wb
from tests.sweep.test_ray import TINY, WORK, SPACE, HOW
wb.sweep(TINY, SPACE, WORK, host="ray", runs=wb.Runs(sys.argv[1]),
         progress=lambda told: print(told.what.code, flush=True), **{**HOW, "precision": 0.0001})
"""


def test_a_driver_that_is_killed_leaves_no_engine_and_loses_the_rounds_in_flight_alone(
    cluster: Any, tmp_path: Path
) -> None:
    store = tmp_path / "runs.sqlite3"
    driver = subprocess.Popen([sys.executable, "-c", CALLER, str(store)], stdout=subprocess.PIPE, text=True)
    try:
        assert driver.stdout is not None
        rounds = 0
        while rounds < 14:  # the last of them in the race
            line = driver.stdout.readline()
            assert line, "it ended early"
            rounds += "progress.round" in line
        assert len(workers()) >= 2
        threads = {worker.environ().get("OMP_NUM_THREADS") for worker in workers()}
        from_here = {worker.environ().get("PYTHONPATH", "").split(os.pathsep)[0] for worker in workers()}
        assert from_here == {str(ROOT)}  # the workbench of the driver, where it is not an installed one
        assert threads == {os.environ.get("OMP_NUM_THREADS")}  # the config's threads count, not Ray's CPUs
        driver.send_signal(signal.SIGKILL)
    finally:
        driver.kill()
        driver.wait()
        driver.stdout.close() if driver.stdout else None
    until = time.monotonic() + 30
    while workers() and time.monotonic() < until:
        time.sleep(0.1)
    assert not workers()
    with wb.Runs(store) as runs:
        before = [each for each in runs.list(kind="sweepentry", limit=1000) if each["result"]["event"] == "round"]
        assert len(before) >= 14
        how = {**HOW, "precision": 0.0001}
        found = wb.sweep(TINY, SPACE, WORK, host="ray", runs=runs, stop=lambda: True, **how)
    assert found.reused == found.runs == sum(len(each["result"]["runs"]) for each in before)
    assert (found.stopped_by, found.loads) == ("stopped", 0)
    assert {node.place for node in found.nodes} == {each["result"]["place"] for each in before}


def test_a_node_that_is_killed_loses_the_round_in_flight_and_its_groups_go_on_elsewhere(
    cluster: Any, runs: wb.Runs
) -> None:
    number, killed = number_of(other(cluster)), threading.Event()

    def hear(_told: Any) -> None:
        if not killed.is_set() and any(each.node == number for each in in_the_race(runs)):
            killed.set()
            cluster.remove_node(other(cluster), allow_graceful=False)

    told: list[str] = []

    def hear_and_keep(given: Any) -> None:
        told.append(given.what.code)
        hear(given)

    work = WORK.replace(new_tokens=200)  # the race must outlast the node, whose death takes a moment of its own
    found = wb.sweep(
        TINY, SPACE, work, host="ray", runs=runs, progress=hear_and_keep, seed=1, **{**HOW, "precision": 0.1}
    )
    assert killed.is_set()
    assert "sweep.progress.lost" in told
    kept = entries(runs, found.key)
    end = next(each for each in kept if each.event == "lost")
    assert end.node == number
    there = [each for each in kept if each.event == "round" and each.node == number]
    after = [each for each in kept if each.event == "round" and each.at > end.at]
    assert {each.place for each in after} == {3 - (end.place or 0)}
    assert found.runs == sum(len(each.runs) for each in kept)
    begun = {run.arm for each in there for run in each.runs}
    unfinished = {
        arm for arm in begun if sum(arm in {run.arm for run in each.runs} for each in there) < Rules().screening
    }
    # how many there are is the clock's word: a node that is fast may have screened its group before it is dead
    assert unfinished <= {run.arm for each in after for run in each.runs}
    assert found.best is not None
    assert found.best.config["attention"] == "sdpa"
    assert all(point.rounds >= Rules().screening for point in found.points)
    assert [node.state for node in found.nodes if node.node == number] == ["lost"]
    assert any(flag.code == "sweep.flag.node_lost" for flag in found.flags)


def test_machines_that_cannot_be_compared_take_no_part(
    cluster: Any, runs: wb.Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node with another accelerate, as its metadata says; it alone has GPUs, as Ray counts them."""
    folder = tmp_path / "accelerate-0.0.1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: accelerate\nVersion: 0.0.1\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    head, node = cluster.head_node, cluster.add_node(**{**NODE, "num_gpus": 2})
    numbers = {one: number_of(one) for one in (head, node)}
    opened = TINY, None, runs, wb.doctor()
    try:
        with closing(wb.sweep.Ray(num_gpus=0)(*opened)) as host:
            assert numbers[head] in {place.node for place in host.places}
            (left,) = host.left_out
            assert left.node == numbers[node]
            assert "accelerate 0.0.1 ≠ " in str(left.why)
        with closing(wb.sweep.Ray(num_cpus=0.5)(*opened)) as host:
            assert [place.node for place in host.places] == [numbers[node]] * 2
            import ray

            assert ray.available_resources().get("GPU", 0) == 0  # each place has one to itself
            assert {str(each.why) for each in host.left_out} == {"it has 0 GPUs for Ray, and 1 are asked for"}
    finally:
        cluster.remove_node(node)


def test_a_cluster_without_what_is_asked_for(cluster: Any, runs: wb.Runs) -> None:
    with pytest.raises(wb.CapabilityError, match="it has 0 GPUs for Ray, and 1 are asked for"):
        wb.sweep(TINY, SPACE, WORK, host=wb.sweep.Ray(num_gpus=1), runs=runs, **HOW)


def test_no_cluster_and_no_ray(runs: wb.Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(wb.CapabilityError, match=r"There is no Ray cluster at 127.0.0.1:9\.") as caught:
        wb.sweep(TINY, SPACE, WORK, host=wb.sweep.Ray("127.0.0.1:9"), runs=runs, **HOW)
    assert "RAY_ADDRESS" in caught.value.next_step
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(wb.CapabilityError) as caught:
        wb.sweep(TINY, SPACE, WORK, host="ray", runs=runs, **HOW)
    assert caught.value.next_step == ray_host.INSTALL
