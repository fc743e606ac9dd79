"""Other tools that are measured beside the workbench, each in an environment of its own, with its own versions."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NAMES = ("llama", "optimum")
# llama.cpp is built for the processor it runs on, as a person who wants speed would build it
_BUILD = {"CMAKE_ARGS": "-DGGML_NATIVE=ON"}


def folder() -> Path:
    """Of the environments: WORKBENCH_PEERS, else build/peers of the repository."""
    return Path(os.environ.get("WORKBENCH_PEERS") or HERE.parents[1] / "build" / "peers")


def python_of(name: str) -> str:
    """The interpreter of a peer's environment; SystemExit with the command that makes it where there is none."""
    found = folder() / name / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not found.is_file():
        raise SystemExit(f"{name} is not installed to be measured beside: python -m benchmarks.peers {name}")
    return str(found)


def make(name: str) -> None:
    """The environment with what `<name>.txt` pins; minutes where something has to be compiled."""
    target = folder() / name
    subprocess.run([sys.executable, "-m", "venv", target], check=True)
    wanted = [python_of(name), "-m", "pip", "install", "--quiet", "-r", HERE / f"{name}.txt"]
    subprocess.run(wanted, check=True, env={**os.environ, **_BUILD})


def environment() -> dict[str, str]:
    """Of a peer's process: offline, and free of what ours was told to import or to use of the processor."""
    dropped = ("PYTHONPATH", "OMP_WAIT_POLICY", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
