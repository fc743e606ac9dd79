"""workbench kernel: this environment as a kernel that a shared Jupyter (JupyterHub) offers."""

import argparse
import importlib.metadata
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from workbench import __version__
from workbench.cli.shared import add_json, emit
from workbench.errors import ConfigError, WorkbenchError
from workbench.words import text

HELP = "Install this environment as a Jupyter kernel, for you or for everybody on this machine; or remove it."

NAME = "deepseek-workbench"
DISPLAY_NAME = "DeepSeek Tuning Workbench"
DISTRIBUTION = "deepseek-workbench"
PERSON = "${USER}"
MARK = "deepseek_workbench"  # in the kernel's metadata: what carries it is ours to replace or remove


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", metavar="install|remove", required=True)
    install = what.add_parser("install", help=text("kernel.install_help"))
    remove = what.add_parser("remove", help=text("kernel.remove_help"))
    for verb in (install, remove):
        verb.add_argument("--name", default=NAME, help=text("kernel.name_help", name=NAME))
        where = verb.add_mutually_exclusive_group()
        where.add_argument("--user", action="store_true", help=text("kernel.user_help"))
        where.add_argument("--prefix", type=Path, metavar="FOLDER", help=text("kernel.prefix_help"))
        where.add_argument("--sys-prefix", action="store_true", help=text("kernel.sys_prefix_help"))
    install.add_argument("--display-name", default=DISPLAY_NAME, help=text("kernel.display_name_help"))
    install.add_argument(
        "--env", action="append", default=[], metavar="NAME=VALUE", help=text("kernel.env_help", variable=PERSON)
    )
    add_json(install)
    add_json(remove)


def run(args: argparse.Namespace) -> int:
    """0; ConfigError for a name, a variable or a place that cannot be, WorkbenchError where the disk refuses."""
    if not re.fullmatch(r"[A-Za-z0-9._-]+", args.name):
        raise ConfigError("kernel.bad_name", name=args.name)
    place = kernels_of(args)
    try:
        document, lines = (_install if args.what == "install" else _remove)(args, place)
    except OSError as error:
        raise WorkbenchError("kernel.not_writable", folder=str(place), problem=str(error.strerror)) from error
    emit(args, {"schema": "workbench.kernel/1", **document}, lines)
    return 0


def kernels_of(args: argparse.Namespace) -> Path:
    """The folder of kernels that was named; without a name, the person's own."""
    from jupyter_client.kernelspec import KernelSpecManager

    prefix = Path(sys.prefix) if args.sys_prefix else args.prefix
    if prefix is None:
        return Path(KernelSpecManager().user_kernel_dir)
    return Path(prefix).expanduser().absolute() / "share" / "jupyter" / "kernels"


def _install(args: argparse.Namespace, place: Path) -> tuple[dict[str, Any], list[str]]:
    from ipykernel.kernelspec import get_kernel_dict, write_kernel_spec
    from jupyter_client.kernelspec import KernelSpecManager

    shared = args.prefix is not None or args.sys_prefix
    variables = surroundings(args.env, shared)
    _refuse_foreign(args.name, place)
    known = KernelSpecManager().kernel_dirs
    # As `ipykernel install` does: the debugger needs the modules that Python otherwise keeps frozen.
    arguments = ["-Xfrozen_modules=off"]
    metadata = {**get_kernel_dict()["metadata"], MARK: __version__}
    overrides = {"display_name": args.display_name, "env": variables, "metadata": metadata}
    with tempfile.TemporaryDirectory() as scratch:
        made = write_kernel_spec(Path(scratch) / args.name, overrides=overrides, python_arguments=arguments)
        manager = KernelSpecManager(kernel_dirs=[str(place)])
        prefix = str(place.parents[2]) if shared else None
        folder = Path(manager.install_kernel_spec(made, kernel_name=args.name, user=not shared, prefix=prefix))
    if shared:
        _readable(folder)
    notes = _notes(shared, str(place) in known)
    document = {"name": folder.name, "display_name": args.display_name, "folder": str(folder), "notes": notes}
    return document, [text("kernel.installed", display_name=args.display_name, folder=str(folder)), *notes]


def surroundings(pairs: list[str], shared: bool) -> dict[str, str]:
    """The variables of the kernel. ConfigError: not NAME=VALUE, or one home directory for many people.

    Jupyter puts the variables of whoever starts the kernel in the place of ${NAME}.
    """
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ConfigError("kernel.not_a_pair", word=pair)
        found[name] = value
    if shared and "WORKBENCH_HOME" in found and "${" not in found["WORKBENCH_HOME"]:
        raise ConfigError("kernel.shared_home", home=found["WORKBENCH_HOME"], variable=PERSON)
    try:
        importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:  # run from a checkout: its kernels must find it too
        paths = (str(Path(__file__).parents[2]), found.get("PYTHONPATH", "${PYTHONPATH}"))
        found["PYTHONPATH"] = os.pathsep.join(paths)
    return found


def _refuse_foreign(name: str, place: Path) -> None:
    """Installing replaces what has the name: another program's kernel must not go that way."""
    from jupyter_client.kernelspec import KernelSpec

    folder = place / name.lower()
    if (folder / "kernel.json").exists() and MARK not in KernelSpec.from_resource_dir(str(folder)).metadata:
        raise ConfigError("kernel.not_ours", name=name, folder=str(folder))


def _readable(folder: Path) -> None:
    """For everybody, whatever the administrator's umask."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _notes(shared: bool, found_by_jupyter: bool) -> list[str]:
    notes = [text("kernel.homes") if shared else text("kernel.only_you")]
    if not found_by_jupyter:
        notes.append(text("kernel.not_on_path"))
    closed = closed_to_others(Path(sys.executable)) or closed_to_others(Path(__file__)) if shared else None
    if closed:
        notes.append(text("kernel.closed", folder=str(closed)))
    return notes


def closed_to_others(path: Path) -> Path | None:
    """The folder on the way to `path`, or to what it links to, that other accounts may not enter; None when open."""
    if os.name != "posix":  # permissions are told otherwise there
        return None
    for way in (path, path.resolve()):
        for folder in reversed(way.parents):
            if not folder.stat().st_mode & 0o001:
                return folder
    return None


def _remove(args: argparse.Namespace, place: Path) -> tuple[dict[str, Any], list[str]]:
    from jupyter_client.kernelspec import KernelSpecManager

    manager = KernelSpecManager(kernel_dirs=[str(place)], ensure_native_kernel=False)
    if args.name.lower() not in manager.find_kernel_specs():
        raise ConfigError("kernel.none", name=args.name, folder=str(place))
    _refuse_foreign(args.name, place)
    folder = manager.remove_kernel_spec(args.name.lower())
    return {"name": args.name.lower(), "removed": folder}, [text("kernel.removed", folder=folder)]
