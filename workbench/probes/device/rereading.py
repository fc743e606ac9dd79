"""Files that the kernel writes anew at each reading, kept open: a path costs more to find than its contents to read."""

import os
from pathlib import Path

_MOST_BYTES = 1 << 16  # of /proc/stat the lines of 700 processors; what follows them is not read


class Reread:
    """One such file of /proc or /sys. None once it cannot be read: it is gone, or was never there."""

    def __init__(self, file: Path) -> None:
        try:
            self._open: int | None = os.open(file, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError:
            self._open = None

    def read(self) -> bytes | None:
        if self._open is None:
            return None
        try:
            return os.pread(self._open, _MOST_BYTES, 0)
        except OSError:  # a process that ended
            self.close()
            return None

    def close(self) -> None:
        if self._open is not None:
            os.close(self._open)
            self._open = None

    def __del__(self) -> None:
        self.close()
