"""How long `import workbench` takes, in processes that never saw it."""

import json
import subprocess
import sys

from benchmarks.record import Outcome, Row, median_row

QUESTION = "import workbench in a fresh process"
_TIMES = 15
_CODE = """
import json, sys, time
began = time.perf_counter()
import workbench
whole = time.perf_counter() - began
began = time.perf_counter()
workbench.Session
print(json.dumps([whole, time.perf_counter() - began, "torch" in sys.modules]))
"""


def run(_budget_s: float) -> Outcome:
    """The first process, which fills the file cache, is not counted."""
    answers = [_once() for _ in range(_TIMES + 1)][1:]
    plain, session = [answer[0] for answer in answers], [answer[1] for answer in answers]
    return Outcome(
        "imports",
        QUESTION,
        (
            *median_row("import workbench", plain, limit=0.3),
            *median_row("then workbench.Session", session),
            Row("processes that imported torch", sum(answer[2] for answer in answers), "", limit=1),
        ),
        {"processes": _TIMES, "file cache": "warm"},
        {"import_s": plain, "session_s": session},
    )


def _once() -> tuple[float, float, bool]:
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=True)
    plain, session, torch = json.loads(done.stdout)
    return plain, session, torch
