"""A census of the model on the bench: where its bytes are, and what was left in full."""

from workbench.bench import Bench
from workbench.results import Census


def census(bench: Bench, job: int) -> Census:
    """Counts the resident model by role and number format, against what was asked; takes no forward pass."""
    found = Census.from_dict(bench.call(job, "census", {})["result"])
    bench.last["census"] = found
    bench.tell(job, "result", {"kind": "census", "value": found, "config": bench.config})
    return found
