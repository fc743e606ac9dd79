"""host="ray": places on the machines of a Ray cluster, each an actor that keeps the engines of the groups it is given.

A place is one machine, or one of its GPUs where the cluster has some: Ray gives the actor `num_gpus` of it and shows it
that GPU alone. Both engines of a pair live in one place, so a pair is measured on one machine. Actors end with the
driver, whatever ended it, and their workers with them.
"""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.config import Config
from workbench.errors import CapabilityError, WorkbenchError
from workbench.results import Block, Machine, ModelFacts, QualityDiff, SweepNode, Workload
from workbench.runs import Runs
from workbench.sweep.node_engines import hello_of
from workbench.sweep.nodes import kind, unlike
from workbench.sweep.ray_place import Engine, Place, Site
from workbench.words import Message, say

INSTALL = "pip install 'ray>=2.50'"
_REACH_S = 5.0


@dataclass(frozen=True)
class Ray:
    """A Ray cluster as the host of a sweep: `wb.sweep(..., host="ray")`, or `host=wb.sweep.Ray(num_gpus=0.5)`.

    address   as `ray.init` takes it; default: the Ray that this process is connected to, else RAY_ADDRESS, else the
              cluster of this machine
    num_gpus  of one place; default: 1 where the cluster has GPUs, else 0
    num_cpus  of one place; default: all of its machine's, shared by its places
    wait_s    for the machines to answer
    """

    address: str | None = None
    num_gpus: float | None = None
    num_cpus: float | None = None
    wait_s: float = 180.0

    def __call__(
        self,
        model: str,
        revision: str | None,
        runs: Runs,
        machine: Machine,
        *,
        allow_pickle: bool = False,
        when_busy: str | None = None,
    ) -> "RayHost":
        """Connects, and has every place answer. CapabilityError: no ray, no cluster, no machine that can."""
        return RayHost(self, Engine(model, revision, allow_pickle, when_busy), machine)


class RayHost:
    """The places of a cluster. As a `Host` it is its first place; `cluster.ClusterRunner` has all of them race.

    left_out  machines that take no part, with reasons
    """

    def __init__(self, asked: Ray, engine: Engine, here: Machine) -> None:
        self._ray, self._own = connected(asked.address)
        self.places: list[Place] = []
        self.left_out: list[SweepNode] = []
        try:
            sites = self._sites(asked)
            self.places = [Place(self._ray, site, engine) for site in sites]
            self._greet(asked.wait_s)
            self._alike(here)
            if not self.places:
                reasons = "; ".join(str(each.why) for each in self.left_out) or "–"
                raise CapabilityError("sweep.ray_no_place", reasons=reasons)
        except BaseException:
            self.close()
            raise

    @property
    def loads(self) -> int:
        return sum(place.loads for place in self.places)

    @property
    def failed(self) -> int | None:
        return self.places[0].failed

    @property
    def machine(self) -> Machine:
        return self.places[0].machine

    @property
    def facts(self) -> ModelFacts:
        return self.places[0].facts

    def free(self) -> Machine:
        return min((place.free() for place in self.places), key=_least)

    def have(self, groups: Sequence[int], configs: Sequence[Config]) -> bool:
        return self.places[0].have(groups, configs)

    def run(self, group: int, config: Config, workload: Workload, *, first: bool, energy: bool = False) -> Block:
        return self.places[0].run(group, config, workload, first=first, energy=energy)

    def quality(self, group: int, config: Config, suite: str | Path) -> QualityDiff:
        return self.places[0].quality(group, config, suite)

    def stop(self) -> None:
        for place in self.places:
            place.stop()

    def close(self) -> None:
        for place in self.places:
            place.close()
        if self._own:
            self._own = False
            self._ray.shutdown()

    def _sites(self, asked: Ray) -> list[Site]:
        nodes = sorted((node for node in self._ray.nodes() if node["Alive"]), key=lambda node: str(node["NodeID"]))
        gpus = [float(node["Resources"].get("GPU", 0)) for node in nodes]
        wanted = asked.num_gpus if asked.num_gpus is not None else float(any(gpus))
        found = []
        for number, (node, has) in enumerate(zip(nodes, gpus, strict=True), 1):
            cpus = float(node["Resources"].get("CPU", 0))
            if wanted > has:
                self._leave_out(number, say("sweep.node.no_gpu", gpus=f"{has:g}", asked=f"{wanted:g}"))
                continue
            count = int(has / wanted) if wanted else 1
            share = asked.num_cpus if asked.num_cpus is not None else max(cpus // count, 1.0)
            if share > cpus:
                self._leave_out(number, say("sweep.node.no_cpu", cpus=f"{cpus:g}", asked=f"{share:g}"))
                continue
            count = min(count, int(cpus / share)) if share else count
            found += [Site(number, node["NodeID"], wanted, share)] * count
        return found

    def _greet(self, wait_s: float) -> None:
        """Every place says who it is; those that cannot are left out."""
        asked = [place.greeting for place in self.places]
        ready = set(self._ray.wait(asked, num_returns=len(asked), timeout=wait_s)[0]) if asked else set()
        for place in list(self.places):
            try:
                if place.greeting not in ready:
                    self._leave_out(place.node, say("sweep.node.silent", seconds=f"{wait_s:g}"), place)
                else:
                    place.greeted()
            except WorkbenchError as error:
                problem = error.params.get("why") or error.what
                self._leave_out(place.node, say("sweep.node.unready", problem=problem), place)

    def _alike(self, here: Machine) -> None:
        """Machines of other hardware or versions are not compared: they take no part."""
        strange = unlike([kind(place.hello) for place in self.places], kind(hello_of(here)))
        for place, differences in [(self.places[at], told) for at, told in strange.items()]:
            self._leave_out(place.node, say("sweep.node.other", differences=differences), place)

    def _leave_out(self, node: int, why: Message, place: Place | None = None) -> None:
        self.left_out.append(SweepNode(place=0, node=node, state="left_out", why=why))
        if place is not None:
            self.places.remove(place)
            place.close()


def connected(address: str | None) -> tuple[Any, bool]:
    """ray, connected; whether this call connected it. CapabilityError: no such package, no such cluster."""
    try:
        import ray
    except ImportError as error:
        raise CapabilityError("sweep.ray_missing", command=INSTALL) from error
    if ray.is_initialized():
        return ray, False
    named = address or os.environ.get("RAY_ADDRESS") or "auto"
    try:
        _reach(named)
        ray.init(address=named, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        problem = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise CapabilityError("sweep.ray_unreachable", address=named, problem=problem) from error
    return ray, True


def _reach(address: str) -> None:
    """OSError where nothing listens: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_S).close()


def _least(machine: Machine) -> int:
    free = [gpu.free_bytes for gpu in machine.gpus if gpu.free_bytes is not None]
    return min(free) if free else machine.cpu.available_bytes
