"""What a device can reach: the bytes that its memory moves, which bound decode, its products, which bound prefill,
and the time of an operation that computes nothing, which bounds both.

A decode step reads every weight once, so memory bandwidth bounds it. Measured, not looked up: on buffers much larger
than the caches, a copy (read + write counted) and a read-only reduction are timed in turns; the ceiling is the better.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import fmean
from typing import Any

import psutil
import torch

from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.launches import launch_latency
from workbench.probes.matmuls import Timed, matmul_rates
from workbench.results import Bandwidth, Ceilings, Launch, MatmulRate
from workbench.stats import positive_mean_interval
from workbench.words import say

PARTS = ("bandwidth", "matmuls", "launches")
_BUDGET_S = 1.5
_LEAST_SAMPLES, _MOST_SAMPLES = 8, 40
_CACHE_MULTIPLE = 4
_LEAST_BYTES, _MOST_BYTES = 128 << 20, 512 << 20
_CUDA_REPEATS = 10  # operations between two events: the launch is lost in them


def run(engine: Bench, params: dict[str, Any], context: Context) -> Ceilings:
    """What the device that holds the model reaches by itself; the model waits beside.

    params: parts (of PARTS; default: all), formats (of products; default: all there are), threads (of a CPU; default:
    those in force)
    """
    parts, formats = params.get("parts") or PARTS, params.get("formats")
    began = time.monotonic()
    device, threads = engine.device, params.get("threads") or engine.resolved().threads
    on_gpu = device.type == "cuda"
    if on_gpu and device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    bandwidth: Bandwidth | None = None
    matmul: tuple[MatmulRate, ...] = ()
    launch: Launch | None = None
    with _threads(threads), torch.cuda.device(device) if on_gpu else nullcontext():
        for done, part in enumerate(parts):
            context.enter(say(f"phase.{part}"))
            context.progress(say(f"phase.{part}"), done, len(parts))
            if part == "bandwidth":
                bandwidth = copy_bandwidth(device, threads, check=context.check)
            elif part == "matmuls":
                matmul = matmul_rates(device, _timed_on_cuda if on_gpu else _timed, context.check, formats)
            else:
                launch = launch_latency(device, context.check)
        if on_gpu:
            torch.cuda.empty_cache()
    return Ceilings(
        device=str(device),
        threads=None if on_gpu else threads,
        bandwidth=bandwidth,
        matmul=matmul,
        launch=launch,
        complete="matmuls" in parts and formats is None,
        seconds=time.monotonic() - began,
    )


@contextmanager
def _threads(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def copy_bandwidth(
    device: torch.device | str, threads: int | None = None, check: Callable[[], None] = lambda: None
) -> Bandwidth:
    """Bytes per second that `device` moves, on a CPU with `threads` intra-op threads (default: those in force).

    Takes 1 to 3 s and up to 1 GiB for that time. `check` is called between samples and may raise. The thread count of
    the calling thread is put back.
    """
    device = torch.device(device)
    if device.type == "cuda":
        return _on_cuda(device, check)
    threads = threads or torch.get_num_threads()
    with _threads(threads):
        return _on_cpu(device, threads, check)


def _on_cpu(device: torch.device, threads: int, check: Callable[[], None]) -> Bandwidth:
    began = time.monotonic()
    size = buffer_bytes(_cache_bytes(), psutil.virtual_memory().available)
    with torch.inference_mode():
        source, target = _buffers(size, device)
        samples = _in_turns(source, target, _timed, check)
    return _better(str(device.type), threads, samples, size, time.monotonic() - began)


def _on_cuda(device: torch.device, check: Callable[[], None]) -> Bandwidth:
    began = time.monotonic()
    index = torch.cuda.current_device() if device.index is None else device.index
    with torch.cuda.device(index), torch.inference_mode():
        free, _total = torch.cuda.mem_get_info(index)
        cache = int(getattr(torch.cuda.get_device_properties(index), "L2_cache_size", 0))
        size = buffer_bytes(cache, free)
        source, target = _buffers(size, torch.device("cuda", index))
        samples = _in_turns(source, target, _timed_on_cuda, check)
        del source, target
        torch.cuda.empty_cache()
    return _better(f"cuda:{index}", None, samples, size, time.monotonic() - began)


def _timed(operation: Callable[[], object]) -> float:
    start = time.perf_counter()
    operation()
    return time.perf_counter() - start


def _timed_on_cuda(operation: Callable[[], object]) -> float:
    """On the current device and stream."""
    first: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    last: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    first.record()
    for _ in range(_CUDA_REPEATS):
        operation()
    last.record()
    last.synchronize()
    return float(first.elapsed_time(last)) / 1e3 / _CUDA_REPEATS  # elapsed_time: milliseconds


def _buffers(size: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Two buffers of `size` bytes, every page touched."""
    count = size // 4
    return (
        torch.ones(count, dtype=torch.float32, device=device),
        torch.zeros(count, dtype=torch.float32, device=device),
    )


def _in_turns(
    source: torch.Tensor,
    target: torch.Tensor,
    timed: Timed,
    check: Callable[[], None],
) -> dict[str, tuple[float, ...]]:
    """Bytes/s of copy and read, one sample of each in turn; the first of each is thrown away as warm-up."""
    size = source.numel() * source.element_size()
    work: dict[str, tuple[Callable[[], object], int]] = {
        "copy": (lambda: target.copy_(source), 2 * size),
        "read": (source.sum, size),
    }
    for operation, _moved in work.values():
        timed(operation)
    samples: dict[str, list[float]] = {method: [] for method in work}
    end = time.monotonic() + _BUDGET_S
    for taken in range(_MOST_SAMPLES):
        if taken >= _LEAST_SAMPLES and time.monotonic() > end:
            break
        check()
        for method, (operation, moved) in work.items():
            samples[method].append(moved / timed(operation))
    return {method: tuple(rates) for method, rates in samples.items()}


def _better(
    device: str, threads: int | None, samples: dict[str, tuple[float, ...]], size: int, seconds: float
) -> Bandwidth:
    method = max(samples, key=lambda name: fmean(samples[name]))
    return Bandwidth(
        device=device,
        threads=threads,
        bytes_per_s=fmean(samples[method]),
        ci95=positive_mean_interval(samples[method]),
        method=method,
        samples=samples,
        buffer_bytes=size,
        seconds=seconds,
    )


def buffer_bytes(cache: int, available: int) -> int:
    """Size of one of the two buffers: several times the caches, and never more than an eighth of what is free."""
    wanted = min(max(_CACHE_MULTIPLE * cache, _LEAST_BYTES), _MOST_BYTES)
    return max(min(wanted, available // 8) // 4096, 1) * 4096


def _cache_bytes(root: Path = Path("/sys/devices/system/cpu")) -> int:
    """All last-level caches of the machine together; 64 MiB where the system does not say."""
    found: dict[str, int] = {}
    for size in root.glob("cpu[0-9]*/cache/index3/size"):
        try:
            shared = (size.parent / "shared_cpu_list").read_text().strip()
            found[shared] = int(size.read_text().strip().rstrip("K")) << 10
        except (OSError, ValueError):  # a CPU that is switched off, or a size in another unit
            continue
    return sum(found.values()) or 64 << 20
