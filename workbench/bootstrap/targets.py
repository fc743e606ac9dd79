"""What can be asked for, as data: what must be installed first, and the commands that do it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.bootstrap.places import WINDOWS, Checkout, program

FAST = "not model and not browser and not slow and not gpu"


@dataclass(frozen=True)
class Tools:
    """Where a target's commands come from: a Python, the folder of its programs, and the checkout."""

    python: Path
    checkout: Checkout

    def module(self, *words: str) -> tuple[str, ...]:
        """-P: what lies in the current folder is no module."""
        return (str(self.python), "-P", "-m", *words)

    def program(self, name: str, *words: str) -> tuple[str, ...]:
        return (str(program(self.python.parent, name, WINDOWS)), *words)

    @property
    def notebooks(self) -> tuple[str, ...]:
        return tuple(str(path) for path in sorted((self.checkout.root / "notebooks").glob("*.ipynb")))


Command = Sequence[str]
Commands = Callable[[Tools], tuple[Command, ...]]


@dataclass(frozen=True)
class Target:
    """layers: what it needs installed. in_test_home: its commands use the tests' home and no hub.

    `demo`: whether the demo model must be converted first. The last command gets the words that follow the target.
    """

    help: str
    commands: Commands
    layers: tuple[str, ...] = ("base",)
    in_test_home: bool = False
    browser: bool = False

    @property
    def demo(self) -> bool:
        return "demo" in self.layers


def _nothing(_tools: Tools) -> tuple[Command, ...]:
    return ()


def _lab(tools: Tools) -> tuple[Command, ...]:
    return (tools.module("workbench", "lab"),)


def _test(tools: Tools) -> tuple[Command, ...]:
    return ((str(tools.python), "-P", "tests/everything.py"),)


def _check(tools: Tools) -> tuple[Command, ...]:
    return (
        tools.program("ruff", "check", "."),
        tools.program("ruff", "format", "--check", "."),
        tools.program("mypy"),
        tools.program("lint-imports"),
        tools.program("nbstripout", "--verify", "--keep-id", *tools.notebooks),
        (str(tools.python), "-m", "pytest", "-q", "-m", FAST),
    )


def _test_slow(tools: Tools) -> tuple[Command, ...]:
    return ((str(tools.python), "-m", "pytest", "-m", "slow"),)


def _bench(tools: Tools) -> tuple[Command, ...]:
    return ((str(tools.python), "-m", "benchmarks"),)


def _docs(tools: Tools) -> tuple[Command, ...]:
    return ((str(tools.python), "-m", "tools.site"),)


def _fmt(tools: Tools) -> tuple[Command, ...]:
    return (
        tools.program("ruff", "check", "--fix", "."),
        tools.program("ruff", "format", "."),
        tools.program("nbstripout", "--keep-id", *tools.notebooks),
    )


TARGETS: dict[str, Target] = {
    "lab": Target("install.help.lab", _lab, ("base", "demo")),
    "install": Target("install.help.install", _nothing, ("base", "demo")),
    "test": Target("install.help.test", _test, ("base", "demo", "ray"), in_test_home=True, browser=True),
    "check": Target("install.help.check", _check, in_test_home=True),
    "test-slow": Target(
        "install.help.test_slow", _test_slow, ("base", "demo", "quant"), in_test_home=True, browser=True
    ),
    "bench": Target("install.help.bench", _bench, ("base", "demo"), in_test_home=True),
    "docs": Target("install.help.docs", _docs),
    "fmt": Target("install.help.fmt", _fmt),
}
# What a target needs beside the workbench's own requirements in an environment that we do not install.
NEEDS_TOOLS = ("test", "check", "test-slow", "bench", "docs", "fmt")

# Everything that is made and not written, for `clean`.
MADE = (".venv", "build", "dist", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".import_linter_cache", ".hypothesis")
