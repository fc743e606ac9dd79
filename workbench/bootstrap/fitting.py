"""Which build of torch fits this driver and these GPUs: pure functions of facts, so that every branch is a table."""

from dataclasses import dataclass
from enum import Enum

from workbench.bootstrap.builds import BUILDS, OFFERED, Build, System
from workbench.bootstrap.driver import Driver, Gpu


class Kind(Enum):
    FITS = "fits"
    NO_GPU = "no_gpu"  # CUDA libraries would come for nothing
    GPU_UNUSED = "gpu_unused"  # a CPU build beside a GPU
    DRIVER_TOO_OLD = "driver_too_old"
    GPU_TOO_OLD = "gpu_too_old"  # the build has no code for it
    GPU_TOO_NEW = "gpu_too_new"

    @property
    def stops(self) -> bool:
        """Whether the download would be for nothing."""
        return self in (Kind.DRIVER_TOO_OLD, Kind.GPU_TOO_OLD, Kind.GPU_TOO_NEW)


@dataclass(frozen=True)
class Verdict:
    """`instead`: the build that fits where this one does not; None where none does or none is needed."""

    kind: Kind
    instead: Build | None = None


def judge(build: Build, driver: Driver, system: System) -> Verdict:
    """What installing `build` here would come to."""
    if system.platform not in ("linux", "win32"):
        return Verdict(Kind.FITS)
    if not driver.gpu:
        return Verdict(Kind.NO_GPU, BUILDS["cpu"]) if build.cuda else Verdict(Kind.FITS)
    if build.cuda is None:
        better = fitting(driver, system)
        return Verdict(Kind.GPU_UNUSED, better) if better else Verdict(Kind.FITS)
    obstacle = _obstacle(build, driver, system)
    return Verdict(obstacle, fitting(driver, system)) if obstacle else Verdict(Kind.FITS)


def fitting(driver: Driver, system: System) -> Build | None:
    """The CUDA build to install here, or None where a newer driver is the only way."""
    return next((BUILDS[label] for label in OFFERED if _obstacle(BUILDS[label], driver, system) is None), None)


def lowest_driver(build: Build, system: System) -> str:
    return build.drivers[1 if system.windows_driver else 0]


def runs(build: Build, driver: Driver, system: System) -> bool:
    """Whether the driver runs the build's CUDA. What nobody found out is no reason to refuse.

    The library's own answer goes before the driver's number: with NVIDIA's compatibility package it knows a newer CUDA
    than the kernel module's number says. Within one major version every minor one runs.
    """
    if build.cuda is None:
        return True
    if driver.cuda is not None:
        return driver.cuda[0] >= build.cuda[0]
    return driver.version is None or numbers(driver.version) >= numbers(lowest_driver(build, system))


def numbers(version: str) -> tuple[int, ...]:
    """A driver's version for comparing: 535.183.01 -> (535, 183, 1)."""
    return tuple(int(part) for part in version.split("."))


def _obstacle(build: Build, driver: Driver, system: System) -> Kind | None:
    if not runs(build, driver, system):
        return Kind.DRIVER_TOO_OLD
    misfits = [_misfit(build, gpu) for gpu in driver.gpus]
    return misfits[0] if misfits and all(misfits) else None  # one GPU that it can use is reason enough


def _misfit(build: Build, gpu: Gpu) -> Kind | None:
    if gpu.capability is None:
        return None
    if gpu.capability < build.lowest:
        return Kind.GPU_TOO_OLD
    return Kind.GPU_TOO_NEW if build.highest is not None and gpu.capability[0] > build.highest else None
