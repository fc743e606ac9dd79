"""What attention is worth on the demo model, by interleaved pairs, and how well that is known in a given time."""

import math

from benchmarks.record import Outcome, Row
from workbench import Config, Session, Workload

QUESTION = "session.compare of eager and sdpa on the resident demo model, interleaved pairs"
WORK = Workload(prompt_tokens=256, new_tokens=32)
# dtype, what it shall be known to, within seconds: promises, whatever the budget of the other benchmarks
_PROMISES = (("float32", 0.05, 60.0), ("bfloat16", 0.05, 60.0), ("bfloat16", 0.02, 300.0))
_JUDGED = (("decode", "decode_tps"), ("prefill", "prefill_tps"))


def run(_budget_s: float) -> Outcome:
    """Each promise by one comparison, which ends as soon as the precision is reached."""
    rows: list[Row] = []
    samples: dict[str, list[float]] = {}
    conditions: dict[str, object] = {}
    busy = 0.0
    with Session("demo", config=Config(dtype=_PROMISES[0][0])) as session:
        for dtype, precision, within_s in _PROMISES:
            session.apply(dtype=dtype)
            found = session.compare(
                {"attention": "eager"}, {"attention": "sdpa"}, WORK, precision=precision, budget_s=within_s
            )
            name = f"{dtype}, {within_s:.0f} s"
            for what, metric in _JUDGED:
                rows += [
                    Row(f"{what}, {name}: sdpa ÷ eager", found.ratio[metric], "×", found.ci95[metric]),
                    Row(f"{what}, {name}: noise floor", found.noise_floor[metric], "×"),
                ]
                samples |= {
                    f"{name} {metric} {side}": [pair[at] for pair in found.samples[metric]]
                    for at, side in enumerate(("eager", "sdpa"))
                }
            widest = max(math.sqrt(found.ci95[metric][1] / found.ci95[metric][0]) for _, metric in _JUDGED)
            rows += [
                Row(f"known to ±, {name}", 100 * (widest - 1), "%", limit=100 * precision),
                Row(f"taken, {name}", found.seconds, "s"),
            ]
            busy = max(busy, found.cpu_busy_elsewhere or 0.0)
            conditions |= {f"pairs, {name}": found.pairs, f"ended by, {name}": found.stopped_by}
        conditions |= {
            "model": session.facts.name,
            "prompt": WORK.prompt_tokens,
            "new tokens of a run": found.workload.new_tokens,
            "threads": session.resolved.threads,
            "cores busy elsewhere, at most": round(busy, 2),
        }
    return Outcome("compare", QUESTION, tuple(rows), conditions, samples)
