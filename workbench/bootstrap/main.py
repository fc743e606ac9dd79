"""`python -m workbench.bootstrap TARGET`: the driver, the environment, the download, then the target itself."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from workbench.bootstrap import choice as choices
from workbench.bootstrap import driver as drivers
from workbench.bootstrap import environment, existing, fitting, room
from workbench.bootstrap.builds import Build, System, this_system
from workbench.bootstrap.environment import say
from workbench.bootstrap.places import WINDOWS, Checkout, here
from workbench.bootstrap.remarks import refusal, remark
from workbench.bootstrap.targets import MADE, NEEDS_TOOLS, TARGETS, Target, Tools
from workbench.errors import WorkbenchError
from workbench.words import text

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def main(argv: Sequence[str]) -> int:
    """Runs one target and returns its exit status: 0 done, 1 failed, 2 wrong usage."""
    parser = _parser()
    args, rest = parser.parse_known_args(argv)
    if rest and args.target in ("install", "clean"):
        parser.error(text("install.no_words", target=args.target, words=" ".join(rest)))
    try:
        return _clean(here()) if args.target == "clean" else _run(args.target, args.torch, rest, here())
    except WorkbenchError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say(text("install.interrupted"))
        return 1


def _parser() -> argparse.ArgumentParser:
    lines = [f"  {name:<10} {text(target.help)}" for name, target in TARGETS.items()]
    lines.append(f"  {'clean':<10} {text('install.help.clean')}")
    parser = argparse.ArgumentParser(
        prog="python -m workbench.bootstrap",
        description="\n".join([text("install.description"), "", *lines]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # what looks like an option of ours may be the target's
    )
    parser.add_argument("target", choices=[*TARGETS, "clean"], metavar="TARGET", help=text("install.help.target"))
    default = os.environ.get("WORKBENCH_TORCH", "")
    parser.add_argument("--torch", default=default, metavar="BUILD", help=text("install.help.torch"))
    return parser


def _run(name: str, asked: str, rest: Sequence[str], checkout: Checkout) -> int:
    target = TARGETS[name]
    if target.browser:
        _need_browser()
    layers = [layer for layer in target.layers if layer != "demo" or target.in_test_home or _demo_wanted()]
    named = os.environ.get("WORKBENCH_PYTHON")
    surroundings = dict(os.environ)
    if named:
        wanted = [*layers, *(["tools"] if name in NEEDS_TOOLS else [])]
        python, changes = existing.check(named, checkout, wanted)
        surroundings.update(changes)
        say(existing.note(python, changes))
    else:
        python = checkout.python
        _install(name, layers, choices.parse(asked, this_system()), checkout)
    if target.in_test_home:
        surroundings |= {"WORKBENCH_HOME": str(checkout.test_home), "HF_HUB_OFFLINE": "1"}
    return _do(target, "demo" in layers and name != "install", rest, Tools(python, checkout), surroundings)


def _install(name: str, layers: Sequence[str], choice: choices.Choice, checkout: Checkout) -> None:
    if not environment.missing(checkout, layers, choice.asked):
        return
    system, driver = this_system(), drivers.read()  # first of all: the driver decides what is worth downloading
    with environment.my_turn(checkout) as turn:
        missing = environment.missing(checkout, layers, choice.asked)  # who went before may have done it
        if not missing:
            return
        environment.make(checkout)
        environment.mend(checkout)
        build = _build(name, missing, choice, driver, system, checkout.python)
        say(room.announcement(missing, build, system, checkout.environment))
        room.check(room.sizes(missing, build, system)[0], checkout.environment)
        for layer in missing:
            environment.install(checkout, layer, choice.torch, turn)
            environment.stamp(checkout, layer, choice.asked)


def _build(
    name: str,
    missing: Sequence[str],
    choice: choices.Choice,
    driver: drivers.Driver,
    system: System,
    python: Path,
) -> Build | None:
    """The torch that pip is about to download, judged; None when it comes with none, or with one nobody knows.

    WorkbenchError when it would be of no use here and nobody asked for it by name.
    """
    if "base" not in missing:
        return None
    present = choices.installed(python)
    if present and choices.holds(present, choice):
        return None
    answer = choices.ask_pip(python, choice)
    if answer.version is None:
        say(text("install.no_answer", problem=answer.problem))
        return None
    build = answer.build(system)
    if build is None:
        say(text("install.unknown_build", version=answer.version))
        return None
    verdict = fitting.judge(build, driver, system)
    if verdict.kind.stops and not choice.asked:
        raise refusal(verdict, build, driver, system, name)
    words = remark(verdict, build, driver, system, name, by_name=bool(choice.asked))
    if words:
        say(words)
    return build


def _do(target: Target, demo: bool, rest: Sequence[str], tools: Tools, surroundings: dict[str, str]) -> int:
    commands = list(target.commands(tools))
    if demo:
        status = _wait(tools.module("workbench.engine.demo"), tools.checkout.root, surroundings)
        if status:
            return status
    for index, command in enumerate(commands):
        last = index == len(commands) - 1
        words = [*command, *rest] if last else list(command)
        if len(commands) > 1:
            say(" ".join(words))
        if last and not WINDOWS:  # signals then reach the one that works
            os.chdir(tools.checkout.root)
            os.execve(words[0], words, surroundings)
        status = _wait(words, tools.checkout.root, surroundings)
        if status:
            return status
    return 0


def _wait(command: Sequence[str], folder: Path, surroundings: dict[str, str]) -> int:
    """Its exit status. Ctrl-C is its to answer: it reaches both, and JupyterLab ends its kernels first."""
    with subprocess.Popen(command, cwd=folder, env=surroundings) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def _demo_wanted() -> bool:
    return os.environ.get("WORKBENCH_MODEL", "") in ("", "demo")


def _need_browser() -> None:
    named = os.environ.get("WORKBENCH_CHROMIUM")
    if not any(shutil.which(name) for name in filter(None, (named, *_BROWSERS))):
        raise WorkbenchError("install.no_browser")


def _clean(checkout: Checkout) -> int:
    made = [*(checkout.root / name for name in MADE), *checkout.root.glob("*.egg-info")]
    made += [path for path in checkout.root.rglob("__pycache__") if ".venv" not in path.parts]
    for path in made:
        if path.is_symlink():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
