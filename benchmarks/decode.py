"""Does measuring slow the model down? The measured loop against a bare `generate` of the same work, interleaved."""

import time
from statistics import fmean
from typing import Any

import torch

from benchmarks.record import Outcome, Row
from workbench.catalog.sources import find
from workbench.config import Config
from workbench.engine.engine import Engine
from workbench.machine import thread_choice
from workbench.probes.context import Context
from workbench.probes.device.cpu import Neighbours
from workbench.probes.timing import fixed_run, prepare
from workbench.results import Workload
from workbench.stats import ratio_interval

QUESTION = "measured tokens/s against a bare model.generate of the same work"
WORK = Workload(prompt_tokens=32, new_tokens=16)
_HALF_WIDTH = 0.005  # of the ratio: narrow enough to judge a promise of 2 %


def run(budget_s: float) -> Outcome:
    """A B B A blocks (A bare, B measured) until the ratio is known to ±0.5 % or the budget is spent."""
    context = Context(lambda name, data: None)
    engine = Engine(thread_choice())
    engine.open(find("demo"), Config(), context)
    batch = prepare(engine, WORK)
    bare(engine, batch)
    fixed_run(engine, batch, WORK.new_tokens, context)
    blocks: list[tuple[float, float, float, float]] = []
    own: list[float] = []
    began = time.monotonic()
    with Neighbours() as neighbours:
        while True:
            first = bare(engine, batch)
            middle = [fixed_run(engine, batch, WORK.new_tokens, context) for _ in range(2)]
            last = bare(engine, batch)
            blocks.append((first, middle[0].e2e_s, middle[1].e2e_s, last))
            own += [sample.own_share for sample in middle]
            if (len(blocks) >= 4 and _half_width(blocks) < _HALF_WIDTH) or time.monotonic() - began > budget_s:
                break
    # time bare ÷ time measured is rate measured ÷ rate bare
    speed, bounds = ratio_interval([(b1 * b2, a1 * a2) for a1, b1, b2, a2 in blocks])
    again, again_bounds = ratio_interval([(a1, a2) for a1, _b1, _b2, a2 in blocks])
    return Outcome(
        "decode",
        QUESTION,
        (
            Row("bare generate", WORK.new_tokens / fmean(block[0] for block in blocks), "tok/s"),
            Row("measured ÷ bare", speed**0.5, "×", (bounds[0] ** 0.5, bounds[1] ** 0.5)),
            Row("lost by measuring", 100 * (1 - speed**0.5), "%", _percent(bounds), limit=2.0),
            Row("bare ÷ bare (noise)", again, "×", again_bounds),
            Row("own share of a token, by thread time", 100 * fmean(own), "%", limit=1.0),
        ),
        {
            "model": engine.facts.name,
            "dtype": engine.resolved().dtype,
            "threads": engine.resolved().threads,
            "prompt": WORK.prompt_tokens,
            "new": WORK.new_tokens,
            "blocks": len(blocks),
            "cores busy elsewhere": round(neighbours.cores, 2),
        },
        {"abba_s": [part for block in blocks for part in block]},
    )


@torch.inference_mode()
def bare(engine: Engine, batch: dict[str, Any]) -> float:
    """Seconds of `model.generate` as anybody would call it for this fixed work."""
    began = time.perf_counter()
    output = engine.model.generate(
        **batch,
        do_sample=False,
        min_new_tokens=WORK.new_tokens,
        max_new_tokens=WORK.new_tokens,
        eos_token_id=None,
    )
    output.cpu()  # waits for a GPU
    return time.perf_counter() - began


def _half_width(blocks: list[tuple[float, float, float, float]]) -> float:
    _ratio, (low, high) = ratio_interval([(b1 * b2, a1 * a2) for a1, b1, b2, a2 in blocks])
    return (high**0.5 - low**0.5) / 2


def _percent(bounds: tuple[float, float]) -> tuple[float, float]:
    return 100 * (1 - bounds[1] ** 0.5), 100 * (1 - bounds[0] ** 0.5)
