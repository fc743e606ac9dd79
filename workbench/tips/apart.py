"""Other engines, each in an environment of its own with its own versions, measured beside the model on the bench."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from workbench.catalog.sources import demo_folder
from workbench.errors import CapabilityError, WorkbenchError
from workbench.home import home
from workbench.results import Quantities, Quantity, Workload
from workbench.session import Session
from workbench.stats import ratio_interval
from workbench.tips.stand import Stand
from workbench.words import Message, say
from workbench.words.format import printable

TEXT, SHOWN = "The sea is", 24  # a prompt and the new tokens that both engines are to agree on
WORK = Workload(prompt_tokens=128, new_tokens=64)
ROUNDS = 6
_EACH_S = 2.0
# what our process is told and another engine's is not
_OURS = ("PYTHONPATH", "OMP_WAIT_POLICY", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "GOMP_SPINCOUNT")


@dataclass(frozen=True)
class Engine:
    """label: as its makers write it; wants: what pip installs, versions that were seen to work together"""

    label: str
    wants: tuple[str, ...]


# What exports a model asks for an older transformers than this environment's: optimum-onnx 0.1.0 for one below 4.58,
# optimum-intel 2.2.0 for one below 5.6 (their metadata).
ENGINES: Mapping[str, Engine] = {
    "onnxruntime": Engine(
        "ONNX Runtime", ("optimum-onnx[onnxruntime]==0.1.0", "transformers==4.57.6", "torch==2.13.0", "accelerate")
    ),
    "openvino": Engine("OpenVINO", ("optimum-intel[openvino]==2.2.0", "transformers==5.5.4", "torch==2.13.0")),
}


def folder(name: str) -> Path:
    """Where the environment of an engine is, or would be."""
    return home() / "peers" / name


def python_of(name: str) -> Path:
    return folder(name) / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def installed(name: str) -> bool:
    return python_of(name).is_file()


def installed_engines() -> tuple[str, ...]:
    return tuple(name for name in ENGINES if installed(name))


def make(name: str, said: Callable[[str], None] = print) -> Path:
    """Makes the environment of an engine, over one that is there; minutes, and some gigabytes with a GPU's torch.

    WorkbenchError with pip's last line when it cannot be.
    """
    subprocess.run([sys.executable, "-m", "venv", folder(name)], check=True)
    command = [str(python_of(name)), "-m", "pip", "install", "--disable-pip-version-check", *ENGINES[name].wants]
    said(" ".join(command))
    done = subprocess.run(command, capture_output=True, text=True, env=_environment(), check=False)
    if done.returncode:
        raise WorkbenchError("tips.engine_not_made", engine=ENGINES[name].label, said=_last_line(done.stderr))
    return folder(name)


class Other:
    """An engine's process: a line out, a line in. `versions`: what it runs with."""

    def __init__(self, process: "subprocess.Popen[str]", label: str, errors: Path) -> None:
        self._process, self._label, self._errors = process, label, errors
        self.versions: dict[str, str] = self._read()["versions"]

    def time(self, prompt: int, new: int) -> dict[str, float]:
        """Seconds and rates of one run over random token ids."""
        found: dict[str, float] = self._ask(prompt=prompt, new=new)
        return found

    def text(self, prompt: str, new: int) -> str:
        """A greedy answer."""
        return str(self._ask(text=prompt, new=new)["text"])

    def _ask(self, **asked: Any) -> Any:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._died() from None
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):  # libraries print there too
                return json.loads(line)
        raise self._died()

    def _died(self) -> WorkbenchError:
        status = self._process.wait()
        said = _last_line(self._errors.read_text(encoding="utf-8", errors="replace"))
        return WorkbenchError("tips.engine_died", engine=self._label, status=status, said=said)


@contextmanager
def opened(name: str, model: Path, threads: int) -> Iterator[Other]:
    """The engine with `model` exported for it; its process ends with the block."""
    script = str(files("workbench.engine") / "apart.py")
    with tempfile.TemporaryDirectory() as place:
        errors = Path(place) / "stderr"
        with errors.open("w") as stderr:
            process = subprocess.Popen(
                [str(python_of(name)), script, name, str(model), str(threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                cwd=place,
                env=_environment(),
            )
            try:
                yield Other(process, ENGINES[name].label, errors)
            finally:
                process.kill()
                process.communicate()


def beside(stand: Stand, session: Session, params: Mapping[str, Any]) -> Quantities:
    """params: engine, compile. Both in float32 on as many threads, by turns; the ratio with its interval.

    CapabilityError where the engine has no environment here, or the model no folder that it could be exported from.
    """
    name = params["engine"]
    if not installed(name):
        raise CapabilityError("tips.engine_absent", engine=ENGINES[name].label, command=f"workbench tips engine {name}")
    model = demo_folder() if session.name == "demo" else Path(session.name)
    if model is None or not model.is_dir():
        raise CapabilityError("tips.no_folder", model=session.name)
    knobs = {"device": "cpu", "dtype": "float32", "compile": params["compile"]}
    session.apply(stand.config(knobs))
    with opened(name, model, session.resolved.threads) as other:
        ours = session.generate(TEXT, SHOWN, chat=False)[0].text
        theirs = other.text(TEXT, SHOWN)
        session.measure(WORK, budget_s=_EACH_S)  # compiles
        other.time(WORK.prompt_tokens, WORK.new_tokens)
        pairs = [_round(session, other, turn) for turn in range(ROUNDS)]
    ratio, bounds = ratio_interval(pairs)
    return Quantities(
        values={"decode_ratio": Quantity(value=ratio, ci95=bounds)},
        notes=(_with(name, other.versions), _agreement(ours, theirs)),
    )


def _round(session: Session, other: Other, turn: int) -> tuple[float, float]:
    """(ours, the other's) decode, tokens/s; who is first alternates."""
    found: dict[str, float] = {}
    for side in ("ours", "theirs") if turn % 2 else ("theirs", "ours"):
        if side == "ours":
            found[side] = session.measure(WORK, budget_s=_EACH_S).decode_tps
            continue
        runs: list[float] = []
        began = time.monotonic()
        while not runs or time.monotonic() - began < _EACH_S:
            runs.append(other.time(WORK.prompt_tokens, WORK.new_tokens)["decode_tps"])
        found[side] = sum(runs) / len(runs)
    return found["ours"], found["theirs"]


def _with(name: str, versions: Mapping[str, str]) -> Message:
    told = ", ".join(f"{package} {version}" for package, version in versions.items())
    return say("tips.note.engine", engine=ENGINES[name].label, versions=told)


def _agreement(ours: str, theirs: str) -> Message:
    return say("tips.note.same_text") if ours == theirs else say("tips.note.other_text", theirs=printable(theirs)[:80])


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _OURS}
    return {**kept, "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}


def _last_line(said: str) -> str:
    lines = [line for line in said.splitlines() if line.strip()]
    return printable(lines[-1]) if lines else ""
