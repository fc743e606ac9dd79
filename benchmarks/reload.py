"""What a dtype reload costs beside a bare `from_pretrained` of the same dtype, and what memory it leaves behind.

The reload is the whole call of a session to its worker; the bare load runs in this process, in turns with it.
"""

import gc
import time
from statistics import fmean

import torch
from transformers import AutoModelForCausalLM

from benchmarks.record import Outcome, Row
from workbench.config import Config
from workbench.engine.demo import ensure_demo
from workbench.session import Session
from workbench.stats import mean_interval

QUESTION = "apply(dtype=…) against a bare from_pretrained of the same dtype"
_PAIRS = 8
_DTYPES = ("bfloat16", "float32")


def run(_budget_s: float) -> Outcome:
    """Pairs in alternating order and dtype; the first load of each dtype is not counted."""
    folder = str(ensure_demo())
    reloads: list[float] = []
    bares: list[float] = []
    residues: list[float] = []
    with Session("demo", config=Config(dtype="float32")) as session:
        for turn in range(-2, _PAIRS):
            dtype = _DTYPES[turn % 2]
            before = _bare(folder, dtype) if turn % 4 < 2 else None
            taken, residue = _apply(session, dtype)
            bare = _bare(folder, dtype) if before is None else before
            if turn >= 0:
                bares.append(bare)
                reloads.append(taken)
                residues.append(residue)
        model, threads = session.facts.name, session.resolved.threads
    more = [reload - bare for reload, bare in zip(reloads, bares, strict=True)]
    return Outcome(
        "reload",
        QUESTION,
        (
            Row("apply(dtype=…), mean", fmean(reloads), "s", mean_interval(reloads)),
            Row("bare from_pretrained, mean", fmean(bares), "s", mean_interval(bares)),
            Row("apply − bare, mean of pairs", fmean(more), "s", mean_interval(more), limit=0.3),
            Row("left of the old model's bytes, most", max(residues), "%", limit=5.0),
        ),
        {
            "model": model,
            "pairs": _PAIRS,
            "dtypes": " and ".join(_DTYPES),
            "threads": threads,
        },
        {"reload_s": reloads, "bare_s": bares, "residue_percent": residues},
    )


def _apply(session: Session, dtype: str) -> tuple[float, float]:
    """(seconds as the caller waits, percent of the old model's bytes that stayed)"""
    old_bytes = session.resolved.weight_bytes
    began = time.perf_counter()
    applied = session.apply(dtype=dtype)
    taken = time.perf_counter() - began
    if applied.resolved.dtype != dtype or applied.residue_bytes is None:
        raise RuntimeError(f"asked {dtype}, in force {applied.resolved.dtype}, residue {applied.residue_bytes}")
    return taken, 100 * applied.residue_bytes / old_bytes


def _bare(folder: str, dtype: str) -> float:
    began = time.perf_counter()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
    model.eval()
    taken = time.perf_counter() - began
    del model
    gc.collect()
    return taken
