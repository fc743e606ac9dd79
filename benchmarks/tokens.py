"""How long the check of tokens takes on the resident demo model, from the call to the report."""

import statistics
import time

from benchmarks.record import Outcome, Row, median_row
from workbench import Session

QUESTION = "session.tokens() on the resident demo model, worker process: ids read, padding and stopping tried"
_RUNS = 5


def run(_budget_s: float) -> Outcome:
    """The first call after the load is apart: what torch sets up at first use is in it."""
    with Session("demo") as session:
        first, *taken = (_timed(session) for _ in range(_RUNS + 1))
        report = session.last["tokens"]
        return Outcome(
            "tokens",
            QUESTION,
            (
                Row("session.tokens(), first after the load", first, "s", limit=10.0),
                *median_row("session.tokens()", taken, limit=10.0),
            ),
            {
                "model": session.facts.name,
                "dtype": session.resolved.dtype,
                "threads": session.resolved.threads,
                "checks": ", ".join(f"{check.name} {check.outcome}" for check in report.facts.checks),
                "spread": f"{statistics.stdev(taken):.2g} s",
            },
            {"tokens_s": [first, *taken]},
        )


def _timed(session: Session) -> float:
    began = time.perf_counter()
    session.tokens()
    return time.perf_counter() - began
