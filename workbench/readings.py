"""What a session shows of its model: everything here is read, nothing is done."""

from typing import Any

from workbench.bench import Bench
from workbench.config import Config
from workbench.jobs import Jobs
from workbench.results import Machine, ModelFacts, Resolved
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
    def machine(self) -> Machine:
        """What the doctor found."""
        return self._bench.machine

    @property
    def last(self) -> dict[str, Any]:
        """The last result of each kind: applied, measurement, trace; and measured_config, traced_config."""
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
    def pid(self) -> int | None:
        """The worker's process id; None inline, and while there is no worker."""
        return self._bench.host.pid

    @property
    def model(self) -> Any:
        """The live model; host="inline" only."""
        return self._bench.live("model")

    @property
    def tokenizer(self) -> Any:
        """The live tokenizer; host="inline" only."""
        return self._bench.live("tokenizer")
