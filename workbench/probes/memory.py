"""Peak memory over a stretch of work."""

import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

from workbench.probes.allocator import release
from workbench.probes.failures import refusal_of, refuses_memory
from workbench.words import Message, say

_PERIOD_S = 0.005
_CLEAR = Path("/proc/self/clear_refs")


class Peak:
    """`with Peak(device) as peak: …; peak.bytes` — the highest memory in between, and `.method`, how it was read.

    CUDA: torch's allocated peak. Linux: the kernel's high-water mark of the resident set, reset at the start
    (`clear_refs` = 5, see proc(5)). Elsewhere, or where the reset is refused: the resident set sampled every 5 ms.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._done = threading.Event()
        self._sampler: threading.Thread | None = None
        self.bytes = 0
        self.method = "VmHWM"

    def __enter__(self) -> "Peak":
        if self._device.type == "cuda":
            self.method = "torch.cuda.max_memory_allocated"
            torch.cuda.reset_peak_memory_stats(self._device)
        elif not _reset_high_water_mark():
            self.method = "sampled resident set"
            self._sampler = threading.Thread(target=self._sample, daemon=True, name="peak-memory")
            self._sampler.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._device.type == "cuda":
            self.bytes = torch.cuda.max_memory_allocated(self._device)
        elif self._sampler is None:
            self.bytes = _high_water_mark()
        else:
            self._done.set()
            self._sampler.join()

    def _sample(self) -> None:
        process = psutil.Process()
        while True:
            self.bytes = max(self.bytes, process.memory_info().rss)
            if self._done.wait(_PERIOD_S):
                return


def out_of_memory(device: torch.device, work: Callable[[], None]) -> Message | None:
    """Does `work`; what was said where memory did not hold it, or None. What it had taken is given back."""
    refused = None
    try:
        work()
    except (RuntimeError, MemoryError) as error:
        if not refuses_memory(error):
            raise
        refused = refusal_of(error, device)
        if refused.spoils:  # nothing that follows in this process would be as it was
            raise
    if refused is None:
        return None
    release(device)  # only now: the traceback of the failure held its tensors
    return say("scan.out_of_memory", problem=f"{refused.problem}; {refused.sentences}".rstrip(".; "))


def _reset_high_water_mark() -> bool:
    try:
        _CLEAR.write_text("5")
    except OSError:  # no such file, or not allowed in this container
        return False
    return True


def _high_water_mark() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("no VmHWM in /proc/self/status")
