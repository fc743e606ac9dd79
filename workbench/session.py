"""Session: what a notebook holds in its hand. It delegates and keeps one job at a time; it computes nothing."""

import queue
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from workbench import export as exports
from workbench import forecast as forecasts
from workbench import machine as machines
from workbench.catalog.sources import needs_hub
from workbench.checks import as_batch, at_least_one, refuse_impossible
from workbench.config import Config
from workbench.errors import CapabilityError, ConfigError, Stopped, StoreError, WorkbenchError, WorkerDied
from workbench.events import Dispatcher, Listener, forwarding
from workbench.hosts.process import ProcessHost
from workbench.jobs import Jobs
from workbench.knobs import Cost
from workbench.results import (
    Applied,
    Chunk,
    Completion,
    Forecast,
    Machine,
    Measurement,
    ModelFacts,
    Resolved,
    Snippet,
    Workload,
    measurement_record,
)
from workbench.runs import Runs
from workbench.words import say

if TYPE_CHECKING:
    from workbench.hosts.inline import InlineHost

T = TypeVar("T")
_STATES = {"open": "loading", "apply": "applying", "generate": "generating", "measure": "measuring"}


class Session:
    """A model on the bench.

    model     "demo" | hub id | local directory | .gguf file | "random:<slug>[?layers=2&scale=tiny&seed=0]"
    revision  of a hub id
    config    what to start with (default: Config(), its device replaced by `device`)
    host      "process": the model lives in a worker of its own; "inline": in this process
    runs      where measurements are kept (default: the store in the home directory)
    progress  called with each progress event, those of the first load included

    Blocks until the model is resident. ModelError, CapabilityError, OutOfMemory when it cannot be.
    """

    def __init__(
        self,
        model: str = "demo",
        *,
        revision: str | None = None,
        config: Config | None = None,
        device: str = "auto",
        host: str = "process",
        runs: Runs | None = None,
        progress: Listener | None = None,
    ) -> None:
        config = config or Config(device=device)
        self._prepare(model, revision, host, runs)
        if progress:
            self.on("progress", progress)
        try:
            refuse_impossible(config, self.machine, None)
            self._jobs.wait(self._jobs.start("open", self._open, config))
        except BaseException:
            self.close()
            raise

    @classmethod
    def attach(cls, model: Any, tokenizer: Any, *, runs: Runs | None = None) -> Self:
        """Puts a model that you loaded yourself on the bench, in this process.

        Live knobs work; a change that needs a reload raises CapabilityError, because its source is not known.
        """
        session = cls.__new__(cls)
        session._prepare(model.name_or_path or type(model).__name__, None, "inline", runs)
        session._attached, session._nameless = True, not model.name_or_path
        host = session._host
        assert not isinstance(host, ProcessHost), "attach uses the inline host"
        session._jobs.wait(
            session._jobs.start(
                "open", lambda job: session._keep(host.attach(model, tokenizer, session._events_of(job)))
            )
        )
        return session

    def _prepare(self, model: str, revision: str | None, host: str, runs: Runs | None) -> None:
        if host not in ("process", "inline"):
            raise ConfigError("session.unknown_host", host=repr(host))
        self.name = model
        self.revision = revision
        self.machine: Machine = machines.doctor()
        self.last: dict[str, Any] = {}
        self._attached = self._nameless = False
        self._given_runs = runs
        self._runs: Runs | None = runs
        self._config: Config | None = None
        self._resolved: Resolved | None = None
        self._facts: ModelFacts | None = None
        self._dispatcher = Dispatcher()
        self._host: InlineHost | ProcessHost
        if host == "inline":
            from workbench.hosts import inline  # brings torch, which a notebook beside a worker does without

            self._host = inline.InlineHost(self.machine.threads)
        else:
            offline = {} if needs_hub(model) else {"HF_HUB_OFFLINE": "1"}
            self._host = ProcessHost({**machines.worker_environment(), **offline}, self.machine.threads)
        self._jobs = Jobs(
            self._dispatcher,
            _STATES,
            halt=self._host.stop,
            recover=self._bring_back,
            resting=lambda: "idle" if self._resolved else "failed",
        )

    @property
    def state(self) -> str:
        """idle, or what is being done (`results/events.py` lists the states)."""
        return self._jobs.state

    @property
    def config(self) -> Config:
        """What was asked for and is in force (see `.resolved` for what the model says)."""
        return _known(self._config)

    @property
    def resolved(self) -> Resolved:
        """What is in force, read back from the model after the last call."""
        return _known(self._resolved)

    @property
    def facts(self) -> ModelFacts:
        """What kind of model this is."""
        return _known(self._facts)

    @property
    def runs(self) -> Runs:
        """The store of measurements. StoreError when it cannot be opened."""
        if self._runs is None:
            self._runs = Runs()
        return self._runs

    @property
    def pid(self) -> int | None:
        """The worker's process id; None inline, and while there is no worker."""
        return self._host.pid

    @property
    def model(self) -> Any:
        """The live model; host="inline" only."""
        return self._inline("model")

    @property
    def tokenizer(self) -> Any:
        """The live tokenizer; host="inline" only."""
        return self._inline("tokenizer")

    def apply(self, config: Config | None = None, **knobs: Any) -> Applied:
        """Goes to `config`, or to the one in force with `knobs` changed, by the cheapest road.

        ConfigError, CapabilityError, ModelError, OutOfMemory, Stopped: the last good config stays in force.
        """
        result: Applied = self._jobs.wait(self.submit("apply", config, **knobs))
        return result

    def generate(
        self, prompts: Any, max_new_tokens: int = 64, *, seed: int | None = None, chat: bool = True
    ) -> list[Completion]:
        """Answers to `prompts`: texts, or lists of {"role", "content"} messages; one prompt may stand alone.

        A text is one user turn when the model has a chat template (`chat=False`: continued as it is).
        """
        result: list[Completion] = self._jobs.wait(
            self.submit("generate", prompts, max_new_tokens, seed=seed, chat=chat)
        )
        return result

    def stream(
        self, prompts: Any, max_new_tokens: int = 64, *, seed: int | None = None, chat: bool = True
    ) -> Iterator[Chunk]:
        """The same as it is produced, one Chunk per token. Ends after a chunk with finish_reason "stopped" on Stop."""
        chunks: queue.SimpleQueue[Chunk | None] = queue.SimpleQueue()
        future = self._jobs.start(
            "generate", self._generate, prompts, max_new_tokens, seed=seed, chat=chat, on_chunk=chunks.put
        )
        future.add_done_callback(lambda _done: chunks.put(None))
        try:
            while (chunk := chunks.get()) is not None:
                yield chunk
            if not isinstance(future.exception(), Stopped):
                future.result()
        finally:
            if not future.done():
                self.stop()

    def measure(
        self, workload: Workload | None = None, *, precision: float = 0.05, budget_s: float = 60.0
    ) -> Measurement:
        """Speed and memory of fixed work, repeated until decode and TTFT are known to ±`precision` (95 %).

        `budget_s` ends it earlier; the result says which. Kept in `.runs`.
        """
        result: Measurement = self._jobs.wait(self.submit("measure", workload, precision=precision, budget_s=budget_s))
        return result

    def forecast(
        self, config: Config | None = None, *, workload: Workload | None = None, on: str | None = None
    ) -> Forecast:
        """Bytes and limits of `config` (default: in force) on this machine, or `on` a catalogued GPU."""
        resident = 0 if self.resolved.device.startswith("cuda") else self.resolved.weight_bytes
        return forecasts.forecast(
            self.facts, config or self.config, workload, self.machine, on=on, resident_bytes=resident
        )

    def export(self, target: str = "transformers") -> Snippet:
        """This config as code, with the last measured numbers of it beside. Targets: `workbench.export.TARGETS`."""
        if self._nameless and target != "json":
            raise CapabilityError("session.nameless", target=target)
        measurement: Measurement | None = self.last.get("measurement")
        if measurement is not None and self.last.get("measured_config") != self.config:
            measurement = None
        return exports.snippet(
            target,
            self.config,
            model=self.name,
            revision=self.revision,
            resolved=self.resolved,
            measurement=measurement,
            workload=measurement.workload if measurement else None,
            facts=self.facts,
            machine=self.machine,
        )

    def submit(self, operation: str, *arguments: Any, **options: Any) -> Future[Any]:
        """Starts apply, generate or measure and returns its Future at once; jobs run one after the other."""
        operations: dict[str, Callable[..., Any]] = {
            "apply": self._apply,
            "generate": self._generate,
            "measure": self._measure,
        }
        if operation not in operations:
            raise ConfigError("session.unknown_operation", operation=operation, operations=", ".join(operations))
        return self._jobs.start(operation, operations[operation], *arguments, **options)

    def stop(self) -> None:
        """Asks the job in progress to end and drops those that wait. Returns at once."""
        self._jobs.stop()

    def on(self, event: str, callback: Listener) -> Callable[[], None]:
        """Calls `callback(event)` on the dispatcher thread; returns what takes it off. Events: `results/events.py`."""
        return self._dispatcher.on(event, callback)

    def close(self) -> None:
        """Ends the worker and gives its memory back. Harmless when closed already."""
        if self._jobs.closed:
            return
        self._jobs.close()
        self._host.close()
        self._jobs.show("closed")
        self._dispatcher.close()
        if self._runs is not None and self._given_runs is None:
            self._runs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Session {self.name!r} {self.state}: {self._config}>"

    def _bring_back(self, job: int, error: Exception) -> None:
        if self._jobs.closed or not isinstance(error, WorkerDied | Stopped):
            return
        try:
            data = self._host.restore(self._events_of(job))
        except WorkbenchError as failure:
            self._dispatcher.send("error", job, WorkerDied("worker.not_back", problem=failure.what))
            return
        if data:
            self._keep(data)

    def _open(self, job: int, config: Config) -> Applied | None:
        parameters = {"model": self.name, "revision": self.revision, "config": config.to_dict()}
        return self._keep(self._host.call("open", parameters, self._events_of(job)))

    def _apply(self, job: int, config: Config | None = None, **knobs: Any) -> Applied | None:
        wanted = (config or self.config).replace(**knobs)
        refuse_impossible(wanted, self.machine, self._facts)
        if self._attached and self.config.cost_to(wanted) is not Cost.LIVE:
            raise CapabilityError("session.attached", knobs=", ".join(self.config.diff(wanted)))
        applied = self._keep(self._host.call("apply", {"config": wanted.to_dict()}, self._events_of(job)))
        self.last["applied"] = applied
        self._dispatcher.send("applied", job, applied)
        return applied

    def _generate(
        self,
        job: int,
        prompts: Any,
        max_new_tokens: int = 64,
        *,
        seed: int | None = None,
        chat: bool = True,
        on_chunk: Callable[[Chunk], None] | None = None,
    ) -> list[Completion]:
        parameters = {
            "prompts": as_batch(prompts),
            "max_new_tokens": at_least_one("max_new_tokens", max_new_tokens),
            "seed": seed,
            "chat": chat,
        }
        data = self._host.call("generate", parameters, self._events_of(job, on_chunk))
        self._keep(data)
        completions = [Completion.from_dict(completion) for completion in data["completions"]]
        self._dispatcher.send("result", job, {"kind": "completions", "value": completions})
        return completions

    def _measure(
        self, job: int, workload: Workload | None = None, *, precision: float = 0.05, budget_s: float = 60.0
    ) -> Measurement:
        workload = workload or Workload()
        parameters = {
            "probe": "timing",
            "workload": workload.to_dict(),
            "precision": precision,
            "budget_s": budget_s,
            "bandwidth": self._bandwidth(job),
        }
        data = self._host.call("probe", parameters, self._events_of(job))
        self._keep(data)
        measurement = Measurement.from_dict(data["result"])
        try:
            self.runs.add(measurement_record(self.facts.name, self.machine, self.config, measurement))
        except StoreError as error:
            self._dispatcher.send("error", job, error)
            measurement = measurement.flagged(say("session.not_stored", problem=error.what))
        self.last["measurement"] = measurement
        self.last["measured_config"] = self.config
        self._dispatcher.send("result", job, {"kind": "measurement", "value": measurement, "config": self.config})
        return measurement

    def _bandwidth(self, job: int) -> float:
        key = self.resolved.device if self.resolved.device != "cpu" else f"cpu:{self.resolved.threads}"
        if key not in self.machine.copy_bandwidth:
            data = self._host.call("bandwidth", {}, self._events_of(job))
            machines.remember_bandwidth(data["key"], data["bytes_per_s"])
            known = {**self.machine.copy_bandwidth, data["key"]: data["bytes_per_s"]}
            self.machine = self.machine.model_copy(update={"copy_bandwidth": known})
        return self.machine.copy_bandwidth[key]

    def _keep(self, data: dict[str, Any]) -> Applied | None:
        """Takes over what a call says of the model's state; returns its Applied, where it has one."""
        self._config = Config(**data["config"])
        self._resolved = Resolved.from_dict(data["resolved"])
        self._facts = ModelFacts.from_dict(data["facts"])
        return Applied.from_dict(data["applied"]) if "applied" in data else None

    def _events_of(self, job: int, on_chunk: Callable[[Chunk], None] | None = None) -> Callable[[str, Any], None]:
        return forwarding(self._dispatcher, job, self._jobs.show, on_chunk)

    def _inline(self, name: str) -> Any:
        if isinstance(self._host, ProcessHost):
            raise CapabilityError("session.inline_only", name=name)
        return getattr(self._host.engine, name)


def _known(value: T | None) -> T:
    if value is None:
        raise WorkbenchError("session.no_config")
    return value
