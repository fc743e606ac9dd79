"""A load under a memory limit below the checkpoint's size, with and without swap: in control groups of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from workbench.catalog.sources import demo_folder
from workbench.errors import CapabilityError
from workbench.machine import worker_environment
from workbench.results import Quantities, Quantity
from workbench.session import Session
from workbench.tips.stand import Stand
from workbench.words import say

_GROUPS = Path("/sys/fs/cgroup")
_SHARE = 0.6  # of the checkpoint's bytes, beside what the libraries take
_LIBRARIES = 600 * 2**20
_LONGEST_S = 240
_LOADS = (
    "import sys, torch\n"
    "from transformers import AutoModelForCausalLM\n"
    "model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)\n"
    "print(sum(float(each.sum()) for each in model.parameters()))\n"
)


def held_memory(_stand: Stand, session: Session, _params: Mapping[str, Any]) -> Quantities:
    """CapabilityError without swap, without the right to make a control group (version 2), and for a model by name."""
    if psutil.swap_memory().total == 0:
        raise CapabilityError("tips.no_swap")
    group = _GROUPS / f"workbench-tip-{os.getpid()}"
    if not (_GROUPS / "cgroup.controllers").exists() or not os.access(_GROUPS, os.W_OK):
        raise CapabilityError("tips.no_control_group")
    folder = demo_folder() if session.name == "demo" else Path(session.name)
    if folder is None or not folder.is_dir():
        raise CapabilityError("tips.no_folder", model=session.name)
    limit = int(_LIBRARIES + _SHARE * session.resolved.weight_bytes)
    with_swap, alone = _load(group, folder, limit, "max"), _load(group, folder, limit, "0")
    ratio = with_swap / alone if with_swap is not None and alone is not None else None
    return Quantities(
        values={
            "loads_only_with_swap": Quantity(value=with_swap is not None and alone is None),
            "time_ratio": Quantity(value=ratio),
        },
        notes=(say("tips.note.held_memory", limit=limit),),
    )


def _load(group: Path, folder: Path, limit: int, swap: str) -> float | None:
    """Seconds; None where the kernel ended it, or it took too long."""
    group.mkdir()
    try:
        (group / "memory.max").write_text(str(limit), encoding="utf-8")
        (group / "memory.swap.max").write_text(swap, encoding="utf-8")
        joins = f"open({str(group / 'cgroup.procs')!r}, 'w').write('0')\n"
        environment = {**os.environ, **worker_environment(), "HF_HUB_OFFLINE": "1"}
        command = [sys.executable, "-c", joins + _LOADS, str(folder)]
        began = time.monotonic()
        try:
            done = subprocess.run(command, capture_output=True, env=environment, timeout=_LONGEST_S, check=False)
        except subprocess.TimeoutExpired:
            return None
        return time.monotonic() - began if done.returncode == 0 else None
    finally:
        group.rmdir()
