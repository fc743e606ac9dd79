"""What a dtype reload costs beside a bare `from_pretrained` of the same dtype, and what memory it leaves behind.

Time is compared in one process, pair by pair; memory is read in a worker, where no bare load disturbs it.
"""

import gc
import time
from statistics import fmean

import torch
from transformers import AutoModelForCausalLM

from benchmarks.record import Outcome, Row
from workbench.config import Config
from workbench.engine.demo import ensure_demo
from workbench.engine.engine import Engine
from workbench.machine import thread_choice
from workbench.probes.context import Context
from workbench.probes.timing import Neighbours
from workbench.session import Session
from workbench.stats import mean_interval

QUESTION = "apply(dtype=…) against a bare from_pretrained of the same dtype"
_PAIRS = 8
_DTYPES = ("bfloat16", "float32")


def run(_budget_s: float) -> Outcome:
    """Pairs in alternating order and dtype; the first load of each dtype is not counted."""
    context = Context(lambda name, data: None)
    folder = str(ensure_demo())
    engine = Engine(thread_choice())
    engine.open("demo", None, Config(dtype="float32"), context)
    reloads: list[float] = []
    bares: list[float] = []
    with Neighbours() as neighbours:
        for turn in range(-2, _PAIRS):
            dtype = _DTYPES[turn % 2]
            steps = [lambda: _bare(folder, dtype), lambda: _apply(engine, dtype, context)]  # noqa: B023  # called here
            order = (0, 1) if turn % 4 < 2 else (1, 0)
            taken = {step: steps[step]() for step in order}
            if turn >= 0:
                bares.append(taken[0])
                reloads.append(taken[1])
    model, threads = engine.facts.name, engine.resolved().threads
    engine.close()
    residues = _residues()
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
            "cores busy elsewhere": round(neighbours.cores, 2),
        },
        {"reload_s": reloads, "bare_s": bares, "residue_percent": residues},
    )


def _apply(engine: Engine, dtype: str, context: Context) -> float:
    began = time.perf_counter()
    applied = engine.apply(engine.config.replace(dtype=dtype), context)
    taken = time.perf_counter() - began
    if applied.resolved.dtype != dtype or not applied.reloaded:
        raise RuntimeError(f"asked {dtype}, in force {applied.resolved.dtype}")
    return taken


def _residues() -> list[float]:
    """Percent of the old model's bytes that stayed, for each of some reloads in a worker."""
    found = []
    with Session("demo", config=Config(dtype="float32")) as session:
        for turn in range(_PAIRS):
            old_bytes = session.resolved.weight_bytes
            applied = session.apply(dtype=_DTYPES[turn % 2])
            if applied.residue_bytes is None:
                raise RuntimeError("the reload did not say what memory stayed")
            found.append(100 * applied.residue_bytes / old_bytes)
    return found


def _bare(folder: str, dtype: str) -> float:
    began = time.perf_counter()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
    model.eval()
    taken = time.perf_counter() - began
    del model
    gc.collect()
    return taken
