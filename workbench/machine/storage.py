"""The disk that the home directory is on, and the memory that processes share through /dev/shm."""

import os
import shutil
import sys
from pathlib import Path

from workbench.home import home
from workbench.machine.filesystems import mount_of
from workbench.results import Storage


def read_storage(folder: Path | None = None, shm: Path = Path("/dev/shm")) -> Storage:
    """As of now. `folder`, by default the home directory, may not exist yet: then what it would be made in counts."""
    existing = nearest_existing(folder or home())
    return Storage(
        file_system=(mount := mount_of(existing)).kind,
        network=mount.network,
        writable=os.access(existing, os.W_OK | os.X_OK),
        free_bytes=shutil.disk_usage(existing).free,
        shm_bytes=_shm_bytes(shm) if sys.platform == "linux" else None,
    )


def nearest_existing(folder: Path) -> Path:
    folder = folder.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _shm_bytes(shm: Path) -> int:
    """What may be put into it; 0 where there is none, or none that this process may write to."""
    if not shm.is_dir() or not os.access(shm, os.W_OK | os.X_OK):
        return 0
    return shutil.disk_usage(shm).total
