"""Two configurations that no live change leads between, run by turns: two engines side by side, or one that reloads.

Only one of them computes at a time. What was in force before is in force again afterwards, whatever happens.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from workbench.bench import Bench
from workbench.config import Config
from workbench.costs import RUNS_PER_LOAD
from workbench.errors import WorkbenchError
from workbench.hosts.connection import OnEvent
from workbench.hosts.process import ProcessHost
from workbench.knobs import Cost
from workbench.pairing import Half
from workbench.probes.context import Context
from workbench.results import Block, Resolved, Workload
from workbench.words import say

Sides = tuple[Config, Config]


@dataclass
class Turns:
    """`run(0)` is a's next run, `run(1)` b's. `resolved`, `loads` and `workload` fill as the work goes on."""

    run: Callable[[int], Half]
    resolved: dict[int, Resolved]
    workload: Workload
    loads: int = 0


@contextmanager
def restored(bench: Bench, job: int) -> Iterator[None]:
    """The configuration of now is in force again after the block. A failure to do so never hides one of the block."""
    before = bench.config
    try:
        yield
    except BaseException:
        if bench.closed:
            raise
        bench.context(job)  # the Stop that ended the block is not meant for the way back
        try:
            put(bench, job, before)
        except WorkbenchError as error:
            bench.tell(job, "error", error)
        raise
    put(bench, job, before)


@contextmanager
def two_engines(bench: Bench, job: int, sides: Sides, workload: Workload, context: Context) -> Iterator[Turns]:
    """The session's engine holds the side that is nearer to it; a worker that ends with the block holds the other.

    DeviceBusy, OutOfMemory, ModelError, Stopped as for any load.
    """
    nearer = 1 if _live(bench, sides[1]) and not _live(bench, sides[0]) else 0
    turns = Turns(lambda _side: half(_side), {}, workload)
    if not _live(bench, sides[nearer]):
        turns.loads += 1
    put(bench, job, sides[nearer])
    with second_engine(bench, sides[1 - nearer], context) as other:
        turns.loads += 1
        hosts = (bench.host, other) if nearer == 0 else (other, bench.host)

        def half(side: int, **options: Any) -> Half:
            return _block(turns, side, hosts[side].call, context, **options)

        for side in (0, 1):
            half(side, warm_up=True, runs=1)
        yield turns


@contextmanager
def one_engine(bench: Bench, job: int, sides: Sides, workload: Workload, context: Context) -> Iterator[Turns]:
    """The session's engine for both: what differs is live."""
    turns = Turns(lambda side: half(side), {}, workload)

    def call(operation: str, parameters: dict[str, Any], _on_event: OnEvent) -> dict[str, Any]:
        return bench.call(job, operation, parameters)

    def half(side: int) -> Half:
        put(bench, job, sides[side])
        return _block(turns, side, call, context)

    yield turns


@contextmanager
def second_engine(bench: Bench, config: Config, context: Context) -> Iterator[ProcessHost]:
    """The same model with `config` in a worker that ends with the block.

    DeviceBusy, OutOfMemory, ModelError, Stopped as for any load.
    """
    context.progress(say("progress.second_engine"), 0)
    with bench.beside.worker() as host:
        opening = bench.opening(config)
        # no engine that another notebook may take over
        opening["claim"] |= {"when_busy": "beside", "fingerprint": "beside " + opening["claim"]["fingerprint"]}
        host.call("open", opening, context.emit)
        yield host


@contextmanager
def alternating(bench: Bench, job: int, sides: Sides, workload: Workload, context: Context) -> Iterator[Turns]:
    """One engine, loaded anew for every half: several runs a load count as one, because they share its memory's layout.

    The engine that is resident serves as the first half's load where it has that side's configuration.
    """
    turns = Turns(lambda _side: half(_side), {}, workload)
    untouched = True

    def half(side: int) -> Half:
        nonlocal untouched
        if not (untouched and bench.config == sides[side]):
            put(bench, job, sides[side], fresh=True)
            turns.loads += 1
        untouched = False
        return _block(turns, side, bench.host.call, context, warm_up=True, runs=RUNS_PER_LOAD)

    yield turns


Call = Callable[[str, dict[str, Any], OnEvent], dict[str, Any]]


def _block(turns: Turns, side: int, call: Call, context: Context, **options: Any) -> Half:
    context.check()
    data = call("probe", {"probe": "block", "workload": turns.workload.to_dict(), **options}, context.emit)
    block = Block.from_dict(data["result"])
    turns.resolved[side] = Resolved.from_dict(data["resolved"])
    turns.workload = block.workload
    context.check()
    return Half(block.run, block.seconds, block.conditions)


def _live(bench: Bench, config: Config) -> bool:
    return bench.config.cost_to(config) is Cost.LIVE


def put(bench: Bench, job: int, config: Config, *, fresh: bool = False) -> None:
    """In force on the session's own engine, which is brought back first where its process is gone."""
    bench.revive(job)
    if fresh or bench.config != config:
        bench.call(job, "apply", {"config": config.to_dict(), "claim": bench.claim(config), "fresh": fresh})
