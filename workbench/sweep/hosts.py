"""Where the engines of a sweep live: up to two on this machine, each in a worker of its own.

`Host` is what the runner asks for; another one (a place of a cluster: `ray_host`) answers the same calls.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from workbench import machine as machines
from workbench.config import Config
from workbench.early import EarlySession
from workbench.errors import Stopped, WorkbenchError
from workbench.events import Listener
from workbench.results import Block, Machine, ModelFacts, QualityDiff, Workload
from workbench.runs import Runs
from workbench.session import Session

T = TypeVar("T")


class Host(Protocol):
    """Engines by the number of their load group."""

    @property
    def loads(self) -> int:
        """Of weights, so far."""

    @property
    def failed(self) -> int | None:
        """The group of the last load that failed."""

    @property
    def machine(self) -> Machine:
        """Where runs are measured."""

    def free(self) -> Machine:
        """The same with the memory that is free now, the least where there are several places."""

    @property
    def facts(self) -> ModelFacts:
        """Of the model; an engine has to be resident."""

    def have(self, groups: Sequence[int], configs: Sequence[Config]) -> bool:
        """These groups resident, by a config of each, and no other; whether any had to be loaded.

        OutOfMemory, CapabilityError, ModelError, WorkerDied, DeviceBusy, Stopped: `failed` says which group.
        """

    def run(self, group: int, config: Config, workload: Workload, *, first: bool, energy: bool = False) -> Block:
        """One run on that group's engine; `energy` is asked of a host that `meters` alone.

        OutOfMemory, CapabilityError, WorkerDied, Stopped: it is there again.
        """

    def quality(self, group: int, config: Config, suite: str | Path) -> QualityDiff:
        """Of `config` on that group's engine."""

    def stop(self) -> None:
        """Ends what runs; from any thread."""

    def close(self) -> None:
        """Ends the engines."""


class LocalHost:
    """Sessions in workers on this machine: a change of group reloads in a worker that is there, where one is."""

    meters = True  # this machine's counters are those of its engines

    def __init__(
        self,
        model: str,
        revision: str | None,
        runs: Runs,
        machine: Machine,
        *,
        host: str = "process",
        allow_pickle: bool = False,
        when_busy: str | None = None,
        progress: Listener | None = None,
    ) -> None:
        self.loads = 0
        self.failed: int | None = None
        self._machine = machine
        self._sessions: dict[int, Session] = {}
        self.known_facts: ModelFacts | None = None  # once an engine was resident
        self._opening: Session | None = None

        def opened(config: Config, busy: str | None) -> Session:
            return EarlySession(
                self._begins,
                model,
                revision=revision,
                config=config,
                host=host,
                runs=runs,
                progress=progress,
                allow_pickle=allow_pickle,
                when_busy=busy,
            )

        self._open: Callable[[Config, str | None], Session] = opened
        self._when_busy = when_busy

    @property
    def machine(self) -> Machine:
        return self._machine

    def free(self) -> Machine:
        return machines.with_free_memory(self._machine)

    @property
    def facts(self) -> ModelFacts:
        assert self.known_facts is not None, "an engine was resident"
        return self.known_facts

    def have(self, groups: Sequence[int], configs: Sequence[Config]) -> bool:
        spare = [group for group in self._sessions if group not in groups]
        loaded = False
        for group, config in zip(groups, configs, strict=True):
            if group not in self._sessions:
                self.failed = group
                self._load(group, config, spare.pop(0) if spare else None)
                loaded = True
        for group in spare:
            self._sessions.pop(group).close()
        self.failed = None
        return loaded

    def _load(self, group: int, config: Config, reused: int | None) -> None:
        if reused is None:
            # the second engine of a sweep stands beside its first; others than ours are the person's to decide on
            try:
                with _stops():
                    session = self._open(config, "beside" if self._sessions else self._when_busy)
            finally:
                self._opening = None
        else:
            session = self._sessions.pop(reused)
            try:
                self._opening = session
                with _stops():
                    session.apply(config)
            except BaseException:
                session.close()  # what is resident in it now is neither
                raise
            finally:
                self._opening = None
        self.loads += 1
        self._sessions[group] = session
        self.known_facts = self.known_facts or session.facts

    def run(self, group: int, config: Config, workload: Workload, *, first: bool, energy: bool = False) -> Block:
        return self._kept(group, lambda session: session.run_once(config, workload, first=first, energy=energy))

    def quality(self, group: int, config: Config, suite: str | Path) -> QualityDiff:
        def judged(session: Session) -> QualityDiff:
            session.apply(config)
            return session.quality(suite=suite)

        return self._kept(group, judged)

    def _kept(self, group: int, work: Callable[[Session], T]) -> T:
        """Work in a session, which is closed where its engine did not come back."""
        session = self._sessions[group]
        pid = session.pid
        try:
            with _stops():
                found = work(session)
        except WorkbenchError:
            if session.state in ("failed", "closed"):
                self._sessions.pop(group).close()
            elif session.pid != pid:
                self.loads += 1  # brought back
            raise
        return found

    def stop(self) -> None:
        for session in (*self._sessions.values(), self._opening):
            if session is not None:
                session.stop()

    def _begins(self, session: Session) -> None:
        self._opening = session

    def close(self) -> None:
        while self._sessions:
            self._sessions.popitem()[1].close()


@contextmanager
def _stops() -> Iterator[None]:
    """A job that Stop met while it waited for its turn was stopped as well."""
    try:
        yield
    except CancelledError:
        raise Stopped("session.stopped", phase="sweep") from None
