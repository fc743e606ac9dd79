"""How long `session.advise` takes on the resident demo model, once this machine's ceilings are kept."""

import statistics
import time

from benchmarks.record import Outcome, Row
from workbench import Session

QUESTION = "seconds that session.advise takes on the resident demo model, its own measurement and trace included"
_PROMISED_S = 15.0
_SESSIONS = 3
_LEAST_S = 40.0  # of the budget, for each session


def run(budget_s: float) -> Outcome:
    """Ceilings are measured once a machine, before the first; each session asks once, with nothing measured before."""
    sessions = max(min(_SESSIONS, int(budget_s / _LEAST_S)), 2)
    seconds, found = [], []
    for _ in range(sessions):
        with Session("demo") as session:
            session.ceilings(refresh=not seconds)
            began = time.monotonic()
            found.append(len(session.advise()))
            seconds.append(time.monotonic() - began)
    rows = (
        Row(f"after the load, median of {sessions}", statistics.median(seconds), "s", limit=_PROMISED_S),
        Row("slowest", max(seconds), "s", limit=_PROMISED_S),
        Row("findings, at most", max(found), ""),
    )
    return Outcome("advise", QUESTION, rows, {"model": "demo", "sessions": sessions}, {"seconds": seconds})
