"""What attention is worth on the demo model, judged by interleaved pairs, and how long such a verdict takes."""

import math

from benchmarks.record import Outcome, Row
from workbench import Config, Session, Workload

QUESTION = "session.compare of eager and sdpa on the resident demo model, interleaved pairs"
WORK = Workload(prompt_tokens=256, new_tokens=32)
_PRECISION = 0.05
_PROMISED_S = 60.0
_DTYPES = ("float32", "bfloat16")


def run(_budget_s: float) -> Outcome:
    """At most a minute for each dtype, whatever the budget of the others: that is the promise."""
    rows: list[Row] = []
    samples: dict[str, list[float]] = {}
    busy = 0.0
    conditions: dict[str, object] = {}
    with Session("demo", config=Config(dtype=_DTYPES[0])) as session:
        for dtype in _DTYPES:
            session.apply(dtype=dtype)
            found = session.compare(
                {"attention": "eager"}, {"attention": "sdpa"}, WORK, precision=_PRECISION, budget_s=_PROMISED_S
            )
            for name, metric in (("decode", "decode_tps"), ("prefill", "prefill_tps")):
                rows += [
                    Row(f"{name}, {dtype}: sdpa ÷ eager", found.ratio[metric], "×", found.ci95[metric]),
                    Row(f"{name}, {dtype}: noise floor", found.noise_floor[metric], "×"),
                ]
                samples |= {
                    f"{dtype} {metric} {side}": [pair[at] for pair in found.samples[metric]]
                    for at, side in enumerate(("eager", "sdpa"))
                }
            widest = max(math.sqrt(high / low) for low, high in (found.ci95["decode_tps"], found.ci95["prefill_tps"]))
            rows.append(Row(f"known to ±, within {_PROMISED_S:.0f} s, {dtype}", 100 * (widest - 1), "%", limit=5.0))
            busy = max(busy, found.cpu_busy_elsewhere or 0.0)
            conditions[f"pairs, {dtype}"] = found.pairs
            conditions[f"ended by, {dtype}"] = found.stopped_by
        conditions |= {
            "model": session.facts.name,
            "prompt": WORK.prompt_tokens,
            "new tokens of a run": found.workload.new_tokens,
            "threads": session.resolved.threads,
            "cores busy elsewhere, at most": round(busy, 2),
        }
    return Outcome("compare", QUESTION, tuple(rows), conditions, samples)
