"""What a session shows of its model: everything here is read or judged, nothing is done."""

from typing import Any

from workbench.bench import Bench
from workbench.config import Config
from workbench.decisions import Decision, decision_of
from workbench.errors import CapabilityError
from workbench.export import profilers
from workbench.hosts.process import ProcessHost
from workbench.jobs import Jobs
from workbench.knobs import KNOBS
from workbench.results import AllocatorReading, Capability, Machine, ModelFacts, Resolved, Snippet, Workload
from workbench.runs import Runs


class Readings:
    """Properties of a session, in a file of their own."""

    _bench: Bench
    _jobs: Jobs

    @property
    def name(self) -> str:
        """The model as it was asked for."""
        return self._bench.name

    @property
    def revision(self) -> str | None:
        return self._bench.revision

    @property
    def attached(self) -> bool:
        """Whether the person loaded the model: it cannot be loaded again."""
        return self._bench.attached

    @property
    def machine(self) -> Machine:
        """What the doctor found."""
        return self._bench.machine

    @property
    def last(self) -> dict[str, Any]:
        """The last result of each kind: applied, measurement, trace; and their configs; measured: all measurements."""
        return self._bench.last

    @property
    def state(self) -> str:
        """idle, or what is being done (`results/events.py` lists the states)."""
        return self._jobs.state

    @property
    def config(self) -> Config:
        """What was asked for and is in force (see `.resolved` for what the model says)."""
        return self._bench.config

    @property
    def resolved(self) -> Resolved:
        """What is in force, read back from the model after the last call.

        `attention_kernels` are those of the last trace, where it was taken of this config.
        """
        resolved, trace = self._bench.resolved, self.last.get("trace")
        if trace is None or self.last["traced_config"] != self.config:
            return resolved
        return resolved.model_copy(update={"attention_kernels": trace.attention_kernels})

    @property
    def facts(self) -> ModelFacts:
        """What kind of model this is."""
        return self._bench.facts

    @property
    def runs(self) -> Runs:
        """The store of measurements. StoreError when it cannot be opened."""
        return self._bench.runs

    @property
    def waiting(self) -> int:
        """Jobs that wait for the one in progress."""
        return self._jobs.waiting

    @property
    def allocator(self) -> AllocatorReading | None:
        """What torch's allocator held at the end of the last call; None: not on a GPU, or no model is resident."""
        return self._bench.allocator

    @property
    def in_process(self) -> bool:
        """Whether the model is in this process (host="inline") and not in a worker."""
        return not isinstance(self._bench.host, ProcessHost)

    @property
    def pid(self) -> int | None:
        """The worker's process id; None inline, and while there is no worker."""
        return self._bench.host.pid

    @property
    def handed_over_to(self) -> str | None:
        """The notebook or program that took the engine over, while `state` is released; None otherwise."""
        return self._bench.host.handed_over_to

    def capability(self, **knobs: Any) -> Capability:
        """Whether this machine and this model can have the knobs so, beside what is in force: `.ok`, `.reason`,
        `.remedy`, `.note`. Of several knobs the first that is refused. ConfigError for an unknown knob.
        """
        if not knobs or not knobs.keys() <= KNOBS.keys():
            self.config.replace(**knobs)  # says what is unknown
        wanted = {**self.config, **knobs}
        found = [KNOBS[name].capability(value, self.machine, self.facts, wanted) for name, value in knobs.items()]
        return next((each for each in found if not each.ok), found[0] if found else Capability(ok=True))

    def decision(self) -> Decision:
        """Every configuration that was judged with this model on this machine: KLD against speed and memory, with a
        chart (`wb.charts.figure`). StoreError when the store cannot be read.
        """
        return decision_of(self._bench.runs, self.facts, self.machine.label)

    def nsys(self, workload: Workload | None = None, *, whole: bool = False) -> Snippet:
        """The command line that profiles this model in this config with Nsight Systems, to be run in a shell.

        workload  default: preset "quick"
        whole     the load, the warm-up and compiling too; else only the requests that are measured

        Beside it, in `.files`, one for Nsight Compute. CapabilityError for a model that only this process has.
        """
        if self._bench.nameless:
            raise CapabilityError("session.nameless", target="nsys")
        name, revision = self._bench.name, self._bench.commit or self.revision
        return profilers.nsys(self.config, model=name, revision=revision, workload=workload, whole=whole)

    @property
    def model(self) -> Any:
        """The live model; host="inline" only."""
        return self._bench.live("model")

    @property
    def tokenizer(self) -> Any:
        """The live tokenizer; host="inline" only."""
        return self._bench.live("tokenizer")
