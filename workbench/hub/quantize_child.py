"""The process that quantises, seen from outside: started, listened to, killed with all that it started."""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, Any

import psutil

from workbench.errors import ModelError
from workbench.hub.convert_child import collect
from workbench.machine.child import without_paths
from workbench.probes.context import Context
from workbench.words import say

_MODULE = "workbench.engine.calibrate"
_POLL_S = 0.1


def run_child(arguments: list[str], scratch: Path, name: str, context: Context) -> dict[str, Any]:
    """Quantises; returns what the process told at the end.

    arguments  of `workbench.engine.calibrate`
    scratch    a folder that the caller removes: gptqmodel writes logs and layers there

    ModelError: what the process refused, or how it ended. Stopped: it is killed first.
    """
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TMPDIR": str(scratch), "TEMP": str(scratch)}
    documents: list[dict[str, Any]] = []
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", _MODULE, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=environment,
            cwd=scratch,
        )
        assert process.stdin is not None, "opened as a pipe"
        assert process.stdout is not None, "opened as a pipe"
        reader = threading.Thread(target=collect, args=(process.stdout, documents), daemon=True)
        reader.start()
        try:
            while reader.is_alive():
                at: dict[str, Any] = next((told for told in reversed(documents) if "layer" in told), {})
                context.progress(say("calibrate.layers", name=name), at.get("layer", 0), at.get("of"))
                reader.join(_POLL_S)
            process.wait()
        finally:  # also when Stop was pressed: harmless when it has ended
            _kill(process)
            reader.join()
            process.stdin.close()
            process.stdout.close()
        answer = documents[-1] if documents else {}
        if "code" in answer:
            raise ModelError(answer["code"], **answer["params"])
        if process.returncode or "tokens" not in answer:
            raise ModelError("calibrate.died", name=name, problem=_last_words(complaints, process.returncode))
        return answer


def _kill(process: subprocess.Popen[bytes]) -> None:
    """With the compilers that it may have started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
    process.kill()
    process.wait()


def _last_words(complaints: IO[bytes], status: int) -> str:
    """The last line that names an error; gptqmodel prints much after it."""
    complaints.seek(0)
    lines = [line.strip() for line in complaints.read().decode(errors="replace").splitlines() if line.strip()]
    named = [line for line in lines if "Error: " in line or line.endswith("Error")]
    return without_paths((named or lines)[-1]) if lines else f"status {status}"
