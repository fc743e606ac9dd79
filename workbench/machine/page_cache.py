"""Which share of files is in the page cache: a load that finds them there reads no disk, and says nothing of one."""

import ctypes
import mmap
import sys
from collections.abc import Iterable
from pathlib import Path


def cached_share(files: Iterable[Path]) -> float | None:
    """Bytes of `files` in the page cache ÷ all their bytes; None where it cannot be told.

    By mincore(2): Linux, and files that are this person's own or writable (for others the kernel says "all", so as to
    tell nobody what somebody else reads; Linux 5.2).
    """
    if not sys.platform.startswith("linux"):
        return None
    pages = inside = 0
    try:
        for file in files:
            resident, count = _resident(file)
            inside, pages = inside + resident, pages + count
    except OSError:  # gone, not ours to read, or a file system without pages
        return None
    return inside / pages if pages else None


def _resident(file: Path) -> tuple[int, int]:
    """(pages of it in memory, all its pages)"""
    with file.open("r+b") as opened:  # opened for writing: proof that mincore will answer
        length = file.stat().st_size
        if not length:
            return 0, 0
        with mmap.mmap(opened.fileno(), length, access=mmap.ACCESS_COPY) as mapped:
            count = -(-length // mmap.PAGESIZE)
            marks = (ctypes.c_ubyte * count)()
            held = (ctypes.c_char * length).from_buffer(mapped)
            try:
                mincore = ctypes.CDLL(None, use_errno=True).mincore
                if mincore(ctypes.c_void_p(ctypes.addressof(held)), ctypes.c_size_t(length), marks):
                    raise OSError(ctypes.get_errno(), "mincore")
            finally:
                del held  # else the mapping cannot be closed
            return sum(mark & 1 for mark in marks), count
