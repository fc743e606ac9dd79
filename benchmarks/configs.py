"""What the demo model does on this machine: decode and prefill for each attention and dtype, one after the other."""

from benchmarks.record import Outcome, Row
from workbench import Config, Session, Workload

QUESTION = "the demo model's own speed; single runs beside each other, no verdict between them"
WORK = Workload(prompt_tokens=256, new_tokens=32)
_PRECISION = 0.02
_CONFIGS = [
    Config(attention=attention, dtype=dtype) for dtype in ("float32", "bfloat16") for attention in ("eager", "sdpa")
]


def run(budget_s: float) -> Outcome:
    """Each configuration until decode and TTFT are known to ±2 %, or its share of the budget is spent."""
    rows: list[Row] = []
    samples: dict[str, list[float]] = {}
    busy = 0.0
    with Session("demo", config=_CONFIGS[0]) as session:
        for config in _CONFIGS:
            session.apply(config)
            found = session.measure(WORK, precision=_PRECISION, budget_s=budget_s / len(_CONFIGS))
            name = f"{config.dtype}, {config.attention}"
            rows += [
                Row(f"decode, {name}", found.decode_tps, "tok/s", found.ci95["decode_tps"]),
                Row(f"prefill, {name}", found.prefill_tps, "tok/s", found.ci95["prefill_tps"]),
                Row(f"decode's share of the bandwidth limit, {name}", 100 * (found.decode_limit_share or 0.0), "%"),
            ]
            samples |= {f"{name} {key}": list(found.samples[key]) for key in ("decode_tps", "prefill_tps")}
            busy = max(busy, found.cpu_busy_elsewhere or 0.0)
        conditions = {
            "model": session.facts.name,
            "prompt": WORK.prompt_tokens,
            "new": WORK.new_tokens,
            "batch": WORK.batch_size,
            "threads": session.resolved.threads,
            "cores busy elsewhere, at most": round(busy, 2),
        }
    return Outcome("configs", QUESTION, tuple(rows), conditions, samples)
