"""How many products a second a device computes, by number format: the ceiling that prefill is held against.

Square matrices whose product takes long enough for the launch to be lost in it, the best that a library call reaches.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from workbench.results import MatmulRate
from workbench.stats import positive_mean_interval

Timed = Callable[[Callable[[], object]], float]  # seconds of one operation

_LEAST, _MOST = {"cuda": 2048, "cpu": 128}, {"cuda": 8192, "cpu": 2048}  # rows, doubled until a product takes _LONG_S
_LONG_S = 0.005
_BUDGET_S = 0.5  # of each format
_LEAST_SAMPLES, _MOST_SAMPLES = 4, 40
# what torch raises where a device or build has no such product
_REFUSALS = (RuntimeError, NotImplementedError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True)
class Format:
    """`of`: two square matrices' operands and product, given device and rows; `around`: settings that it needs."""

    name: str
    of: Callable[[torch.device, int], Callable[[], object]]
    around: Callable[[], AbstractContextManager[Any]] = nullcontext
    cuda_only: bool = False


def matmul_rates(
    device: torch.device, timed: Timed, check: Callable[[], None], formats: Sequence[str] | None = None
) -> tuple[MatmulRate, ...]:
    """A rate for each of `formats` (default: all), half a second each; one that the device cannot do says why."""
    return tuple(
        _rate(form, device, timed, check)
        for form in FORMATS
        if (formats is None or form.name in formats) and (device.type == "cuda" or not form.cuda_only)
    )


def _rate(form: Format, device: torch.device, timed: Timed, check: Callable[[], None]) -> MatmulRate:
    rows = _LEAST[device.type]
    try:
        with form.around(), torch.inference_mode():
            while True:
                check()
                product = form.of(device, rows)
                product()  # a library chooses its kernel
                if timed(product) >= _LONG_S or 2 * rows > _MOST[device.type]:
                    break
                rows *= 2
            samples: list[float] = []
            end_s = time.monotonic() + _BUDGET_S
            while len(samples) < _LEAST_SAMPLES or (len(samples) < _MOST_SAMPLES and time.monotonic() < end_s):
                check()
                samples.append(2 * rows**3 / timed(product))
    except torch.OutOfMemoryError:
        raise
    except _REFUSALS as error:
        lines = str(error).splitlines() or [""]
        return MatmulRate(format=form.name, missing=f"{type(error).__name__}: {lines[0]}"[:200])
    return MatmulRate(
        format=form.name,
        flops_per_s=sum(samples) / len(samples),
        ci95=positive_mean_interval(samples),
        size=rows,
        samples=tuple(samples),
    )


def _floats(dtype: torch.dtype) -> Callable[[torch.device, int], Callable[[], object]]:
    def of(device: torch.device, rows: int) -> Callable[[], object]:
        a, b = (torch.randn(rows, rows, device=device, dtype=torch.float32).to(dtype) for _ in range(2))
        out = torch.empty_like(a)
        return lambda: torch.mm(a, b, out=out)

    return of


def _int8(device: torch.device, rows: int) -> Callable[[], object]:
    a, b = (torch.randint(-8, 8, (rows, rows), device=device, dtype=torch.int8) for _ in range(2))
    return lambda: torch._int_mm(a, b.t())  # the second by columns, as cuBLASLt wants it


def _float8(device: torch.device, rows: int) -> Callable[[], object]:
    a, b = (torch.randn(rows, rows, device=device).to(torch.float8_e4m3fn) for _ in range(2))
    one = torch.ones((), device=device)
    return lambda: torch._scaled_mm(a, b.t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16)


@contextmanager
def _precision(word: str) -> Any:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(word)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


FORMATS = (
    Format("float32", _floats(torch.float32), lambda: _precision("highest")),
    Format("tf32", _floats(torch.float32), lambda: _precision("high"), cuda_only=True),
    Format("bfloat16", _floats(torch.bfloat16)),
    Format("float16", _floats(torch.float16)),
    Format("int8", _int8),
    Format("float8_e4m3", _float8, cuda_only=True),
)
