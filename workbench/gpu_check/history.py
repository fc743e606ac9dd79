"""Which sections have been run on which GPU, from the reports that are kept; what never was is named as such."""

import json
from collections.abc import Mapping
from pathlib import Path

from workbench.gpu_check.names import SECTIONS
from workbench.gpu_check.report import FILE
from workbench.results import Result
from workbench.words import text


class Proof(Result):
    """One section on one GPU. `ok`: nothing in it failed."""

    gpu: str
    ok: bool


def proofs(folder: Path) -> dict[str, tuple[Proof, ...]]:
    """Every section, and where it was run: from `gpu-check*/gpu-check.json` in `folder`. Rehearsals prove nothing.

    ValueError or KeyError for a report that cannot be read: what is kept there is meant to be read.
    """
    found: dict[str, dict[str, bool]] = {name: {} for name in SECTIONS}
    for path in sorted(folder.glob(f"gpu-check*/{FILE}")):
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["result"]["rehearsal"]:
            continue
        gpu = kept["machine"]["gpus"][0]["name"]
        for section in kept["result"]["sections"]:
            if section["name"] in found:
                found[section["name"]][gpu] = section["ok"]
    return {name: tuple(Proof(gpu=gpu, ok=ok) for gpu, ok in runs.items()) for name, runs in found.items()}


def told(found: Mapping[str, tuple[Proof, ...]]) -> str:
    """The same in words, as they stand in the README."""
    run = {name: runs for name, runs in found.items() if runs}
    never = ", ".join(name for name in found if name not in run)
    if not run:
        return text("gpu.none_run", sections=never)
    ran = "; ".join(f"{name} ({', '.join(_place(proof) for proof in runs)})" for name, runs in run.items())
    said = text("gpu.run", sections=ran)
    return f"{said} {text('gpu.never_run', sections=never)}" if never else said


def _place(proof: Proof) -> str:
    return proof.gpu if proof.ok else text("gpu.run_with_failures", gpu=proof.gpu)
