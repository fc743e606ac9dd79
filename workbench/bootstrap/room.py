"""How much there is to download and whether the disks hold it; said before the first byte comes."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from workbench.bootstrap.builds import DEMO, OTHERS, QUANT, RAY, Build, Size, System, torch_size
from workbench.errors import WorkbenchError
from workbench.words import text

MARGIN = 200_000_000  # pip's own unpacking, byte code


def sizes(layers: Sequence[str], build: Build | None, system: System) -> tuple[Size, bool]:
    """(what is known of the sizes, whether torch is among it). build: None when torch is there already, or unknown."""
    known = Size(0, 0)
    torch = torch_size(build, system) if build and "base" in layers else None
    if "base" in layers:
        known += OTHERS + (torch or Size(0, 0))
    if "demo" in layers:
        known += DEMO
    if "quant" in layers:
        known += QUANT
    if "ray" in layers:
        known += RAY
    return known, torch is not None


def announcement(layers: Sequence[str], build: Build | None, system: System, folder: Path) -> str:
    """One sentence with the size of the download and the room there is."""
    known, complete = sizes(layers, build, system)
    free = gigabytes(shutil.disk_usage(existing(folder)).free)
    download, disk = gigabytes(known.download), gigabytes(known.disk)
    if complete or build is None or "base" not in layers:
        return text("install.size", download=download, disk=disk, free=free)
    return text("install.size_without_torch", download=download, disk=disk, free=free, build=build.words)


def check(needed: Size, folder: Path, scratch: Path | None = None) -> None:
    """WorkbenchError when a disk is too small: pip keeps the download beside the system's scratch files meanwhile.

    What an interrupted installation has brought into `folder` already is not needed again.
    """
    scratch = scratch or Path(tempfile.gettempdir())
    share = max(0.0, 1 - _held(folder) / needed.disk) if needed.disk else 0.0
    download = round(needed.download * share)
    places = {folder: round(needed.disk * share) + MARGIN}
    if os.stat(existing(folder)).st_dev == os.stat(existing(scratch)).st_dev:
        places[folder] += download
    else:
        places[scratch] = download
    for place, bytes_needed in places.items():
        free = shutil.disk_usage(existing(place)).free
        if free < bytes_needed:
            raise WorkbenchError(
                "install.disk_full", place=str(place), needed=gigabytes(bytes_needed), free=gigabytes(free)
            )


def _held(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next(each for each in (path, *path.parents) if each.exists())


def gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
