"""What the configuration in force did to the model's answers, against a reference of the same weights."""

import time
from pathlib import Path

from workbench import references
from workbench.bench import Bench
from workbench.config import Config
from workbench.results import QualityCost, QualityDiff
from workbench.suites import suite as suite_of


def quality_cost(bench: Bench, reference: Config | None = None, suite: str | Path = "default") -> QualityCost:
    """What `quality` of the same arguments would take now before its numbers come; loads nothing."""
    text = suite_of(suite)
    return references.cost_of(bench, text, references.wanted(bench, text, reference))


def quality(bench: Bench, job: int, reference: Config | None = None, suite: str | Path = "default") -> QualityDiff:
    """The resident model, under everything in force, against `reference` (a Config) over `suite`.

    The reference is made once and kept on disk; its cost is told first, as a progress event. Kept in the store. The
    configuration of before is in force again afterwards, also after Stop and errors.
    ConfigError: no such suite, a file that cannot be read. CapabilityError: a reference that cannot be made here.
    ModelError: a tokenizer that loses text, another vocabulary, no finite logits.
    """
    context = bench.context(job)
    text = suite_of(suite)
    what = references.wanted(bench, text, reference)
    price = references.cost_of(bench, text, what)
    context.progress(price.text, 0)
    began = time.monotonic()
    have, made_s = what.have, 0.0
    if have is None:
        assert price.reference != "stored", "what is not there has to be made"
        have = references.make(bench, job, text, what, price.reference, context)
        made_s = time.monotonic() - began
    parameters = {"probe": "quality.candidate", "suite": text.to_dict(), "reference": have.to_dict()}
    found = QualityDiff.from_dict(bench.call(job, "probe", parameters)["result"])
    found = found.model_copy(
        update={
            "reference_seconds": made_s,
            "flags": (*found.flags, *references.notes_of(bench, what)),
        }
    )
    return bench.deliver(job, "quality", found, config=bench.config, resolved=bench.resolved)
