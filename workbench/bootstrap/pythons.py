"""Finds a Python that fits. Whatever Python 3 a machine has must be able to read this file: nothing newer than 3.6.

For the same reason its sentences stand here and not in `workbench.words`.
"""

import os
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 13)
WANTED = "3.11, 3.12 or 3.13"
VENV_PACKAGE = "Debian, Ubuntu: sudo apt-get install -y python3-venv"

# What a candidate says of itself; one too old to run this is none.
_ASK = """
import sys
try:
    import ensurepip, venv
except ImportError:
    print("bare")
else:
    print("whole")
print("%d.%d" % sys.version_info[:2])
print(sys.executable)
"""


class NoPython(Exception):
    """No Python here fits; the message is one line that says what to do."""


def fits(version: "tuple[int, ...]") -> bool:
    """Whether a version of Python, (major, minor, …), can run the workbench."""
    return OLDEST <= tuple(version[:2]) <= NEWEST


def candidates(named: "str | None", windows: bool) -> "list[list[str]]":
    """The commands to try, best first: the one that was named and no other, else this one, else those on the path."""
    if named:
        return [[named]]
    minors = range(NEWEST[1], OLDEST[1] - 1, -1)
    if windows:  # the launcher knows every installed release; `python` may be the store's placeholder
        return [[sys.executable], *[["py", f"-3.{minor}"] for minor in minors], ["python"]]
    return [[sys.executable], ["python3"], *[[f"python3.{minor}"] for minor in minors], ["python"]]


def find(named: "str | None" = None, windows: bool = os.name == "nt") -> str:
    """The path of a Python that fits and can make virtual environments. NoPython says in one line what to do."""
    too_bare = ""
    for command in candidates(named, windows):
        kind, version, path = _ask(command)
        if not fits(version):
            continue
        if kind == "whole":
            return path
        too_bare = too_bare or path
    if too_bare:
        raise NoPython(f"{too_bare} cannot make virtual environments: install its venv package ({VENV_PACKAGE}).")
    if named:
        raise NoPython(f"The workbench needs Python {WANTED}; {named} is none: name another in PYTHON.")
    example = "set PYTHON=C:\\path\\to\\python.exe" if windows else "PYTHON=/path/to/python3.12 in front of the command"
    raise NoPython(f"The workbench needs Python {WANTED} and found none: install one, or name it ({example}).")


def _ask(command: "list[str]") -> "tuple[str, tuple[int, ...], str]":
    """(whole or bare, version, path); a version of () when it does not start."""
    nothing = ("", (), "")  # type: tuple[str, tuple[int, ...], str]
    try:
        ran = subprocess.run([*command, "-c", _ASK], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    except OSError:  # no such program, or one that may not be run
        return nothing
    said = ran.stdout.decode("utf-8", "replace").split("\n")
    if ran.returncode or len(said) < 3:
        return nothing
    kind, version, path = (line.strip() for line in said[:3])
    return kind, tuple(int(part) for part in version.split(".")), path
