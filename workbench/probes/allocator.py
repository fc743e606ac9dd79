"""What the allocator holds, read from itself: torch's on a GPU, glibc's on the CPU; and giving back what is unused."""

import ctypes
import gc
import os
import re
import sys
from functools import cache
from typing import Any

import psutil
import torch

from workbench.machine.limits import read_limits
from workbench.probes.allocated import allocated
from workbench.results import AllocatorState
from workbench.words import say

_EXPANDABLE = "expandable_segments"


def state(device: torch.device) -> AllocatorState:
    """The allocator whose memory a model on `device` gets, now."""
    return _cuda(device) if device.type == "cuda" else _glibc()


def in_force(device: torch.device) -> str:
    """The allocator knob's word for what torch was told, its own words where there is none; "" off the GPU.

    `CUDAAllocatorConfig::expandable_segments` is false on Windows whatever was set (c10/cuda/CUDAAllocatorConfig.h).
    """
    if device.type != "cuda":
        return ""
    return word_of(settings(), sys.platform)


def settings() -> str:
    """What torch's allocator was told in this process, in its own words (PYTORCH_CUDA_ALLOC_CONF)."""
    read = getattr(torch._C, "_accelerator_getAllocatorSettings", None)
    if read is not None:
        return str(read())
    return os.environ.get("PYTORCH_CUDA_ALLOC_CONF") or os.environ.get("PYTORCH_ALLOC_CONF") or ""


def word_of(told: str, platform: str) -> str:
    """`told` as the knob says it."""
    entries = [entry.strip() for entry in told.split(",") if entry.strip()]
    on = [entry for entry in entries if entry.lower() == f"{_EXPANDABLE}:true"]
    rest = [entry for entry in entries if not entry.lower().startswith(f"{_EXPANDABLE}:")]
    if on and platform != "win32":
        rest = [_EXPANDABLE, *rest]
    return ",".join(rest) or "default"


def release(device: torch.device) -> None:
    """Collects garbage and returns freed pages to the driver or the kernel."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # absent from musl
        if trim is not None:
            trim(0)


def free_bytes(device: torch.device) -> int:
    """What driver or kernel would still give to this process, bytes.

    On the CPU the least of: available memory, what the control groups leave, and what the limits on address space and
    data of this process leave (ulimit -v, -d; setrlimit(2)).
    """
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    left = [psutil.virtual_memory().available, *_left_of_limits()]
    group = read_limits().memory_left_bytes
    return max(min([*left, *([] if group is None else [group])]), 0)


def _left_of_limits() -> list[int]:
    if sys.platform != "linux":
        return []
    import resource

    limits = {"VmSize": resource.RLIMIT_AS, "VmData": resource.RLIMIT_DATA}
    soft = {name: resource.getrlimit(limit)[0] for name, limit in limits.items()}
    now = _status(*soft)
    return [limit - now[name] for name, limit in soft.items() if limit != resource.RLIM_INFINITY]


def _status(*names: str) -> dict[str, int]:
    """Bytes of these lines of /proc/self/status (proc_pid_status(5))."""
    with open("/proc/self/status") as file:
        lines = (line.partition(":") for line in file)
        return {name: int(rest.split()[0]) * 1024 for name, _, rest in lines if name in names}


def _cuda(device: torch.device) -> AllocatorState:
    """torch.cuda.memory_stats and memory_snapshot (torch/cuda/memory.py) of one device."""
    counted = allocated(device)
    numbers = counted.model_dump() if counted else {}
    backend = torch.cuda.get_allocator_backend()
    if backend != "native":  # its snapshot raises
        missing = say("memory_health.missing.backend", backend=backend)
        return AllocatorState(source="cuda", device_free=free_bytes(device), missing=missing, **numbers)
    everywhere: list[dict[str, Any]] = torch.cuda.memory_snapshot()  # type: ignore[no-untyped-call]
    segments = [each for each in everywhere if each["device"] == (device.index or 0)]
    return AllocatorState(
        source="cuda",
        largest_free=largest_free(segments),
        segments=len(segments),
        expandable=sum(bool(each.get("is_expandable")) for each in segments),
        device_free=free_bytes(device),
        **numbers,
    )


def largest_free(segments: list[dict[str, Any]]) -> int:
    """The largest block of `memory_snapshot`'s segments that is free for reuse."""
    blocks = (block for segment in segments for block in segment["blocks"])
    return max((block["size"] for block in blocks if block["state"] == "inactive"), default=0)


_FIELDS = (
    *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
    *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
)


class _Mallinfo2(ctypes.Structure):
    """struct mallinfo2 (glibc 2.33, malloc.h); sums over all arenas."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in _FIELDS)


@cache
def _malloc() -> Any:
    """The C library of this process where its malloc tells its state, else None."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2") or not hasattr(library, "malloc_info"):
        return None
    library.mallinfo2.restype = _Mallinfo2
    library.open_memstream.restype = ctypes.c_void_p
    library.malloc_info.argtypes = (ctypes.c_int, ctypes.c_void_p)
    library.fclose.argtypes = (ctypes.c_void_p,)
    library.free.argtypes = (ctypes.c_void_p,)
    return library


def _glibc() -> AllocatorState:
    library = _malloc()
    if library is None:
        return AllocatorState(
            source=None,
            device_free=free_bytes(torch.device("cpu")),
            missing=say("memory_health.missing.malloc", platform=sys.platform),
        )
    told = _malloc_info(library)
    info = library.mallinfo2()
    sizes = [int(each) for each in re.findall(r'<(?:size|unsorted) from="\d+" to="(\d+)"', told)]
    return AllocatorState(
        source="glibc",
        reserved=info.arena,
        allocated=info.uordblks,
        inactive_split=info.fordblks - info.keepcost,
        largest_free=max([info.keepcost, *sizes]) if told else None,
        mapped=info.hblkhd,
        segments=told.count("<heap nr=") if told else None,
        resident=_status("RssAnon").get("RssAnon"),
        device_free=free_bytes(torch.device("cpu")),
    )


def _malloc_info(library: Any) -> str:
    """malloc_info(3): XML with the sizes of free chunks, each bin's largest in `to`. Its stream is one in memory."""
    text, length = ctypes.c_char_p(), ctypes.c_size_t()
    stream = library.open_memstream(ctypes.byref(text), ctypes.byref(length))
    if not stream:
        return ""  # no memory for it: the sizes stay unknown, the sums do not
    try:
        library.malloc_info(0, stream)
    finally:
        library.fclose(stream)
    told = ctypes.string_at(text, length.value).decode(errors="replace")
    library.free(text)
    return told
