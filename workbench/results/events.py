"""What a session tells its listeners while it works."""

from dataclasses import dataclass
from typing import Any

# state     {"state": idle | loading | applying | generating | measuring | comparing | scanning | tracing | judging |
#            counting | checking | stopping | restoring | released | failed | closed}
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
    "offload": "measuring",
    "crossover": "comparing",
}
EVENTS = ("state", "progress", "token", "applied", "result", "error")


@dataclass(frozen=True)
class Event:
    """One event. `seq` counts up over the session; `time_s` is the sender's CLOCK_MONOTONIC."""

    name: str
    job: int
    seq: int
    time_s: float
    data: Any
