"""Which engines are alive on this machine, one file each in the home directory.

An engine holds the lock of its slot for as long as its process lives, so that nothing stale can look alive: whoever
gets the lock has the slot, and the note beside it says who holds it. `<device>@1.lock` + `<device>@1.json`; engines
that were asked to stand beside another take `@2`, `@3` …
"""

import contextlib
import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from workbench import __version__
from workbench.errors import DeviceBusy
from workbench.home import room
from workbench.results import Machine, versions
from workbench.turn import notebook_name
from workbench.words import text
from workbench.words.format import size

__all__ = [
    "MAX_BESIDE",
    "WHEN_BUSY",
    "Claim",
    "Holder",
    "Holding",
    "busy",
    "device_key",
    "fingerprint",
    "gpu_uuid",
    "holder",
    "holders",
    "notebook_name",
]

WHEN_BUSY = ("refuse", "wait", "take", "beside")
MAX_BESIDE = 16
_PROBED_S = 0.3  # who only looks whether a lock can be had holds it for a moment


@dataclass(frozen=True)
class Holder:
    """An engine that is alive. `bytes`: of its weights, None while it loads · `socket`: where it can be asked for."""

    device: str
    pid: int  # of the process that holds the model
    owner_pid: int  # of the notebook or program that works with it; the same for an inline engine
    notebook: str
    model: str
    fingerprint: str  # of what was loaded, and in which environment: equal ones can change hands
    bytes: int | None = None
    socket: str | None = None


@dataclass(frozen=True)
class Claim:
    """What a session wants: a device, for whom, and what to do when an engine has it (`Session` explains when_busy)."""

    device: str
    owner_pid: int
    notebook: str
    model: str
    fingerprint: str
    when_busy: str = "refuse"

    def note(self, *, bytes: int | None = None, socket: str | None = None) -> Holder:  # noqa: A002  # a field's name
        """The entry of this process, once it has the device."""
        return Holder(
            self.device, os.getpid(), self.owner_pid, self.notebook, self.model, self.fingerprint, bytes, socket
        )


def device_key(asked: str, machine: Machine) -> str:
    """The name of the device that config.device=`asked` leads to: cpu, or a GPU by its UUID where that is known."""
    torch = machine.torch
    if asked == "cpu" or (asked == "auto" and not (torch and torch.cuda_available)):
        return "cpu"
    index = int(asked.partition(":")[2] or 0)
    gpus = torch.gpus if torch else ()
    uuid = gpus[index].uuid if index < len(gpus) else None
    return uuid or f"cuda-{index}"


def gpu_uuid(key: str) -> str | None:
    """The GPU or MIG instance that a device's key names; None: the CPU, or a GPU whose UUID is not known."""
    return None if key == "cpu" or key.startswith("cuda-") else key


def fingerprint(source: dict[str, Any], environment: dict[str, str]) -> str:
    """Equal for engines that hold the same weights in the same kind of process, for the same kind of owner.

    Notebooks pass an engine on to each other; a program that ends with its work takes none from a notebook.
    """
    kernel = sys.modules.get("ipykernel.kernelapp")
    owner = "notebook" if kernel and kernel.IPKernelApp.initialized() else sys.argv[0]
    whole = json.dumps([source, environment, owner, sys.executable, __version__, versions()], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def holder(device: str) -> Holder | None:
    """Who holds `device` now, or None. What a dead engine left behind is taken away."""
    try:
        slots = list(_slots(device))
    except OSError:  # a home that cannot be written keeps no registry
        return None
    held = (_alive(slot) for slot in slots if slot.with_suffix(".lock").exists())
    return next((found for found in held if found), None)


def holders() -> list[Holder]:
    """Every engine that is alive in this home, on this machine."""
    try:
        locks = sorted(_folder().glob("*.lock"))
    except OSError:
        return []
    return [found for lock in locks if (found := _alive(lock.with_suffix("")))]


class Holding:
    """The slot that an engine holds. Belongs to the process that holds the model."""

    def __init__(self) -> None:
        self._lock: FileLock | None = None
        self._slot: Path | None = None
        self._note: Holder | None = None

    def claim(self, claim: Claim, socket: str | None = None) -> None:
        """Takes the device, and lets go of another held before. DeviceBusy when an engine has it.

        when_busy="beside" takes the next slot instead. A home that cannot be written keeps no registry: nothing is
        claimed there. `socket`: where this process can be asked for the engine.
        """
        if self._note and self._note.device == claim.device:
            self._write(claim.note(bytes=self._note.bytes, socket=socket))
            return
        try:
            slots = list(_slots(claim.device))
        except OSError:
            return
        for slot in slots if claim.when_busy == "beside" else slots[:1]:
            lock = FileLock(slot.with_suffix(".lock"), timeout=_PROBED_S)
            try:
                lock.acquire()
            except Timeout:
                continue
            except OSError:
                return
            self.release()
            self._lock, self._slot = lock, slot
            self._write(claim.note(socket=socket))
            return
        raise busy(_read(slots[0]), claim.device)

    def update(self, **changes: Any) -> None:
        """Changes the note; nothing when no slot is held."""
        if self._note:
            self._write(replace(self._note, **changes))

    def is_of(self, fingerprint: str) -> bool:
        """Whether what is held is what `fingerprint` stands for."""
        return self._note is not None and self._note.fingerprint == fingerprint

    def release(self) -> None:
        """Gives the slot back."""
        if self._slot:
            self._slot.with_suffix(".json").unlink(missing_ok=True)
        if self._lock:
            self._lock.release()
        self._lock = self._slot = self._note = None

    def _write(self, note: Holder) -> None:
        assert self._slot is not None, "a slot is held"
        self._note = note
        unfinished = self._slot.with_suffix(f".{os.getpid()}.tmp")
        with contextlib.suppress(OSError):  # a full disk: the lock alone still keeps others off
            unfinished.write_text(json.dumps(asdict(note)), encoding="utf-8")
            unfinished.replace(self._slot.with_suffix(".json"))


def busy(found: Holder | None, device: str) -> DeviceBusy:
    """The error that names who holds `device` and how much of it."""
    if found is None:
        return DeviceBusy("engines.busy_unnamed", device=device)
    held = text("engines.loading") if found.bytes is None else text("engines.weights", size=size(found.bytes))
    return DeviceBusy(
        "engines.busy", device=device, notebook=found.notebook, pid=found.owner_pid, model=found.model, held=held
    )


def _alive(slot: Path) -> Holder | None:
    """The engine of a slot. Its lock is tried: one that can be had belongs to nobody."""
    lock = FileLock(slot.with_suffix(".lock"), timeout=0)
    try:
        with lock:
            slot.with_suffix(".json").unlink(missing_ok=True)
            return None
    except Timeout:
        return _read(slot) or Holder(_device_of(slot), 0, 0, "?", "?", "")
    except OSError:  # a home that cannot be written keeps no registry
        return None


def _read(slot: Path) -> Holder | None:
    try:
        return Holder(**json.loads(slot.with_suffix(".json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _device_of(slot: Path) -> str:
    return slot.name.partition("@")[0]


def _slots(device: str) -> Iterator[Path]:
    folder = _folder()
    return (folder / f"{device}@{number}" for number in range(1, MAX_BESIDE + 1))


def _folder() -> Path:
    """By machine: a home on a network file system is shared, its engines are not."""
    try:
        machine = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        machine = platform.node()
    return room(f"engines/{hashlib.sha256(machine.encode()).hexdigest()[:8]}")
