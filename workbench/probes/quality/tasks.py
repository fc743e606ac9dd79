"""Tasks of lm-evaluation-harness (the package lm-eval) on the model as it is resident, quantised or not.

The harness scores by its own forward passes, under the attention, the kernels and the threads in force. Where a task
generates text, the loop and the KV cache are the harness's: those knobs do not act.
"""

import copy
import math
import time
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from workbench.errors import CapabilityError
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.results import TaskScore, TaskScores
from workbench.words import say

WANTED = "lm-eval==0.4.13"
# what the harness and the datasets library raise for a task that is unknown, broken or out of reach
_RAISED = (LookupError, ValueError, TypeError, OSError, RuntimeError, ImportError, AttributeError, AssertionError)


def run(bench: Bench, params: dict[str, Any], context: Context) -> TaskScores:
    """params: tasks (names), include (a folder of task files, or None), limit, few_shot, batch_size, chat.

    CapabilityError without the package, and for a task that cannot be run.
    """
    if find_spec("lm_eval") is None:
        raise CapabilityError("tasks.no_package", command=f'pip install "{WANTED}"')
    began = time.monotonic()
    context.enter(say("tasks.running", names=", ".join(params["tasks"])))
    try:
        found = _evaluated(bench, params, context)
    except _RAISED as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        problem = f"{type(error).__name__}: {lines[-1] if lines else ''}"
        raise CapabilityError("tasks.failed", names=", ".join(params["tasks"]), problem=problem[:400]) from error
    return TaskScores(
        harness=metadata.version("lm-eval"),
        limit=params["limit"],
        few_shot=params["few_shot"],
        scores=tuple(scores_of(found)),
        seconds=time.monotonic() - began,
        flags=bench.facts.notes,
    )


def _evaluated(bench: Bench, params: dict[str, Any], context: Context) -> dict[str, Any]:
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    # the harness sets a padding token and a side on what it is given
    model = HFLM(bench.model, tokenizer=copy.deepcopy(bench.tokenizer), batch_size=params["batch_size"])
    manager = TaskManager(include_path=params["include"], include_defaults=params["include"] is None)
    generation = bench.model.generation_config
    bench.model.generation_config = copy.deepcopy(generation)
    try:
        with bench.interruptible(context), bench.in_force():
            found = simple_evaluate(
                model,
                tasks=list(params["tasks"]),
                num_fewshot=params["few_shot"],
                limit=params["limit"],
                apply_chat_template=params["chat"],
                task_manager=manager,
                log_samples=False,
                bootstrap_iters=1000,
            )
    finally:
        bench.model.generation_config = generation
    assert found is not None, "it is None on other ranks than the first only"
    return dict(found)


def scores_of(found: dict[str, Any]) -> list[TaskScore]:
    """From the harness's own document: `results[task]["metric,filter"]`, its standard error beside."""
    scores = []
    for task, values in found["results"].items():
        for key, value in values.items():
            metric, comma, kind = key.partition(",")
            if not comma or metric.endswith("_stderr") or not isinstance(value, int | float):
                continue
            error = values.get(f"{metric}_stderr,{kind}")
            known = isinstance(error, int | float) and math.isfinite(error)
            scores.append(
                TaskScore(
                    task=task,
                    metric=metric if kind == "none" else f"{metric} ({kind})",
                    value=float(value),
                    ci95=(value - 1.96 * error, value + 1.96 * error) if known else None,
                    examples=int(found.get("n-samples", {}).get(task, {}).get("effective", 0)),
                    higher_is_better=found.get("higher_is_better", {}).get(task, {}).get(metric),
                )
            )
    return scores
