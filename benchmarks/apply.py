"""How long a live attention switch takes on the resident demo model, from the call to the result."""

import time

from benchmarks.record import Outcome, Row, median_row
from workbench import Config, Session

QUESTION = "session.apply(attention=…) on the resident demo model, worker process"
_TOGGLES = 20


def run(_budget_s: float) -> Outcome:
    """Each implementation is used once before it counts: compiling or loading a backend is warm-up, shown apart."""
    with Session("demo", config=Config(attention="eager")) as session:
        first = _timed(session, "sdpa") + _timed(session, "eager")
        taken = [_timed(session, ("sdpa", "eager")[turn % 2]) for turn in range(_TOGGLES)]
        return Outcome(
            "apply",
            QUESTION,
            (*median_row("apply(attention=…)", taken, limit=0.1), Row("first use of both, together", first, "s")),
            {"model": session.facts.name, "toggles": _TOGGLES, "threads": session.resolved.threads},
            {"apply_s": taken},
        )


def _timed(session: Session, attention: str) -> float:
    began = time.perf_counter()
    applied = session.apply(attention=attention)
    taken = time.perf_counter() - began
    if applied.resolved.attention != attention or applied.reloaded:
        raise RuntimeError(f"asked {attention}, in force {applied.resolved.attention}, reloaded {applied.reloaded}")
    return taken
