"""A place of a Ray cluster: an actor that keeps the engines of its load groups, on one machine or one GPU of it."""

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.config import Config
from workbench.errors import WorkbenchError, WorkerDied
from workbench.results import Block, Machine, ModelFacts, QualityDiff, SweepNode, Workload
from workbench.sweep.node_engines import Answer, Engines, Hello

_LOOK_S = 0.2  # between looks whether a call has come back
_DEAD_S = 60.0  # Ray's own verdict on a machine that is silent takes up to half of it (health checks of the GCS)
_CLOSE_S = 15.0


class ActorDied(WorkerDied):
    """The process that kept the engines of a place ended, and its machine is there. The next `have` starts another."""


class NodeLost(WorkbenchError):
    """The machine of a place is gone. A race goes on elsewhere."""


@dataclass(frozen=True)
class Engine:
    """What every place opens."""

    model: str
    revision: str | None
    allow_pickle: bool
    when_busy: str | None


@dataclass
class Site:
    """Room for a place on a machine."""

    node: int
    node_id: str
    num_gpus: float
    num_cpus: float


class Place:
    """The engines of one place, as a `Host` of their own. NodeLost: its machine is gone."""

    def __init__(self, ray: Any, site: Site, engine: Engine) -> None:
        self.node = site.node
        self.loads = 0
        self.failed: int | None = None
        self._ray, self._site, self._engine = ray, site, engine
        self._before = 0  # loads of actors before this one
        self._hello: Hello | None = None
        self._facts: ModelFacts | None = None
        self._stopping = threading.Event()
        self._actor: Any = None
        self.start()

    def start(self) -> Any:
        """Has Ray start the actor; the reference of its hello."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        site, engine = self._site, self._engine
        actor = self._ray.remote(Engines).options(
            num_cpus=site.num_cpus,
            num_gpus=site.num_gpus,
            max_concurrency=2,  # stop comes while a run goes on
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(site.node_id, soft=False),
        )
        self._before = self.loads
        self._actor = actor.remote(engine.model, engine.revision, engine.allow_pickle, engine.when_busy)
        self.greeting = self._actor.hello.remote()
        return self.greeting

    def greeted(self) -> None:
        """Takes its hello, waiting for it."""
        self._hello = self._read(self.greeting)

    @property
    def hello(self) -> Hello:
        assert self._hello is not None, "it answered"
        return self._hello

    @property
    def machine(self) -> Machine:
        return self.hello.machine

    @property
    def facts(self) -> ModelFacts:
        assert self._facts is not None, "an engine was resident"
        return self._facts

    def tag(self, place: int) -> SweepNode:
        """What its rounds are marked with."""
        gpu = next(iter(self.machine.gpus), None) if self._site.num_gpus else None
        return SweepNode(
            place=place,
            node=self.node,
            gpu=gpu.name if gpu else None,
            gpu_uuid=gpu.uuid if gpu else None,
            machine=self.machine.label,
        )

    def free(self) -> Machine:
        found: Machine = self._ask("free")
        return found

    def have(self, groups: Sequence[int], configs: Sequence[Config]) -> bool:
        try:
            if self._actor is None:
                self.start()
                self.greeted()
            loaded: bool = self._ask("have", tuple(groups), tuple(configs))
        except ActorDied:
            self.failed = groups[-1]  # it cannot say any more
            raise
        return loaded

    def run(self, group: int, config: Config, workload: Workload, *, first: bool, energy: bool = False) -> Block:
        found: Block = self._ask("run", group, config, workload, first, energy)
        return found

    def quality(self, group: int, config: Config, suite: str | Path) -> QualityDiff:
        found: QualityDiff = self._ask("quality", group, config, suite)
        return found

    def stop(self) -> None:
        self._stopping.set()
        if self._actor is not None:
            self._actor.stop.remote()

    def close(self) -> None:
        """Ends its workers, then the actor; one that does not answer is ended with them."""
        if self._actor is None:
            return
        ray, actor, self._actor = self._ray, self._actor, None
        with contextlib.suppress(ray.exceptions.RayError, TimeoutError):  # gone, or hung: killed below
            ray.get(actor.close.remote(), timeout=_CLOSE_S)
        ray.kill(actor)

    def _ask(self, name: str, *arguments: Any) -> Any:
        return self._read(getattr(self._actor, name).remote(*arguments))

    def _read(self, reference: Any) -> Any:
        ray = self._ray
        try:
            while not ray.wait([reference], timeout=_LOOK_S)[0]:
                pass
            answer: Answer = ray.get(reference)
        except ray.exceptions.RayError as error:
            raise self._gone(error) from error
        self.loads = self._before + answer.loads
        self.failed = answer.failed
        self._facts = self._facts or answer.facts
        return answer.read()

    def _gone(self, error: Exception) -> Exception:
        """After a call that Ray could not bring home: whether the machine is lost, or its actor alone."""
        ray, actor, self._actor = self._ray, self._actor, None
        try:
            ray.get(actor.free.remote(), timeout=_DEAD_S)  # answered when Ray knows whether it is dead
        except (ray.exceptions.RayError, TimeoutError) as final:
            error = final
        ray.kill(actor)  # one that was cut off for a moment may have half of a run
        problem = brief(error)
        if any(node["NodeID"] == self._site.node_id and node["Alive"] for node in ray.nodes()):
            return ActorDied("sweep.ray_actor_died", node=self.node, why=problem)
        return NodeLost("sweep.ray_node_lost", node=self.node, why=problem)


def brief(error: Exception) -> str:
    """What a Ray error says without addresses: the kind, and the exception that it carries, where there is one."""
    last = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = last[-1] if last and last[-1].split(":")[0].rpartition(".")[2].endswith("Error") else ""
    return f"{type(error).__name__}: {told}" if told else type(error).__name__
