"""What a trace costs: session.trace of the demo model, its file included."""

from time import perf_counter

from benchmarks.record import Outcome, Row, median_row
from workbench import Config, Session, Workload

QUESTION = "how long session.trace takes on the demo model: one prefill, the decode steps, the reading, the file"
WORK = Workload(prompt_tokens=256, new_tokens=4)
_PROMISED_S = 5.0
_TRACES = 5


def run(_budget_s: float) -> Outcome:
    """Eager and sdpa by turns; each call's whole time as the person waits for it."""
    rows: list[Row] = []
    samples: dict[str, list[float]] = {}
    with Session("demo", config=Config(dtype="bfloat16")) as session:
        for attention in ("eager", "sdpa"):
            session.apply(attention=attention)
            taken = []
            for _ in range(_TRACES):
                began = perf_counter()
                trace = session.trace(WORK)
                taken.append(perf_counter() - began)
            rows += median_row(f"trace, {attention}", taken, limit=_PROMISED_S)
            rows.append(Row(f"its file, {attention}", trace.artifact_bytes / 2**20, "MiB"))
            samples[attention] = taken
        conditions = {"model": session.facts.name, "prompt": WORK.prompt_tokens, "threads": session.resolved.threads}
    return Outcome("trace", QUESTION, tuple(rows), conditions, samples)
