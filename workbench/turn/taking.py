"""One timed run at a time on a device, among the workbenches of all users of this machine.

The right is the lock of a file that is named for the device; it goes with its process, however that ends. Who waits
holds a second lock, `next`, before it waits for the first: so nobody who has just had a turn slips in before it. The
holder's name stands in a note of its own, which is locked as well: a note that is not is stale.
"""

import contextlib
import json
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from workbench.results import TimedRun
from workbench.turn.folder import VARIABLE, Folder, lock, own_uid, place
from workbench.words import Message, say
from workbench.words.format import printable

INHERITED = "WORKBENCH_TURN"
_LOOK_S = 0.1
_TELL_S = 1.0
_UNKNOWN = "?"
_thread = threading.local()  # `held`: lock name -> name of the note; nested work of one thread has its turn already


def lock_name(device: str) -> str:
    """A file name for "cpu", GPU-8f2a…, MIG-8f2a… or 8f2a…: NVML and torch write the same UUID differently."""
    bare = device.removeprefix("GPU-").removeprefix("MIG-").lower()
    return "".join(character if character.isascii() and character.isalnum() else "-" for character in bare)[:80]


def notebook_name() -> str:
    """What people call this process: the notebook's file name, else the program's; of ours with its verb."""
    notebook = os.environ.get("JPY_SESSION_NAME")  # set by Jupyter Server for each kernel
    program = Path(notebook or (sys.argv[0] if sys.argv and sys.argv[0] not in ("", "-c", "-m") else "python"))
    name = program.parent.name if program.name == "__main__.py" else program.name  # python -m NAME
    verb = next((word for word in sys.argv[1:] if word.isalpha()), "") if name == "workbench" else ""
    return f"{name} {verb}".strip()


def has_turn(devices: Iterable[str]) -> bool:
    """Whether this thread, or the process that started this one for its timed run, has them all."""
    return all(name in _held() for name in map(lock_name, devices))


@contextmanager
def taken(
    devices: Iterable[str],
    *,
    check: Callable[[], None] = lambda: None,
    tell: Callable[[str, TimedRun | None], None] = lambda _device, _run: None,
) -> Iterator[Message | None]:
    """Within it no other workbench has a timed run on these devices. Waits for as long as one has.

    check  called ten times a second while waiting; what it raises ends the wait
    tell   called once a second while waiting, with the device and who has it (None: nobody said)

    Gives why there is no such lock (a folder that cannot be used), or None. Work of the same thread inside another such
    block keeps what that has, and waits for nothing more: two that wait with locks in hand might wait forever.
    """
    nested = bool(_held())
    wanted = {lock_name(device): device for device in devices}
    missing = {name: wanted[name] for name in sorted(wanted) if name not in _held()}
    folder, problem = _opened() if missing else (None, None)
    before = getattr(_thread, "held", {})
    with ExitStack() as stack:
        if folder is not None:
            stack.enter_context(folder)
            try:
                for name, device in missing.items():
                    patience = None if nested else _Patience(folder, device, check, tell)
                    note = _take(folder, name, patience, stack)
                    if note is not None:
                        _thread.held = {**getattr(_thread, "held", {}), name: note}
            except OSError as error:
                problem = _said(error)
        stack.callback(lambda: setattr(_thread, "held", before))
        yield problem


def running(device: str) -> TimedRun | None:
    """Who has a timed run on `device` now; None: nobody, or it cannot be told."""
    folder, _problem = _opened()
    if folder is None:
        return None
    with folder:
        return _holder(folder, device)


def waiting(device: str, run: TimedRun | None) -> Message:
    """What is said while `run` is waited for."""
    if run is None or not run.pid:
        return say("turn.waiting_unnamed", device=device)
    return say("turn.waiting", notebook=run.notebook, pid=run.pid, device=device)


def problem() -> Message | None:
    """Why there are no turns here; None: there are, or they were switched off."""
    folder, why = _opened()
    if folder is not None:
        with folder:
            return None
    return why


def environment() -> dict[str, str]:
    """Variables for a process that takes part in this thread's timed run: it waits for no turn of its own."""
    held = getattr(_thread, "held", {})
    return {INHERITED: ",".join(f"{name}:{note}" for name, note in held.items())} if held else {}


class _Patience:
    """Waiting: Stop is looked for, and who is waited for is told."""

    def __init__(
        self,
        folder: Folder,
        device: str,
        check: Callable[[], None],
        tell: Callable[[str, TimedRun | None], None],
    ) -> None:
        self._folder, self._device, self._check, self._tell = folder, device, check, tell
        self._told_s = -_TELL_S

    def __call__(self) -> None:
        self._check()
        if time.monotonic() - self._told_s >= _TELL_S:
            self._told_s = time.monotonic()
            self._tell(self._device, _named(self._folder, self._device))
        time.sleep(_LOOK_S)


def _take(folder: Folder, name: str, patience: _Patience | None, stack: ExitStack) -> str | None:
    """Locks the device until `stack` ends; the name of the note that says so. None: not without waiting."""
    following = _locked(folder, f"{name}.next", patience)
    if following is None:
        return None
    try:
        descriptor = _locked(folder, f"{name}.lock", patience)
    finally:
        os.close(following)
    if descriptor is None:
        return None
    stack.callback(os.close, descriptor)
    note = f"{name}.{os.getpid()}.{secrets.token_hex(8)}.json"
    with contextlib.suppress(OSError):  # a full disk: the lock alone still keeps others off
        content = json.dumps({"pid": os.getpid(), "notebook": notebook_name()}).encode()
        descriptor = folder.write(note, content)
        stack.callback(folder.remove, note)
        stack.callback(os.close, descriptor)
    return note


def _locked(folder: Folder, file: str, patience: _Patience | None) -> int | None:
    while True:
        descriptor = folder.open(file, create=True)
        try:
            # a file that was taken away between opening and locking is no longer the one that others lock
            if lock(descriptor) and folder.holds(file, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if patience is None:
            return None
        patience()


def _holder(folder: Folder, device: str) -> TimedRun | None:
    name = lock_name(device)
    try:
        descriptor = folder.open(f"{name}.lock")
    except OSError:
        return None
    try:
        if lock(descriptor):
            return None
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return _named(folder, device) or TimedRun(device=device, notebook=_UNKNOWN, pid=0, ours=False)


def _named(folder: Folder, device: str) -> TimedRun | None:
    """By the first note on `device` that is alive."""
    try:
        names = folder.names()
    except OSError:
        return None
    start = f"{lock_name(device)}."
    found = (_read(folder, name, device) for name in names if name.startswith(start) and name.endswith(".json"))
    return next((run for run in found if run is not None), None)


def _read(folder: Folder, name: str, device: str) -> TimedRun | None:
    found = folder.alive(name)
    if found is None:
        return None
    content, uid = found
    try:
        note = json.loads(content)
        pid, notebook = int(note["pid"]), printable(str(note["notebook"]), 60)
    except (ValueError, TypeError, KeyError):  # another user may write anything there
        return None
    return TimedRun(device=device, notebook=notebook, pid=pid, ours=uid == own_uid()).of(user_name(uid))


def user_name(uid: int) -> str | None:
    """For display; None where users have no such names."""
    try:
        import pwd
    except ImportError:
        return None
    try:
        return printable(pwd.getpwuid(uid).pw_name, 40)
    except KeyError:
        return str(uid)


def _held() -> dict[str, str]:
    held: dict[str, str] = getattr(_thread, "held", {})
    return {**_inherited(), **held} if os.environ.get(INHERITED) else held


def _inherited() -> dict[str, str]:
    """What the process that started this one passed on, where it is really in its turn: its notes are alive."""
    folder, _problem = _opened()
    if folder is None:
        return {}
    with folder:
        parts = (part.partition(":") for part in os.environ[INHERITED].split(","))
        return {name: note for name, _, note in parts if note.startswith(f"{name}.") and _is_parents(folder, note)}


def _is_parents(folder: Folder, note: str) -> bool:
    found = folder.alive(note) if os.sep not in note else None
    if found is None or found[1] != own_uid():
        return False
    try:
        above = [process.pid for process in psutil.Process().parents()]
        return json.loads(found[0])["pid"] in above
    except (psutil.Error, ValueError, TypeError, KeyError):
        return False


def _opened() -> tuple[Folder | None, Message | None]:
    path = place()
    if path is None:
        return None, None
    try:
        return Folder(path), None
    except OSError as error:
        return None, _said(error)


def _said(error: OSError) -> Message:
    return say("turn.no_lock", problem=error.strerror or str(error), variable=VARIABLE)
