"""Bench: a host with a model on it, what is known of its state, and each operation as a session's job runs it."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from workbench import hub, others
from workbench import machine as machines
from workbench.beside import Beside
from workbench.catalog.sources import Source, needs_hub
from workbench.checks import as_batch, as_processors, as_seed, at_least_one, refuse_impossible
from workbench.config import Config
from workbench.errors import CapabilityError, ConfigError, Stopped, WorkbenchError, WorkerDied
from workbench.events import Dispatcher, counting_from, forwarding, stopping
from workbench.hosts import registry
from workbench.hosts.connection import OnEvent
from workbench.hosts.process import ProcessHost
from workbench.hub.convert import MANIFEST as CONVERTED
from workbench.keeping import Keeping, R
from workbench.knobs import Cost
from workbench.knobs.machine import worker_environment_of
from workbench.probes.context import Context
from workbench.results import AllocatorReading, Applied, Chunk, Completion, Machine, ModelFacts, Resolved, recorded
from workbench.runs import Runs
from workbench.words import say

if TYPE_CHECKING:
    from workbench.hosts.inline import InlineHost

T = TypeVar("T")


class Bench:
    """All methods that take a `job` are called one at a time, on the working thread of `jobs.Jobs`.

    show     sets the state that people see, for a job
    runs     where measurements are kept; None: the store in the home directory, opened when needed
    """

    def __init__(
        self,
        model: str,
        revision: str | None,
        host: str,
        runs: Runs | None,
        dispatcher: Dispatcher,
        show: Callable[[str, int], None],
        when_busy: str | None = None,
    ) -> None:
        if host not in ("process", "inline"):
            raise ConfigError("session.unknown_host", host=repr(host))
        self._when_busy = when_busy or os.environ.get("WORKBENCH_WHEN_BUSY", "refuse")
        if self._when_busy not in registry.WHEN_BUSY:
            allowed = ", ".join(map(repr, registry.WHEN_BUSY))
            raise ConfigError("engines.unknown_when_busy", given=repr(self._when_busy), allowed=allowed)
        self.name = model
        self.revision = revision
        self.machine: Machine = machines.doctor()
        self.last: dict[str, Any] = {}
        self.attached = self.closed = False
        self.beside = Beside(self._new_worker)
        self.load_seconds: float | None = None  # of the last load
        self.start_seconds: float | None = None  # of a worker before it
        self._keeping = Keeping(runs)
        self._config: Config | None = None
        self._resolved: Resolved | None = None
        self._facts: ModelFacts | None = None
        self.allocator: AllocatorReading | None = None  # at the end of the last call
        self._dispatcher = dispatcher
        self._show = show
        self._stop = threading.Event()  # of work done here, not in the host
        self._here = 0  # the job that does it
        self.on_mark: list[Callable[[str, float], None]] = []  # hear of moments of the work: name, CLOCK_MONOTONIC
        self.source: Source | None = None  # where the model comes from; None: it was attached
        self.nameless = False  # attached, and nobody knows by what name
        self._environment: dict[str, str] = {}
        self.host: InlineHost | ProcessHost
        if host == "inline":
            from workbench.hosts import inline  # brings torch, which a notebook beside a worker does without

            self.machine = inline.with_registered(self.machine)
            self.host = inline.InlineHost(self.machine.threads)
        else:
            offline = {} if needs_hub(model) else {"HF_HUB_OFFLINE": "1"}
            self._environment.update(machines.worker_environment(), **offline)
            self.host = self._new_worker(self._on_handed_over)

    @property
    def asked(self) -> Config | None:
        return self._config

    @property
    def config(self) -> Config:
        return _known(self._config)

    @property
    def resolved(self) -> Resolved:
        return _known(self._resolved)

    @property
    def facts(self) -> ModelFacts:
        return _known(self._facts)

    @property
    def loads_from(self) -> str:
        """What a fresh process loads the same weights by: the name, or the folder of a converted copy."""
        source = self.source
        converted = source is not None and source.path is not None and (source.path / CONVERTED).is_file()
        return str(source.path) if source is not None and converted else self.name

    @property
    def commit(self) -> str | None:
        """What the revision of a hub id led to, where its cache records it."""
        return self.source.commit if self.source else None

    @property
    def resting(self) -> str:
        """The state between jobs."""
        if self._resolved is None:
            return "failed"
        return "idle" if self.host.handed_over_to is None else "released"

    @property
    def runs(self) -> Runs:
        return self._keeping.runs

    def open(self, job: int, config: Config, allow_pickle: bool) -> Applied | None:
        """Gets the model onto this machine where it is not yet, and into memory."""
        refuse_impossible(config, self.machine, None)
        context = self.context(job)
        self.source = hub.prepare(self.name, self.revision, context, allow_pickle=allow_pickle)
        load = others.Load(config, self.machine, others.describable(self.source), model=self.name)
        others.make_room(load, self._when_busy, context)
        began = time.monotonic()
        return self._keep(self.host.call("open", self.opening(config), context.emit), began)

    def opening(self, config: Config) -> dict[str, Any]:
        """What a host is told to open this model with `config`."""
        source = self.source.model_dump(mode="json") if self.source else None
        return {"source": source, "config": config.to_dict(), "claim": self.claim(config)}

    def attach(self, job: int, model: Any, tokenizer: Any) -> Applied | None:
        """Takes a model that the person loaded, in this process."""
        assert not isinstance(self.host, ProcessHost), "attach uses the inline host"
        self.attached = True
        self.host.examine(model, tokenizer)
        self._when_busy = "beside"  # it is resident already, whoever else is there
        claim = {**self.claim(Config(device=str(model.device))), "when_busy": "beside"}
        return self._keep(self.host.attach(model, tokenizer, claim, self._events_of(job)))

    def apply(self, job: int, config: Config | None = None, **knobs: Any) -> Applied | None:
        wanted = (config or self.config).replace(**knobs)
        refuse_impossible(wanted, self.machine, self._facts)
        if self.attached and self.config.cost_to(wanted) is not Cost.LIVE:
            raise CapabilityError("session.attached", knobs=", ".join(self.config.diff(wanted)))
        if self.config.cost_to(wanted) is not Cost.LIVE:
            load = others.load_of(self.config, wanted, self.machine, self.facts, self.resolved.weight_bytes)
            others.make_room(load, self._when_busy, self.context(job))
        parameters = {"config": wanted.to_dict(), "claim": self.claim(wanted)}
        applied = self._keep(self.host.call("apply", parameters, self._events_of(job)))
        self.last["applied"] = applied
        self._dispatcher.send("applied", job, applied)
        return applied

    def generate(self, job: int, *arguments: Any, **options: Any) -> list[Completion]:
        """`answers`, told to listeners as what the job came to."""
        completions = self.answers(job, *arguments, **options)
        self.tell(job, "result", {"kind": "completions", "value": completions})
        return completions

    def answers(
        self,
        job: int,
        prompts: Any,
        max_new_tokens: int = 64,
        *,
        seed: int | None = None,
        chat: bool = True,
        logits_processors: Sequence[Any] = (),
        on_chunk: Callable[[Chunk], None] | None = None,
        first_row: int = 0,
    ) -> list[Completion]:
        """Token events count their rows from `first_row`."""
        parameters = {
            "prompts": as_batch(prompts),
            "max_new_tokens": at_least_one("max_new_tokens", max_new_tokens),
            "seed": None if seed is None else as_seed(seed),
            "chat": chat,
            "logits_processors": self.processors(logits_processors),
        }
        data = self.host.call("generate", parameters, counting_from(first_row, self._events_of(job, on_chunk)))
        self._keep(data)
        return [Completion.from_dict(completion) for completion in data["completions"]]

    def processors(self, given: Any) -> list[Any]:
        """Logits processors as a call takes them: a worker is sent import paths only. ConfigError for what is none."""
        return as_processors(given, here=not isinstance(self.host, ProcessHost))

    def deliver(self, job: int, kind: str, found: R, record: dict[str, Any] | None = None, **given: Any) -> R:
        """`found` as what `job` came to: recorded (flagged where not), the last of its kind, told to listeners.

        record  what is kept, where that is not the whole result; given: of it what the result does not know itself
        """
        kept = record or recorded(self.facts.name, self.machine, found, **given)
        found = self._keeping.keep(found, kept, lambda error: self.tell(job, "error", error))
        self.last[kind] = found
        self.tell(job, "result", {"kind": kind, "value": found, "config": self.config})
        return found

    def context(self, job: int) -> Context:
        """Of work that is done here, or in several calls of the host: where it reports to, and Stop since now."""
        self._stop.clear()
        self._here = job
        return Context(self._events_of(job), self._stop)

    def call(self, job: int, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """An operation of the host (`hosts.operations`) as part of `job`; what it says of the state is kept."""
        data = self.host.call(operation, parameters, self._events_of(job))
        if "config" in data:
            self._keep(data)
        return data

    def tell(self, job: int, event: str, data: Any) -> None:
        """Sends an event to the session's listeners."""
        self._dispatcher.send(event, job, data)

    def bring_back(self, job: int, error: Exception) -> None:
        """After a job that failed: the model as it was, when its process is gone."""
        if not isinstance(error, WorkerDied | Stopped):
            return
        try:
            self.revive(job)
        except WorkbenchError as failure:
            self._dispatcher.send("error", job, WorkerDied("worker.not_back", problem=failure.what))

    def revive(self, job: int) -> Applied | None:
        """Brings the model back on the last good config where its process is gone; None where it is there."""
        began, data = time.monotonic(), self.host.restore(self._events_of(job))
        return self._keep(data, began) if data else None

    def stop(self) -> None:
        """Asks the work in progress to end, wherever it is done. Returns at once; from any thread."""
        self._stop.set()
        self.beside.stop()
        self.host.stop()

    def close(self) -> None:
        """Drops the model and ends its worker, and those beside it."""
        self.closed = True
        self.beside.close()
        self.host.close()

    def close_runs(self) -> None:
        self._keeping.close()

    def live(self, name: str) -> Any:
        """The `model` or `tokenizer` in this process. CapabilityError when they are in a worker."""
        if isinstance(self.host, ProcessHost):
            raise CapabilityError("session.inline_only", name=name)
        return getattr(self.host.engine, name)

    def claim(self, config: Config) -> dict[str, Any]:
        """Whose the device of `config` is to be, and what happens when it is taken."""
        source = self.source.model_dump(mode="json") if self.source else {}
        claim = registry.Claim(
            device=registry.device_key(config.device, self.machine),
            owner_pid=os.getpid(),
            notebook=registry.notebook_name(),
            model=self.source.label if self.source else self.name,
            fingerprint=registry.fingerprint(source, {**self._environment, **worker_environment_of(config)}),
            when_busy=self._when_busy,
        )
        return asdict(claim)

    def _new_worker(self, on_handed_over: OnEvent) -> ProcessHost:
        return ProcessHost(self._environment, self.machine.threads, on_handed_over)

    def _on_handed_over(self, _name: str, notebook: str) -> None:
        said = say("engines.handed_over", notebook=notebook)
        self._dispatcher.send("progress", 0, {"what": said, "done": 0, "total": None, "elapsed_s": 0.0, "left_s": None})
        self._show(self.resting, 0)

    def _keep(self, data: dict[str, Any], began: float | None = None) -> Applied | None:
        """Takes over what a call, begun then, says of the model's state; returns its Applied, where it has one."""
        self._config = Config(**data["config"])
        self._resolved = Resolved.from_dict(data["resolved"])
        self._facts = ModelFacts.from_dict(data["facts"])
        self.allocator = AllocatorReading.from_dict(data["allocator"]) if data.get("allocator") else None
        applied = Applied.from_dict(data["applied"]) if "applied" in data else None
        if applied and applied.cost == Cost.RELOAD:  # a restart's seconds hold a start too
            self.load_seconds = applied.seconds
        if began is not None:
            self.start_seconds = time.monotonic() - began - applied.seconds if applied and applied.reloaded else None
        return applied

    def _events_of(self, job: int, on_chunk: Callable[[Chunk], None] | None = None) -> Callable[[str, Any], None]:
        pass_on = forwarding(self._dispatcher, job, self._show, on_chunk, self.on_mark)
        return stopping(pass_on, self._stop, self.stop) if job == self._here else pass_on


def _known(value: T | None) -> T:
    if value is None:
        raise WorkbenchError("session.no_config")
    return value
