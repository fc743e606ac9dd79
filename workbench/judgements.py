"""What a session says of configurations: one against another, and what one did to the model's answers and bytes."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from workbench.agreement import agreement
from workbench.asking import ask
from workbench.bench import Bench
from workbench.compare import compare, compare_cost
from workbench.config import Config
from workbench.counting import census
from workbench.jobs import Jobs
from workbench.quality import quality, quality_cost
from workbench.reasoning import reasoning
from workbench.results import (
    Agreement,
    Census,
    CompareCost,
    Comparison,
    QualityCost,
    QualityDiff,
    Quantities,
    Reasoning,
    Sensitivity,
    TaskScores,
    Way,
    Workload,
)
from workbench.sensitivity import sensitivity
from workbench.tasks import tasks

# operation -> what does it, given the bench, the job's number and the arguments of the method of that name
JUDGEMENTS: Mapping[str, Callable[..., Any]] = {
    "compare": compare,
    "agreement": agreement,
    "quality": quality,
    "census": census,
    "sensitivity": sensitivity,
    "reasoning": reasoning,
    "tasks": tasks,
    "ask": ask,
}


class Judgements:
    """Methods of a session, in a file of their own."""

    _bench: Bench
    _jobs: Jobs
    submit: Callable[..., Future[Any]]

    def compare(
        self,
        a: Config | Mapping[str, Any],
        b: Config | Mapping[str, Any],
        workload: Workload | None = None,
        *,
        precision: float = 0.05,
        budget_s: float = 60.0,
        quick: bool = False,
        way: Way | None = None,
    ) -> Comparison:
        """b against a, by short runs that alternate: ratios, intervals, noise floor, verdicts, agreement.

        Both are Configs, or what to change in the one in force: `compare({"threads": 1}, {"threads": 2})`. Live knobs
        compare on the resident model; others in two engines where memory holds them, else by loads that alternate
        (`compare_cost` tells first; `way` picks). Ends with decode and prefill known to ±`precision` (95 %), or with
        `budget_s`. `quick`: an estimate without a verdict. Kept in `.runs`.
        """
        options = {"precision": precision, "budget_s": budget_s, "quick": quick, "way": way}
        result: Comparison = self._jobs.wait(self.submit("compare", a, b, workload, **options))
        return result

    def compare_cost(
        self,
        a: Config | Mapping[str, Any],
        b: Config | Mapping[str, Any],
        workload: Workload | None = None,
        **options: Any,
    ) -> CompareCost:
        """What `compare` of the same arguments (precision, budget_s, way) would take now. Loads nothing."""
        return compare_cost(self._bench, a, b, workload, **options)

    def agreement(
        self,
        a: Config | Mapping[str, Any],
        b: Config | Mapping[str, Any],
        workload: Workload | None = None,
        text: str | None = None,
    ) -> Agreement:
        """Whether two live configurations compute the same: max |Δlogit|, KL, first divergent token, verdict.

        Over the workload's prompt (or `text`) in one pass, and along a's greedy answer to it over the KV cache.
        """
        result: Agreement = self._jobs.wait(self.submit("agreement", a, b, workload, text))
        return result

    def quality(self, reference: Config | None = None, suite: str | Path = "default") -> QualityDiff:
        """What the configuration in force did to the answers: KLD, perplexity, Δp, same top token, by kind of text.

        reference  a Config; default: the same weights in the highest precision that fits, unquantised, eager attention.
                   Its logits are made once and kept on disk (`quality_cost` tells first what that takes)
        suite      "default", "short" (a first look, without multiple choice), "long"; a text file (.txt, .md), or chat
                   prompts (.jsonl)

        With intervals, a noise floor, the cached decode path, first divergence, answers side by side. Kept in `.runs`.
        """
        result: QualityDiff = self._jobs.wait(self.submit("quality", reference, suite))
        return result

    def quality_cost(self, reference: Config | None = None, suite: str | Path = "default") -> QualityCost:
        """What `quality` of the same arguments would take now, before its numbers come. Loads nothing."""
        return quality_cost(self._bench, reference, suite)

    def sensitivity(self, suite: str | Path = "default", *, tokens: int = 64, budget_s: float = 120.0) -> Sensitivity:
        """Which modules the quantisation in force hurts: groups ranked by what leaving them in full gains, per byte.

        `.suggestion` are names for `apply(skip_modules=…)`, with the KLD that they were measured to give together.
        tokens: of each domain; the best groups come first, and what `budget_s` leaves no time for is not measured.
        CapabilityError when nothing is quantised, or the weights in full are not at hand. Kept in `.runs`.
        """
        result: Sensitivity = self._jobs.wait(self.submit("sensitivity", suite, tokens=tokens, budget_s=budget_s))
        return result

    def reasoning(
        self,
        reference: Config | Mapping[str, Any] | None = None,
        *,
        seeds: int = 2,
        max_new_tokens: int | None = None,
        limit: int | None = None,
    ) -> Reasoning:
        """Checkable questions in Chinese and English, answered by sampling as the model's makers set it, over `seeds`.

        Accuracy, `</think>` reached, loops, length of thinking, each with an interval over the questions; those of
        `reference` too where one is given. Kept in `.runs`.

        max_new_tokens  of one answer, thinking included (default: 4096 for a model that thinks, else 512)
        limit           of questions, evenly over both languages
        """
        options = {"seeds": seeds, "max_new_tokens": max_new_tokens, "limit": limit}
        result: Reasoning = self._jobs.wait(self.submit("reasoning", reference, **options))
        return result

    def tasks(
        self,
        names: str | Sequence[str],
        *,
        limit: int | None = None,
        few_shot: int | None = None,
        include: str | Path | None = None,
        batch_size: int = 8,
        chat: bool = False,
    ) -> TaskScores:
        """Scores of lm-evaluation-harness (`pip install lm-eval`) on the model as it is resident. Kept in `.runs`.

        names    of tasks, as `lm-eval ls tasks` lists them; their data sets come from the hub
        limit    of examples of each; few_shot: examples shown before, where not as the task says
        include  a folder with task files of your own, with local data
        chat     through the model's chat template
        """
        options = {"limit": limit, "few_shot": few_shot, "include": include, "batch_size": batch_size, "chat": chat}
        result: TaskScores = self._jobs.wait(self.submit("tasks", names, **options))
        return result

    def census(self) -> Census:
        """Where the model's bytes are, by number format and role, and what was not quantised although it was asked."""
        result: Census = self._jobs.wait(self.submit("census"))
        return result

    def ask(self, question: str, **asked: Any) -> Quantities:
        """What the model in force answers to a question of the tips (`workbench.tips.probes`), such as "cache_tensors".

        Quantities by name, those that chance has a part in with an interval. Whatever a question changes is as before
        afterwards. CapabilityError where this model or device cannot answer it.
        """
        result: Quantities = self._jobs.wait(self.submit("ask", question, **asked))
        return result
