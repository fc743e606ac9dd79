"""The throw-away process in which a pickle is opened, and what it may see of this one."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from workbench.errors import ModelError
from workbench.machine.child import without_paths
from workbench.probes.context import Context
from workbench.words import say

if TYPE_CHECKING:
    from workbench.hub.convert import Pickles

_MODULE = "workbench.engine.convert"
_POLL_S = 0.1
# what an interpreter and torch need to start; no tokens, no proxies, no keys
_KEPT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
_KEPT_ON_WINDOWS = ("SYSTEMROOT", "USERPROFILE", "APPDATA", "TEMP", "TMP")
_SET = {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}


def run_child(pickles: "Pickles", target: Path, context: Context, done: int, total: int) -> dict[str, Any]:
    """Converts the weights into `target`; returns where each tensor went.

    ModelError: what the process refused, or how it ended. Stopped: it is killed first.
    """
    command = [sys.executable, "-P", "-m", _MODULE, str(pickles.folder.resolve()), str(target.resolve())]
    command += ["--files", *(f"{name}={written}" for name, written in pickles.pairs.items())]
    command += ["--tied"] if pickles.tied else []
    sizes = {name: (pickles.folder / name).stat().st_size for name in pickles.pairs}
    documents: list[dict[str, Any]] = []
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, env=_environment(), cwd=target
        )
        assert process.stdin is not None, "opened as a pipe"
        assert process.stdout is not None, "opened as a pipe"
        reader = threading.Thread(target=collect, args=(process.stdout, documents), daemon=True)
        reader.start()
        try:
            while reader.is_alive():
                finished = [document["done"] for document in documents if "done" in document]
                current = next((name for name in sizes if name not in finished), next(iter(sizes)))
                so_far = done + sum(sizes[name] for name in finished)
                context.progress(say("convert.writing", file=current), round(so_far / 1e6), round(total / 1e6))
                reader.join(_POLL_S)
            process.wait()
        finally:  # also when Stop was pressed: harmless when it has ended
            process.kill()
            process.wait()
            reader.join()
            process.stdin.close()
            process.stdout.close()
        answer = documents[-1] if documents else {}
        if "code" in answer:
            raise ModelError(answer["code"], **answer["params"])
        if process.returncode or "placed" not in answer:
            raise ModelError("convert.died", name=pickles.name, problem=_last_words(complaints, process.returncode))
        return answer


def _environment() -> dict[str, str]:
    kept = (*_KEPT, *_KEPT_ON_WINDOWS) if sys.platform == "win32" else _KEPT
    return {name: os.environ[name] for name in kept if name in os.environ} | _SET


def collect(stream: IO[bytes], documents: list[dict[str, Any]]) -> None:
    """Puts each JSON line that a child writes into `documents`, until its stream ends."""
    for line in stream:
        with contextlib.suppress(ValueError):  # cut off: the process was killed
            documents.append(json.loads(line))


def _last_words(complaints: IO[bytes], status: int) -> str:
    complaints.seek(0)
    lines = [line for line in complaints.read().decode(errors="replace").splitlines() if line.strip()]
    return without_paths(lines[-1].strip()) if lines else f"status {status}"
