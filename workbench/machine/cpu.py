"""The processor and the memory that this process may use."""

import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

from workbench.machine.limits import Limits, whole_cores
from workbench.results import Cpu

# what decides which kernels a matrix product can take, by the name people know -> names in cpuinfo
FEATURES = {
    "avx2": ("avx2",),
    "fma": ("fma",),
    "f16c": ("f16c",),
    "avx512f": ("avx512f",),
    "avx512_bf16": ("avx512_bf16",),
    "avx512_fp16": ("avx512_fp16",),
    "avx512_vnni": ("avx512_vnni", "avx512vnni"),
    "avx_vnni": ("avx_vnni",),
    "amx_bf16": ("amx_bf16",),
    "amx_int8": ("amx_int8",),
    "amx_fp16": ("amx_fp16",),
    "neon": ("asimd", "neon"),
    "fp16": ("asimdhp", "fphp"),
    "bf16": ("bf16",),
    "i8mm": ("i8mm",),
    "sve": ("sve",),
    "sve2": ("sve2",),
}


def read_cpu(limits: Limits, name: str, features: tuple[str, ...]) -> Cpu:
    """Cores by affinity and quota, memory by machine and container; `available_bytes` is as of now."""
    allowed = allowed_cpus()
    memory = psutil.virtual_memory()
    return Cpu(
        name=name,
        cores=whole_cores(physical_cores(allowed), limits.cpus),
        logical_cores=whole_cores(len(allowed), limits.cpus),
        features=features,
        memory_bytes=min(memory.total, limits.memory_bytes or memory.total),
        available_bytes=min(
            memory.available,
            memory.available if limits.memory_left_bytes is None else limits.memory_left_bytes,
        ),
    )


def allowed_cpus() -> tuple[int, ...]:
    """Logical CPUs the scheduler may put this process on."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def physical_cores(allowed: Iterable[int], root: Path = Path("/sys/devices/system/cpu")) -> int:
    """How many cores the logical CPUs in `allowed` lie on: two hyperthreads share one."""
    allowed = tuple(allowed)
    try:
        siblings = {(root / f"cpu{cpu}/topology/thread_siblings_list").read_text().strip() for cpu in allowed}
    except OSError:  # not Linux, or a container that hides the topology
        return min(len(allowed), psutil.cpu_count(logical=False) or len(allowed))
    return len(siblings)


def identify() -> tuple[str, tuple[str, ...]]:
    """(name, features that matter). Reads /proc/cpuinfo; elsewhere py-cpuinfo, which takes about a second."""
    try:
        return from_proc(Path("/proc/cpuinfo").read_text())
    except OSError:  # not Linux
        import cpuinfo

        found: dict[str, Any] = cpuinfo.get_cpu_info()
        return str(found.get("brand_raw") or platform.machine()), known_features(found.get("flags", ()))


def from_proc(text: str) -> tuple[str, tuple[str, ...]]:
    """Name and features from the text of /proc/cpuinfo, x86 or ARM."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    name = fields.get("model name") or fields.get("Model") or fields.get("Hardware")
    if not name:
        part = "/".join(filter(None, (fields.get("CPU implementer"), fields.get("CPU part"))))
        name = f"{platform.machine()} {part}".strip()
    return name, known_features((fields.get("flags") or fields.get("Features") or "").split())


def known_features(flags: Iterable[str]) -> tuple[str, ...]:
    present = set(flags)
    return tuple(name for name, spellings in FEATURES.items() if present.intersection(spellings))
