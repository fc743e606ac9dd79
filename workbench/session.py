"""Session: what a notebook holds in its hand. It delegates and keeps one job at a time; it computes nothing."""

import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Self

from workbench import forecast as forecasts
from workbench import machine as machines
from workbench.bench import Bench
from workbench.config import Config
from workbench.errors import ConfigError, Stopped
from workbench.events import Dispatcher, Listener
from workbench.explaining import explained
from workbench.exporting import exported
from workbench.from_code import FromCode
from workbench.generations import GENERATIONS, Generations
from workbench.guiding import GUIDANCE, Guiding
from workbench.hosts import registry
from workbench.jobs import Jobs
from workbench.judgements import JUDGEMENTS, Judgements
from workbench.measure import measure
from workbench.readings import Readings
from workbench.results import (
    DOING,
    TIMED,
    Applied,
    Chunk,
    Completion,
    Forecast,
    Measurement,
    Scan,
    Snippet,
    Trace,
    Workload,
)
from workbench.runs import Runs
from workbench.scan import scan
from workbench.timed import timed
from workbench.tracing import trace
from workbench.watching import WATCHINGS, Watching

_MORE = {**JUDGEMENTS, **GENERATIONS, **WATCHINGS, **GUIDANCE}


class Session(FromCode, Readings, Judgements, Generations, Watching, Guiding):
    """A model on the bench.

    model         "demo" | hub id | local directory | .gguf file | "random:<slug>[?layers=2&scale=tiny&seed=0]"
    revision      of a hub id
    config        what to start with (default: Config(), its device replaced by `device`)
    host          "process": the model lives in a worker of its own; "inline": in this process
    runs          where measurements are kept (default: the store in the home directory)
    progress      called with each progress event, those of the first load included
    allow_pickle  whether a checkpoint that exists only as pickle may be converted (as `workbench convert` does)
    when_busy     "refuse" (DeviceBusy names the notebook whose engine has the device), "wait", "take" it, or load
                  "beside" it; default: WORKBENCH_WHEN_BUSY, else "refuse". An idle engine with the same weights is
                  taken over without a reload, and its old session takes it back with its next action.

    Blocks until the model is resident. ModelError, CapabilityError, DeviceBusy, OutOfMemory when it cannot be.
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
        allow_pickle: bool = False,
        when_busy: str | None = None,
    ) -> None:
        self._prepare(model, revision, host, runs, when_busy)
        if progress:
            self.on("progress", progress)
        try:
            self._jobs.wait(self._jobs.start("open", self._bench.open, config or Config(device=device), allow_pickle))
        except BaseException:
            self.close()
            raise

    @classmethod
    def attach(cls, model: Any, tokenizer: Any, *, runs: Runs | None = None) -> Self:
        """Puts a model that you loaded yourself on the bench, in this process; `close` leaves it as it was found.

        Live knobs work; a change that needs a reload raises CapabilityError, because its source is not known.
        ModelError or CapabilityError when it is no model that the bench can run, or not in this form.
        """
        session = cls.__new__(cls)
        name = getattr(model, "name_or_path", "")
        session._prepare(name or type(model).__name__, None, "inline", runs)
        session._bench.nameless = not name
        try:
            session._jobs.wait(session._jobs.start("open", session._bench.attach, model, tokenizer))
        except BaseException:
            session.close()
            raise
        return session

    def _prepare(
        self, model: str, revision: str | None, host: str, runs: Runs | None, when_busy: str | None = None
    ) -> None:
        self._dispatcher = Dispatcher()
        self._bench = Bench(
            model, revision, host, runs, self._dispatcher, lambda state, job: self._jobs.show(state, job), when_busy
        )
        self._jobs = Jobs(
            self._dispatcher,
            DOING,
            halt=self._bench.stop,
            recover=self._bench.bring_back,
            resting=lambda: self._bench.resting,
            explain=partial(explained, self._bench),
        )

    def apply(self, config: Config | None = None, **knobs: Any) -> Applied:
        """Goes to `config`, or to the one in force with `knobs` changed, by the cheapest road.

        ConfigError, CapabilityError, ModelError, OutOfMemory, Stopped: the last good config stays in force.
        """
        result: Applied = self._jobs.wait(self.submit("apply", config, **knobs))
        return result

    def generate(
        self,
        prompts: Any,
        max_new_tokens: int = 64,
        *,
        seed: int | None = None,
        chat: bool = True,
        logits_processors: Sequence[Any] = (),
    ) -> list[Completion]:
        """Answers to `prompts`: texts, or lists of {"role", "content"} messages; one prompt may stand alone.

        A text is one user turn when the model has a chat template (`chat=False`: continued as it is).

        seed               of the draws (default: the knob's); the result names it
        logits_processors  "package.module:factory" each, imported and called where the model runs; with host="inline"
                           functions too. At each step they get input_ids [batch, time] and logits [batch, vocabulary],
                           after the penalties and before temperature and the cuts, and return logits of that shape.
                           Never part of a Config: they run only in the call that names them.
        """
        options = {"seed": seed, "chat": chat, "logits_processors": logits_processors}
        result: list[Completion] = self._jobs.wait(self.submit("generate", prompts, max_new_tokens, **options))
        return result

    def stream(self, prompts: Any, max_new_tokens: int = 64, **options: Any) -> Iterator[Chunk]:
        """The same as it is produced, one Chunk per token. Ends after a chunk with finish_reason "stopped" on Stop."""
        chunks: queue.SimpleQueue[Chunk | None] = queue.SimpleQueue()
        future = self._jobs.start(
            "generate", self._bench.generate, prompts, max_new_tokens, on_chunk=chunks.put, **options
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

    def trace(self, workload: Workload | None = None, *, steps: int = 3) -> Trace:
        """Which kernels one prefill and `steps` decode steps really ran, time by category, and a file for Perfetto.

        `.differences` says where that is not what was asked. `.resolved` names the kernels until the config changes.
        """
        result: Trace = self._jobs.wait(self.submit("trace", workload, steps=steps))
        return result

    def scan(
        self, parameter: str = "prompt_tokens", values: Sequence[int] | None = None, configs: Any = None, **options: Any
    ) -> Scan:
        """Prefill and decode over `values` of prompt_tokens, batch_size or threads (default: all there are).

        configs  a line each: {"attention": [...]}, Configs, or changes; default: what is in force, and over prompt
                 lengths the usable attention implementations
        options  workload and budget_s (default: the parameter's own; over batch_size prompts of 64 tokens and 75 s,
                 else 256 tokens and 120 s), new_tokens (16), padded (shares of padding, a line each), precision (0.05)

        Ends with the values, the model's limit, memory (by forecast, or met) or the budget; the result says which.
        Over batch_size `.knees` say where latency begins to cost more than throughput gains.
        """
        result: Scan = self._jobs.wait(self.submit("scan", parameter, values, configs, **options))
        return result

    def forecast(
        self, config: Config | None = None, *, workload: Workload | None = None, on: str | None = None
    ) -> Forecast:
        """Bytes and limits of `config` (default: in force) on this machine, or `on` a catalogued GPU."""
        config, machine = config or self.config, machines.with_free_memory(self.machine)
        here = registry.device_key(self.config["device"], machine) == registry.device_key(config["device"], machine)
        resident = self.resolved.weight_bytes if here and self.state != "released" else 0
        return forecasts.forecast(self.facts, config, workload, machine, on=on, resident_bytes=resident)

    def export(
        self,
        target: str = "transformers",
        *,
        on: str | None = None,
        gpus: int | None = None,
        nodes: int | None = None,
        context: int | None = None,
    ) -> Snippet:
        """This config as code, with the last measured numbers of it beside. Targets: `workbench.export.TARGETS`.

        on, gpus, nodes, context  where a server is to run, and for how long requests; see `workbench.export.snippet`

        `.verify()` of the result runs it without the workbench; `.save(folder)` writes all its files.
        """
        made = exported(self._bench, target, on=on, gpus=gpus, nodes=nodes, context=context)
        return made.bound_to(self.verify)

    def submit(self, operation: str, *arguments: Any, **options: Any) -> Future[Any]:
        """Starts an operation by its method's name; returns its Future at once. Jobs run one after the other."""
        operations: dict[str, Callable[..., Any]] = {
            "apply": self._bench.apply,
            "generate": self._bench.generate,
            "measure": partial(measure, self._bench),
            "trace": partial(trace, self._bench),
            "scan": partial(scan, self._bench),
            **{name: partial(work, self._bench) for name, work in _MORE.items()},
        }
        if operation not in operations:
            raise ConfigError("session.unknown_operation", operation=operation, operations=", ".join(operations))
        work = operations[operation]
        if operation in TIMED:
            work = partial(timed, self._bench, operation, work)
        return self._jobs.start(operation, work, *arguments, **options)

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
        self._bench.close()
        self._jobs.show("closed")
        self._dispatcher.close()
        self._bench.close_runs()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Session {self.name!r} {self.state}: {self._bench.asked}>"
