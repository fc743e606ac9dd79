"""Other processes that take turns, of other users too, and what is asked of a lock."""

import os
import subprocess
import sys
from pathlib import Path

from workbench import turn
from workbench.results import TimedRun

ROOT = Path(__file__).parents[2]
NOBODY = 65534
GPU = "GPU-8F2A1111-2222-3333-4444-555566667777"

# holds the devices of its arguments from "in" until a line comes
HOLDER = """
import sys
from workbench import turn
with turn.taken(sys.argv[1:], tell=lambda device, run: print("waits", run.pid if run else 0, flush=True)) as problem:
    print("in" if problem is None else f"no lock {problem}", flush=True)
    sys.stdin.readline()
print("out", flush=True)
sys.stdin.readline()
"""

# takes turns as often as the second argument says, once a line came; prints when each began and ended
MARKS = """
import sys, time
from workbench import turn
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    with turn.taken([sys.argv[1]]) as problem:
        assert problem is None, problem
        began = time.monotonic()
        time.sleep(0.05)
        print(began, time.monotonic(), flush=True)
"""

# goes on as another user, once all is imported: that user may not be let into the folder that Python is installed in
DROP = """
import fcntl, os, pwd
from workbench import turn
def as_user(uid):
    str(turn.waiting("cpu", None))
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
"""


class Other:
    """Another process, of another user where `uid` says so."""

    def __init__(self, script: str, *words: str, uid: int | None = None, **environment: str) -> None:
        drop = "" if uid is None else f"{DROP}as_user({uid})\n"
        self.process = subprocess.Popen(
            [sys.executable, "-c", drop + script, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(ROOT), "JPY_SESSION_NAME": "theirs.ipynb", **environment},
        )

    def hears(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


class Impatient(Exception):
    """What Stop is here."""


def refuse() -> None:
    raise Impatient


def running(device: str) -> TimedRun:
    found = turn.running(device)
    assert found is not None
    return found


def is_free(device: str) -> bool:
    try:
        with turn.taken([device], check=refuse):
            return True
    except Impatient:
        return False
