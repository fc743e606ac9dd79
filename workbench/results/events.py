"""What a session tells its listeners while it works."""

from dataclasses import dataclass
from typing import Any

# state     {"state": idle | loading | applying | generating | measuring | comparing | scanning | tracing | judging |
#            counting | checking | sweeping | reporting | stopping | restoring | released | failed | closed}; of a job's
#           beginning and end also "operation", and of its end "ended": done | failed | stopped
# progress  {"what": Message, "done": int, "total": int | None, "elapsed_s": float, "left_s": float | None}
#           and for bytes: {"unit": "B", "per_s": float | None}
# token     Chunk
# applied   Applied
# result    {"kind": "measurement" | …, "value": the result}
# error     the exception
# operation -> the state while it runs
DOING = {
    "open": "loading",
    "apply": "applying",
    "generate": "generating",
    "measure": "measuring",
    "compare": "comparing",
    "trace": "tracing",
    "agreement": "comparing",
    "scan": "scanning",
    "batching": "measuring",
    "quality": "judging",
    "sensitivity": "judging",
    "reasoning": "judging",
    "tasks": "judging",
    "quantize": "loading",
    "census": "counting",
    "tokens": "checking",
    "repair": "checking",
    "prefix": "comparing",
    "save_prefix": "measuring",
    "endpoint": "measuring",
    "verify": "comparing",
    "speculation": "comparing",
    "decoding": "judging",
    "stopping": "comparing",
    "windows": "comparing",
    "side_by_side": "generating",
    "offload": "measuring",
    "crossover": "comparing",
    "energy": "measuring",
    "ceilings": "measuring",
    "limits": "measuring",
    "experts": "measuring",
    "latency": "measuring",
    "memory_health": "measuring",
    "advise": "measuring",
    "try_out": "comparing",
    "quick_check": "comparing",
    "run_once": "measuring",
    "lend": "sweeping",
    "ask": "judging",
    "report": "reporting",
}
# operations whose seconds count: one at a time on a device, among all workbenches of the machine (workbench/turn).
# Answers and their quality do not depend on who else computes; a trace's shares of time do.
TIMED = frozenset(
    {
        "measure",
        "compare",
        "trace",
        "scan",
        "batching",
        "prefix",
        "save_prefix",
        "endpoint",
        "verify",
        "speculation",
        "stopping",
        "windows",
        "offload",
        "crossover",
        "energy",
        "latency",
        "ceilings",
        "limits",
        "experts",
        "advise",
        "try_out",
        "quick_check",
        "run_once",
        "ask",
    }
)
STATES = tuple(dict.fromkeys((*DOING.values(), "idle", "stopping", "restoring", "released", "failed", "closed")))
EVENTS = ("state", "progress", "token", "applied", "result", "error")


@dataclass(frozen=True)
class Event:
    """One event. `seq` counts up over the session; `time_s` is the sender's CLOCK_MONOTONIC."""

    name: str
    job: int
    seq: int
    time_s: float
    data: Any
