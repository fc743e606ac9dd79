"""Questions that a tip asks of the model in force, one at a time."""

from typing import Any

from workbench.bench import Bench
from workbench.results import Quantities


def ask(bench: Bench, job: int, question: str, **asked: Any) -> Quantities:
    """The answers to one of `workbench.probes.asked.QUESTIONS`; the configuration in force stays in force."""
    return Quantities.from_dict(
        bench.call(job, "probe", {"probe": "asked", "question": question, "asked": asked})["result"]
    )
