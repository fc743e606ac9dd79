"""What a tip asks of the model on the bench beyond what the other probes answer: a question by its name.

The questions and their answers are described in `workbench.tips.probes`; here is how each is answered.
"""

from collections.abc import Callable
from typing import Any

from workbench.probes.asked.calls import attention_calls, compiled_by_itself, forward_calls
from workbench.probes.asked.edited import edited_config
from workbench.probes.asked.endings import ends, padded_rows, ties
from workbench.probes.asked.loop import event_loop
from workbench.probes.asked.memory import ballast, cache_tensors, emptied
from workbench.probes.asked.modules import modules, scales
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.results import Quantities
from workbench.words import say

QUESTIONS: dict[str, Callable[[Bench, dict[str, Any], Context], Quantities]] = {
    "attention_calls": attention_calls,
    "forward_calls": forward_calls,
    "compiled_by_itself": compiled_by_itself,
    "ends": ends,
    "padded_rows": padded_rows,
    "ties": ties,
    "edited_config": edited_config,
    "cache_tensors": cache_tensors,
    "modules": modules,
    "scales": scales,
    "event_loop": event_loop,
    "ballast": ballast,
    "emptied": emptied,
}


def run(bench: Bench, params: dict[str, Any], context: Context) -> Quantities:
    """params: question (of QUESTIONS), asked (its own parameters).

    A live configuration that a question changes is in force again afterwards.
    """
    context.enter(say("tips.asking", question=params["question"]))
    before = bench.config
    try:
        return QUESTIONS[params["question"]](bench, params["asked"], context)
    finally:
        if bench.config != before:
            bench.switch(before, Context(context.emit), proven=True)
