"""A batch scan of the demo model with everything at its default: how long it takes, and what it finds."""

from benchmarks.record import Outcome, Row
from workbench import Config, Session

QUESTION = "session.scan('batch_size'): throughput and latency by rows, the knee, and how long the scan takes"
LIMIT_S = 90.0


def run(_budget_s: float) -> Outcome:
    """One scan, with its own budget."""
    with Session("demo", config=Config(dtype="float32")) as session:
        found = session.scan("batch_size")
        rows = [Row("the whole scan", found.seconds, "s", limit=LIMIT_S)]
        for point in found.of(0):
            rows += [
                Row(f"{point.value} rows: decode", point.mean["decode_tps"], "tok/s", point.ci95.get("decode_tps")),
                Row(f"{point.value} rows: TPOT", point.mean["tpot_s"], "s", point.ci95.get("tpot_s")),
                Row(f"{point.value} rows: TTFT", point.mean["ttft_s"], "s", point.ci95.get("ttft_s")),
                Row(f"{point.value} rows: peak memory", (point.peak_bytes or 0) / 2**20, "MiB"),
            ]
        conditions = {
            "model": session.facts.name,
            "dtype": "float32",
            "prompt": found.workload.prompt_tokens,
            "new": found.workload.new_tokens,
            "threads": session.resolved.threads,
            "ended by": found.ended_by,
            "knee": "; ".join(str(knee.said) for knee in found.knees) or "fewer than three values",
            "rows that memory holds": found.knees[0].largest if found.knees else None,
            "cores busy elsewhere, at most": round(found.cpu_busy_elsewhere or 0.0, 2),
        }
    return Outcome("batches", QUESTION, tuple(rows), conditions, {})
