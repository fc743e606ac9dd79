"""How long a second session waits for a model that another has resident, against loading it."""

import time

from benchmarks.record import Outcome, Row, median_row
from workbench import Config, Session

QUESTION = "opening a session on the demo model that another session has resident and idle"
_TIMES = 8


def run(_budget_s: float) -> Outcome:
    """Each opening takes the engine over from the one before; its process must stay the same."""
    began = time.perf_counter()
    sessions = [Session("demo", config=Config(), when_busy="refuse")]
    loading_s = time.perf_counter() - began
    taken = []
    try:
        pid = sessions[0].pid
        for _ in range(_TIMES):
            began = time.perf_counter()
            sessions.append(Session("demo", config=Config(), when_busy="refuse"))
            taken.append(time.perf_counter() - began)
            if sessions[-1].pid != pid:
                raise RuntimeError(f"process {pid} was not taken over: {sessions[-1].pid} was started")
        threads = sessions[-1].resolved.threads
    finally:
        for session in sessions:
            session.close()
    rows = (*median_row("taken over", taken), Row("loaded, by the first", loading_s, "s"))
    return Outcome("handover", QUESTION, rows, {"model": "demo", "threads": threads}, {"taken_over_s": taken})
