"""The folder in which the workbenches of all users lock, opened so that nothing another user put there does harm.

Anybody may write into it, as into /tmp. So nothing in it is followed (links), waited for (pipes) or written twice: lock
files are opened for reading alone, which is enough to lock them, and notes are made anew. A file is never opened with
O_CREAT that may be another's: Linux refuses that in such folders (fs.protected_regular).
"""

import contextlib
import os
import stat
import sys
import time
from pathlib import Path

VARIABLE = "WORKBENCH_LOCKS"
OFF = "off"
_NAME = "deepseek-workbench-locks"
_MOST_BYTES = 4096
_FAR = 1 << 30  # where a byte is locked on Windows, whose locks forbid to read what they cover
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
_CLEANED_S = 60.0  # a note is locked right after it was made; one that never was is litter after this


def place() -> Path | None:
    """The folder: WORKBENCH_LOCKS, or one that is the same for all users; None: switched off by that variable."""
    named = os.environ.get(VARIABLE, "")
    if named.lower() == OFF:
        return None
    if named:
        return Path(named).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("PROGRAMDATA", "C:\\ProgramData")) / _NAME
    return Path("/tmp") / _NAME  # not TMPDIR, which each user may have for himself


class Folder:
    """The folder while it is open; made where it is missing. OSError where it cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        made = False
        with contextlib.suppress(FileExistsError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(mode=0o777)
            made = True
        self._descriptor: int | None = None
        if sys.platform != "win32":
            self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | _NO_LINKS)
            if made:
                os.fchmod(self._descriptor, 0o1777)  # everybody's, and each takes away his own alone

    def __enter__(self) -> "Folder":
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def open(self, name: str, *, create: bool = False) -> int:
        """A descriptor for reading. OSError: FileNotFoundError, another's that cannot be read, or no plain file."""
        try:
            descriptor = self._open(name, os.O_RDONLY)
        except FileNotFoundError:
            if not create:
                raise
            try:
                descriptor = self._open(name, os.O_RDONLY | os.O_CREAT | os.O_EXCL)
                self._for_all(descriptor)
            except FileExistsError:  # another was quicker
                descriptor = self._open(name, os.O_RDONLY)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(f"{name} is no plain file")
        return descriptor

    def write(self, name: str, content: bytes) -> int:
        """A new file with `content`; its descriptor, locked."""
        descriptor = self._open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(descriptor, content)
        self._for_all(descriptor)
        lock(descriptor)
        return descriptor

    def names(self) -> list[str]:
        return sorted(os.listdir(self._path if self._descriptor is None else self._descriptor))

    def holds(self, name: str, descriptor: int) -> bool:
        """Whether `name` is still the file that was opened: somebody may have taken it away meanwhile."""
        try:
            there = os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(descriptor))

    def remove(self, name: str) -> None:
        with contextlib.suppress(OSError):  # another's, or gone
            os.unlink(self._at(name), dir_fd=self._descriptor)

    def alive(self, name: str) -> tuple[bytes, int] | None:
        """Content and owner's user id of a note whose writer still holds it. A dead one of our own is taken away."""
        try:
            descriptor = self.open(name)
        except OSError:
            return None
        try:
            facts = os.fstat(descriptor)
            content = None if lock(descriptor) else os.read(descriptor, _MOST_BYTES)
        except OSError:
            return None
        finally:
            os.close(descriptor)
        if content is None:
            if facts.st_uid == own_uid() and time.time() - facts.st_mtime > _CLEANED_S:
                self.remove(name)
            return None
        return content, facts.st_uid

    def _open(self, name: str, flags: int) -> int:
        return os.open(self._at(name), flags | _NO_LINKS | getattr(os, "O_BINARY", 0), 0o444, dir_fd=self._descriptor)

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else str(self._path / name)

    @staticmethod
    def _for_all(descriptor: int) -> None:
        if sys.platform != "win32":
            os.fchmod(descriptor, 0o444)  # whatever the umask took away


def lock(descriptor: int) -> bool:
    """Takes the lock of an open file until it is closed or its process ends; False: another has it."""
    if sys.platform == "win32":
        import msvcrt

        try:
            os.lseek(descriptor, _FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        except PermissionError:
            os.lseek(descriptor, 0, os.SEEK_SET)
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def own_uid() -> int:
    """0 on Windows, where files say so of everybody."""
    return os.geteuid() if sys.platform != "win32" else 0
