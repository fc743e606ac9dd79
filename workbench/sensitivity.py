"""Which modules a quantisation hurts, asked of the resident model."""

from pathlib import Path

from workbench.bench import Bench
from workbench.results import Sensitivity
from workbench.suites import Passage, suite

TOKENS = 64  # of each domain: every group of layers takes one pass over all of them


def sensitivity(
    bench: Bench, job: int, suite_name: str | Path = "default", *, tokens: int = TOKENS, budget_s: float = 120.0
) -> Sensitivity:
    """Groups of layers ranked by the KLD that leaving them in full gains, per byte; the best few really tried together.

    Kept in the store. CapabilityError when nothing is quantised or the weights in full are not at hand.
    """
    passages = _part(suite(suite_name).passages, tokens)
    parameters = {
        "probe": "quality.sensitivity",
        "passages": [passage.to_dict() for passage in passages],
        "budget_s": budget_s,
    }
    data = bench.call(job, "probe", parameters)
    found = Sensitivity.from_dict(data["result"])
    return bench.deliver(job, "sensitivity", found, config=bench.config, resolved=data["resolved"])


def _part(passages: tuple[Passage, ...], tokens: int) -> list[Passage]:
    """The beginning of each text; a long context says nothing of single layers that a short one does not."""
    plain = [passage for passage in passages if not passage.skip] or list(passages)
    return [passage.model_copy(update={"tokens": min(tokens, passage.tokens)}) for passage in plain]
