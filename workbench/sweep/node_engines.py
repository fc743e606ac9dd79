"""What a Ray actor does on its node: keeps the engines of the load groups it is given, and answers for them.

No ray in here: the driver makes an actor of `Engines`. Nothing raises out of it: an answer is what was asked for or an
error as code and parameters. The driver writes the store: what a node's sessions would keep stays in memory.
"""

import os
import platform
import site
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from workbench import __version__
from workbench import machine as machines
from workbench.config import Config
from workbench.errors import WorkbenchError, rebuild
from workbench.results import Block, Machine, ModelFacts, QualityDiff, Workload, versions
from workbench.runs import Runs
from workbench.sweep.hosts import LocalHost

_THREADS = "OMP_NUM_THREADS"
_NOWHERE = ":memory:"  # SQLite's own word


@dataclass(frozen=True)
class Answer:
    """value or error (kind, code, params, detail); what the driver is to know of the engines after it."""

    value: Any = None
    error: tuple[str, str, dict[str, Any], str] | None = None
    loads: int = 0
    failed: int | None = None
    facts: ModelFacts | None = None

    def read(self) -> Any:
        """The value. Raises what was raised there."""
        if self.error is None:
            return self.value
        kind, code, params, detail = self.error
        error = rebuild(kind, code, params)
        error.detail = detail
        raise error


@dataclass(frozen=True)
class Hello:
    """What a node is: its machine, the versions that decide a number, this room's own with them."""

    machine: Machine
    versions: dict[str, str]


def hello_of(machine: Machine) -> Hello:
    """Of this process."""
    return Hello(machine, {"workbench": __version__, "python": platform.python_version(), **versions()})


class Engines:
    """Called by one thread at a time, `stop` apart."""

    def __init__(self, model: str, revision: str | None, allow_pickle: bool, when_busy: str | None) -> None:
        self._model, self._revision = model, revision
        self._allow_pickle, self._when_busy = allow_pickle, when_busy
        self._host: LocalHost | None = None
        self._runs: Runs | None = None

    def hello(self) -> Answer:
        """Who is there. Loads nothing."""

        def told() -> Hello:
            _forget_threads()
            _same_workbench()
            self._runs = Runs(_NOWHERE)
            machine = machines.doctor()
            self._host = LocalHost(
                self._model,
                self._revision,
                self._runs,
                machine,
                allow_pickle=self._allow_pickle,
                when_busy=self._when_busy,
            )
            return hello_of(machine)

        return self._answered(told)

    def free(self) -> Answer:
        return self._answered(lambda: self._there.free())

    def have(self, groups: Sequence[int], configs: Sequence[Config]) -> Answer:
        return self._answered(lambda: self._there.have(groups, configs))

    def run(self, group: int, config: Config, workload: Workload, first: bool, energy: bool = False) -> Answer:
        def ran() -> Block:
            return self._there.run(group, config, workload, first=first, energy=energy)

        return self._answered(ran)

    def quality(self, group: int, config: Config, suite: str | Path) -> Answer:
        def judged() -> QualityDiff:
            return self._there.quality(group, config, suite)

        return self._answered(judged)

    def stop(self) -> None:
        if self._host is not None:
            self._host.stop()

    def close(self) -> None:
        if self._host is not None:
            self._host.close()
        if self._runs is not None:
            self._runs.close()

    @property
    def _there(self) -> LocalHost:
        assert self._host is not None, "hello comes first"
        return self._host

    def _answered(self, work: Callable[[], Any]) -> Answer:
        value, error = None, None
        try:
            value = work()
        except WorkbenchError as raised:
            error = (type(raised).__name__, raised.code, raised.params, raised.detail)
        except Exception as raised:  # noqa: BLE001  # whatever a library raises must reach the driver
            problem = next(iter(str(raised).splitlines()), "")
            params = {"kind": type(raised).__name__, "doing": "", "problem": problem}
            error = ("WorkbenchError", "worker.failed", params, traceback.format_exc())
        host = self._host
        if host is None:
            return Answer(value, error)
        return Answer(value, error, host.loads, host.failed, host.known_facts)


def _same_workbench() -> None:
    """Ray gives an actor the driver's sys.path; the workers that it starts have PYTHONPATH and what is installed."""
    root = str(Path(__file__).parents[2])
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if root not in paths and root not in site.getsitepackages():
        os.environ["PYTHONPATH"] = os.pathsep.join([root, *paths])


def _forget_threads() -> None:
    """Ray sets OMP_NUM_THREADS to the CPUs of an actor where the node has not set it: threads are the config's."""
    raylet = psutil.Process(os.getppid())
    try:
        asked = raylet.environ()
    except psutil.Error:  # another user's: what is set stays
        return
    if _THREADS not in asked:
        os.environ.pop(_THREADS, None)
