"""Who holds memory on a GPU, or that this cannot be told from here: a list that hides someone is unknown, not shorter.

NVML lists compute, graphics and MPS client processes apart; one process may stand in more than one. The list is
believed unless one of these holds, each a code for `missing`:

not_supported …  the query itself is refused
wsl2             WSL2 does not list processes (CUDA on WSL User Guide, "Known Limitations": NVML reports no active
                 compute processes); what Windows and other distributions run there is not visible either
pid_namespace    this process is in a PID namespace of its own (a container), and an id that is listed does not exist
                 here: older drivers give the host's ids (NVIDIA/nvidia-docker#1483, "the nvidia-driver itself does not
                 support pid-namespaces")
hidden           more memory is in use than those listed hold: newer drivers leave out what the caller's namespace does
                 not show (open-gpu-kernel-modules, gpu_rmapi.c: gpuGetProcWithObject drops what osFindNsPid does not
                 find); outside a namespace only an empty list is judged so, for a driver keeps some memory to itself
"""

import os
from collections.abc import Callable, Iterable
from typing import Any

import psutil

from workbench.machine.nvml import NOT_SUPPORTED, OLD_DRIVER, Answer
from workbench.machine.surroundings import PID_NAMESPACE, WSL2
from workbench.results import GpuProcess

HIDDEN = "hidden"
# A CUDA context alone takes more than this; the driver's own use beside its reserve stays below
_UNOWNED_BYTES = 96 << 20
# The same where the driver does not tell its reserve apart (before R510): it was up to 1 GiB, or a part of large memory
_RESERVE_BYTES, _RESERVE_SHARE = 1 << 30, 0.02


def listed(answers: Iterable[Answer]) -> tuple[dict[int, int | None] | None, str | None]:
    """NVML's lists as one: id -> bytes, the most that any list says of it; or None and why.

    A list that the driver or the GPU does not have (graphics on a part of a GPU) adds nobody; one that is refused for
    another reason hides somebody perhaps.
    """
    found: dict[int, int | None] = {}
    answered, why = False, None
    for answer in answers:
        if answer.missing is not None:
            why = why or answer.missing
            if answer.missing not in (NOT_SUPPORTED, OLD_DRIVER):
                return None, answer.missing
            continue
        answered = True
        for process in answer.value:
            held = process.usedGpuMemory
            known = found.get(process.pid)
            found[process.pid] = known if held is None else held if known is None else max(held, known)
    return (found, None) if answered else (None, why)


def judged(
    found: dict[int, int | None],
    used_bytes: int | None,
    reserve_known: bool,
    total_bytes: int | None,
    surroundings: str | None = None,
    exists: Callable[[int], bool] = psutil.pid_exists,
) -> str | None:
    """Why this list cannot be the whole one; None: it is.

    used_bytes     of the device or instance; with the driver's reserve in it unless `reserve_known`
    surroundings   wsl2, pid_namespace or None: `machine.surroundings`
    """
    if surroundings == WSL2 and not found:
        return WSL2
    if surroundings == PID_NAMESPACE and not all(exists(pid) for pid in found):
        return PID_NAMESPACE
    if used_bytes is None:
        return HIDDEN if not found and surroundings is not None else None
    allowed = _UNOWNED_BYTES if reserve_known else max(_RESERVE_BYTES, _RESERVE_SHARE * (total_bytes or 0))
    if not found:
        return HIDDEN if used_bytes > allowed else None
    if surroundings == PID_NAMESPACE:
        held = [each for each in found.values() if each is not None]
        if len(held) == len(found) and used_bytes - sum(held) > allowed:
            return HIDDEN
    return None


class Names:
    """Program names by process id, asked once each."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask
        self._known: dict[int, str | None] = {}

    def keep(self, pids: Iterable[int]) -> None:
        """Forgets all but these: an id is given again."""
        self._known = {pid: name for pid, name in self._known.items() if pid in set(pids)}

    def of(self, pid: int) -> str | None:
        if pid not in self._known:
            self._known[pid] = self._find(pid)
        return self._known[pid]

    def _find(self, pid: int) -> str | None:
        told: str | None = self._ask("nvmlSystemGetProcessName", pid)
        name = os.path.basename((told or "").split("\0")[0].strip())  # without its folder, which may name a person
        if name and name != "-":
            return name
        try:
            return psutil.Process(pid).name()
        except psutil.Error:  # gone, or another user's
            return None


def processes(found: dict[int, int | None], names: Names) -> tuple[GpuProcess, ...]:
    """Largest first."""
    names.keep(found)
    ordered = sorted(found.items(), key=lambda each: (-(each[1] or 0), each[0]))
    return tuple(GpuProcess(pid=pid, bytes=held, name=names.of(pid)) for pid, held in ordered)
