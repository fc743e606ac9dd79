"""What a lane of a sweep has in place of the whole's: a diary that says where, a host that gives the turn away."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from workbench.config import Config
from workbench.results import Block, Machine, ModelFacts, QualityDiff, SweepEntry, SweepNode, Workload
from workbench.sweep.diary import Diary
from workbench.sweep.hosts import Host


class Tagged(Diary):
    """The whole's diary; what a lane writes says where it was."""

    def __init__(self, diary: Diary, node: SweepNode) -> None:
        self._whole, self._node = diary, node
        self.earlier: list[SweepEntry] = []

    def write(self, **fields: Any) -> SweepEntry:
        node = self._node
        return self._whole.write(place=node.place, node=node.node, gpu=node.gpu_uuid or node.gpu, **fields)


class Apart:
    """A place as the host of its lane: calls take long, and others have the turn meanwhile (`apart`)."""

    def __init__(self, place: Host, apart: Callable[[], AbstractContextManager[None]]) -> None:
        self._place, self._apart = place, apart

    @property
    def loads(self) -> int:
        return self._place.loads

    @property
    def failed(self) -> int | None:
        return self._place.failed

    @property
    def machine(self) -> Machine:
        return self._place.machine

    @property
    def facts(self) -> ModelFacts:
        return self._place.facts

    def free(self) -> Machine:
        with self._apart():
            return self._place.free()

    def have(self, groups: Sequence[int], configs: Sequence[Config]) -> bool:
        with self._apart():
            return self._place.have(groups, configs)

    def run(self, group: int, config: Config, workload: Workload, *, first: bool, energy: bool = False) -> Block:
        with self._apart():
            return self._place.run(group, config, workload, first=first, energy=energy)

    def quality(self, group: int, config: Config, suite: str | Path) -> QualityDiff:
        with self._apart():
            return self._place.quality(group, config, suite)

    def stop(self) -> None:
        self._place.stop()

    def close(self) -> None:
        self._place.close()
