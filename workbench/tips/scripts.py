"""Scripts in fresh processes: what they leave, which exception ends them, whether anything is warned."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from workbench.errors import WorkbenchError
from workbench.machine import worker_environment
from workbench.results import Quantities, Quantity
from workbench.tips.experiments import Fresh, Script
from workbench.tips.stand import Cell, Stand
from workbench.words import say
from workbench.words.format import printable

MODEL_VARIABLE = "TIP_MODEL"
_LONGEST_S = 120
# around the tip's code: what it leaves goes out as the last line. Libraries warn each other of much at any time: of
# deprecation what the code's own lines caused counts, of the logs those of what the code calls
_AROUND = """
import json, logging, sys, warnings
seen = []
class _Heard(logging.Handler):
    def emit(self, record):
        if record.name.split(".")[0] in OWN:
            seen.append(record.getMessage())
OWN = ("root", "transformers", "accelerate", "bitsandbytes", "tip")
QUIET = (DeprecationWarning, PendingDeprecationWarning, ResourceWarning)
heard = _Heard(logging.WARNING)
logging.getLogger().addHandler(heard)
logging.getLogger("transformers").addHandler(heard)
own = {"__name__": "__main__"}
told = {"exception": "none", "message": ""}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    try:
        exec(compile(sys.stdin.read(), "tip", "exec"), own)
    except BaseException as error:
        told = {"exception": type(error).__name__, "message": str(error)[:500]}
for each in caught:
    if each.filename == "tip" or not issubclass(each.category, QUIET):
        seen.append(str(each.message))
whole = told["exception"] == "none"
told |= {"result": own.get("result", {}) if whole else {}, "warned": [each[:300] for each in seen]}
print("\\n" + json.dumps(told))
"""


def script(stand: Stand, experiment: Script) -> tuple[Cell, Mapping[str, Quantity] | None]:
    """What the last side found, and the quantities of the first where there are two; both run at the same time."""
    sides = [experiment.a, *([experiment.b] if experiment.b else [])]
    folders = [_folder(stand) if MODEL_VARIABLE in side.code else None for side in sides]
    with ThreadPoolExecutor(len(sides)) as pool:
        told = list(pool.map(_run, sides, folders))
    found = [_quantities(each) for each in told]
    return Cell(found[-1]), found[0].values if len(found) > 1 else None


def _run(process: Fresh, folder: Path | None) -> dict[str, Any]:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    for name in ("OMP_NUM_THREADS", "TRANSFORMERS_VERBOSITY"):  # the tip is about neither
        environment.pop(name, None)
    environment |= process.environment
    if folder is not None:
        environment[MODEL_VARIABLE] = str(folder)
    done = subprocess.run(
        [sys.executable, "-c", _AROUND],
        input=process.code,
        capture_output=True,
        text=True,
        env=environment,
        timeout=_LONGEST_S,
        check=False,
    )
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise WorkbenchError("tips.script_died", status=done.returncode, said=_last_line(done.stderr))
    told: dict[str, Any] = json.loads(lines[-1])
    return told


def _quantities(told: Mapping[str, Any]) -> Quantities:
    values = {name: Quantity(value=value) for name, value in told["result"].items()}
    values |= {"exception": Quantity(value=told["exception"]), "warned": Quantity(value=bool(told["warned"]))}
    notes = []
    if told["exception"] != "none":
        notes.append(say("tips.note.raised", exception=told["exception"], message=_first_line(told["message"])))
    notes += [say("tips.note.warned", message=_first_line(each)) for each in told["warned"][:2]]
    return Quantities(values=values, notes=tuple(notes))


def _folder(stand: Stand) -> Path:
    """A copy of the tiny model, which the script may change."""
    made: Path = stand.once("tiny", lambda: _made(stand.scratch()))
    copy = stand.scratch() / "model"
    shutil.copytree(made, copy)
    return copy


def _made(folder: Path) -> Path:
    environment = {**os.environ, **worker_environment(), "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    command = [sys.executable, "-m", "workbench.engine.tiny", str(folder / "tiny")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=_LONGEST_S, check=False)
    if done.returncode:
        raise WorkbenchError("tips.script_died", status=done.returncode, said=_last_line(done.stderr))
    return folder / "tiny"


def _last_line(said: str) -> str:
    lines = [line for line in said.splitlines() if line.strip()]
    return printable(lines[-1]) if lines else ""


def _first_line(said: str) -> str:
    return said.strip().partition("\n")[0][:200]
