"""What torch says, without importing it here: asked in a process of its own, kept until a version changes."""

import os
import platform
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from workbench.machine import cache
from workbench.machine.child import run_module, without_paths
from workbench.results import Torch
from workbench.words import Message

MODULE = "workbench.engine.torch_facts"
_SECTION = "torch"
_ASKED = 2  # another number whenever more is asked of torch: what was kept before does not answer it


@dataclass(frozen=True)
class TorchRead:
    """`facts` None: torch cannot be imported, `problem` is the error's last line. `unkept`: why nothing was kept."""

    facts: Torch | None
    problem: str | None = None
    unkept: Message | None = None


def read_torch(versions: dict[str, str], driver: str | None, refresh: bool = False) -> TorchRead:
    """Kept facts while they hold, else asked anew (seconds).

    `versions` of the installed packages, with Python's, the driver's and what hides GPUs, decide whether they hold.
    A failure is not kept: it may be cured without any version changing.
    """
    key: dict[str, Any] = {
        "asked": _ASKED,
        "versions": versions,
        "python": platform.python_version(),
        "driver": driver,
        "visible": os.environ.get("CUDA_VISIBLE_DEVICES"),
    }
    if not refresh:
        kept = parse(cache.load(_SECTION, key))
        if kept is not None:
            return TorchRead(kept)
    told = run_module(MODULE)
    facts = parse(told.documents[-1]) if told.documents else None
    if facts is None:
        return TorchRead(None, told.problem or "it printed nothing")
    if told.problem is not None:
        return TorchRead(facts.model_copy(update={"transformers_problem": told.problem}))
    return TorchRead(facts, unkept=cache.store(_SECTION, key, facts.to_dict()))


def parse(document: Any) -> Torch | None:
    """The facts in what the process printed or the cache kept; None for anything else."""
    if not isinstance(document, dict):
        return None
    try:
        facts = Torch.from_dict(document)
    except ValidationError:  # written by another version of the workbench
        return None
    problem = facts.cuda_problem
    return facts if problem is None else facts.model_copy(update={"cuda_problem": without_paths(problem)})
