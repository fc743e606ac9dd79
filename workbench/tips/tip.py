"""What a tip is: one claim that people repeat about tuning DeepSeek, with what is expected of it and what decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from workbench.results import Verdict
from workbench.tips.experiments import Experiment, Limit


class Topic(StrEnum):
    """What a tip is about, in the order of the notebooks."""

    ENVIRONMENT = "environment"
    MODEL = "model"
    THREADS = "threads"
    ATTENTION = "attention"
    COMPILING = "compiling"
    QUANTIZATION = "quantization"
    MEMORY = "memory"
    TOKENS = "tokens"
    GENERATION = "generation"
    SERVING = "serving"
    ENGINES = "engines"
    HEARSAY = "hearsay"

    @property
    def notebook(self) -> str | None:
        """Of `notebooks/`, the one that has this topic; None: none has."""
        return _NOTEBOOKS.get(self)


_NOTEBOOKS = {
    Topic.ENVIRONMENT: "01_environment",
    Topic.MODEL: "01_environment",
    Topic.THREADS: "01_environment",
    Topic.ATTENTION: "02_attention",
    Topic.COMPILING: "02_attention",
    Topic.QUANTIZATION: "03_quantization",
    Topic.MEMORY: "03_quantization",
    Topic.TOKENS: "04_generation",
    Topic.GENERATION: "04_generation",
    Topic.SERVING: "04_generation",
}


class Takes(StrEnum):
    """The class of what an experiment costs, the load of a model of the demo's size included."""

    NOTHING = "nothing"
    INSTANT = "instant"
    SECONDS = "seconds"
    MINUTE = "minute"
    MINUTES = "minutes"

    @property
    def seconds(self) -> int:
        """The most that the class stands for."""
        return {"nothing": 0, "instant": 1, "seconds": 15, "minute": 60, "minutes": 300}[self.value]


@dataclass(frozen=True)
class Expected:
    """An expectation, no result: what is read, counted or computed lets expect. A run that says otherwise wins.

    sources  keys of `workbench.tips.sources.SOURCES`
    """

    verdict: Verdict
    reason: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Needs:
    """What the machine must have, beside what the knobs of a pair need by themselves.

    gpus        CUDA GPUs; `capability`: the least compute capability of the first
    packages    distributions, as pip names them
    engine      another engine with an environment of its own: key of `workbench.tips.apart.ENGINES`; "": none
    systems     of Linux, Windows, macOS; empty: any
    checkpoint  files that must be there: key of `workbench.tips.needs.CHECKPOINTS`; "": none
    """

    gpus: int = 0
    capability: tuple[int, int] | None = None
    packages: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    checkpoint: str = ""
    engine: str = ""


@dataclass(frozen=True)
class Tip:
    """One entry of the registry.

    id          where it was heard, and its number there
    statement   the claim, in our words
    heard       who says it: keys of `workbench.tips.sources.GUIDES`
    holds_if    all of these, or the claim is not true; empty where nothing decides it
    model       the name of a model that the experiment is about; "": the one on the bench
    instead     what to do
    apply       the knobs of it, where it is a change of knobs
    """

    id: str
    topic: Topic
    statement: str
    heard: tuple[str, ...]
    expected: Expected
    experiment: Experiment
    instead: str
    takes: Takes
    holds_if: tuple[Limit, ...] = ()
    needs: Needs = field(default_factory=Needs)
    model: str = ""
    apply: Mapping[str, Any] = field(default_factory=dict)
