"""What is said about a build that does not fit: the reason, and the exact command that goes on."""

import os

from workbench.bootstrap.builds import Build, System, torch_size
from workbench.bootstrap.choice import AS_FOUND
from workbench.bootstrap.driver import Driver
from workbench.bootstrap.fitting import Kind, Verdict, lowest_driver
from workbench.bootstrap.places import WINDOWS
from workbench.bootstrap.room import gigabytes
from workbench.errors import WorkbenchError
from workbench.words import text


def command(target: str, torch: str, by_make: bool | None = None, windows: bool = WINDOWS) -> str:
    """How this person goes on with another torch: the way they came."""
    if by_make is None:
        by_make = "MAKELEVEL" in os.environ
    if by_make:
        return f"make {target} WORKBENCH_TORCH={torch}"
    return f"{'python' if windows else 'python3'} -m workbench.bootstrap {target} --torch {torch}"


def refusal(verdict: Verdict, build: Build, driver: Driver, system: System, target: str) -> WorkbenchError:
    """The error that stops before the download."""
    return WorkbenchError("install.no_use", why=_why(verdict.kind, build, driver, system), next=_way(verdict, target))


def remark(verdict: Verdict, build: Build, driver: Driver, system: System, target: str, by_name: bool = False) -> str:
    """One line about a build that is installed all the same; empty when there is nothing to say."""
    if verdict.kind is Kind.FITS:
        return ""
    if verdict.kind.stops:
        return text("install.all_the_same", why=_why(verdict.kind, build, driver, system))
    if by_name or verdict.instead is None:
        return ""
    go_on = command(target, verdict.instead.label)
    if verdict.kind is Kind.NO_GPU:
        return text("install.no_gpu", build=build.words, size=_size(verdict.instead, system), command=go_on)
    return text("install.gpu_unused", gpus=driver.names or "NVIDIA", build=verdict.instead.words, command=go_on)


def _why(kind: Kind, build: Build, driver: Driver, system: System) -> str:
    if kind is Kind.DRIVER_TOO_OLD:
        found = driver.version or (f"CUDA {driver.cuda[0]}.{driver.cuda[1]}" if driver.cuda else "?")
        lowest = lowest_driver(build, system)
        return text("install.driver_too_old", build=build.words, lowest=lowest, found=found)
    capability = next((gpu.capability for gpu in driver.gpus if gpu.capability), (0, 0))
    spelled = f"{capability[0]}.{capability[1]}"
    if kind is Kind.GPU_TOO_OLD:
        lowest = f"{build.lowest[0]}.{build.lowest[1]}"
        return text("install.gpu_too_old", build=build.words, gpus=driver.names, capability=spelled, lowest=lowest)
    return text("install.gpu_too_new", build=build.words, gpus=driver.names, capability=spelled)


def _way(verdict: Verdict, target: str) -> str:
    anyway = command(target, AS_FOUND)
    if verdict.instead is None:
        return text("install.way_update", cpu=command(target, "cpu"), anyway=anyway)
    go_on = command(target, verdict.instead.label)
    return text("install.way_build", build=verdict.instead.words, command=go_on, anyway=anyway)


def _size(build: Build, system: System) -> str:
    size = torch_size(build, system)
    return gigabytes(size.download) if size else "?"
