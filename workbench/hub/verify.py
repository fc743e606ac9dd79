"""Whether a file is what the hub says it is: its size, and its SHA-256 (large files) or git object id (small ones)."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from workbench.errors import ModelError
from workbench.hub.choice import RemoteFile
from workbench.words.format import size

_BLOCK_BYTES = 1 << 22
_MARGIN_BYTES = 64 << 20  # for a file system's own blocks and the small files that the clients write


def intact(path: Path, file: RemoteFile, alive: Callable[[], None]) -> bool:
    """Reads the whole file. A file whose checksum the hub does not know is compared by size alone."""
    if not path.is_file() or path.stat().st_size != file.bytes:
        return False
    if file.sha256:
        digest, expected = hashlib.sha256(), file.sha256
    elif file.blob:
        # git: the SHA-1 of "blob <size>", a zero byte and the content
        digest, expected = hashlib.sha1(f"blob {file.bytes}\0".encode(), usedforsecurity=False), file.blob
    else:
        return True
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
            alive()
    return digest.hexdigest() == expected


def refuse_full_disk(name: str, folder: Path, missing_bytes: int, free_bytes: int) -> None:
    """ModelError when `missing_bytes` do not fit beside what the disk of `folder` holds."""
    if missing_bytes + _MARGIN_BYTES > free_bytes and missing_bytes:
        raise ModelError(
            "hub.disk_full", name=name, path=str(folder), needed=size(missing_bytes), free=size(free_bytes)
        )
