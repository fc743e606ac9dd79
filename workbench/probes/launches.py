"""Launch latency: seconds of one operation that computes next to nothing.

On a CPU the way through torch's dispatcher, of the cheaper of two kinds: a view, and arithmetic on one number in place.
On a GPU a kernel over one number: queued in a row, so that launches overlap with what runs, and alone, waited for
(torch's notes on CUDA semantics, "Asynchronous execution": an operation is only enqueued; `synchronize` waits).
"""

import time
from collections.abc import Callable
from statistics import fmean

import torch

from workbench.results import Launch
from workbench.stats import positive_mean_interval

_BUDGET_S = 0.4
_LEAST_SAMPLES, _MOST_SAMPLES = 8, 40
_IN_A_ROW = 1000  # operations of one sample: the clock, the loop's start and the last wait are lost in them
_ALONE = 50  # launches of one sample that are waited for, one after the other

Take = Callable[[], float]  # seconds of one operation, the mean of a sample


def launch_latency(device: torch.device, check: Callable[[], None]) -> Launch:
    """Of `device`; half a second. `check` is called between samples and may raise."""
    with torch.inference_mode():
        one = torch.ones(1, device=device)
        return _on_cuda(one, check) if device.type == "cuda" else _on_cpu(one, check)


def _on_cpu(one: torch.Tensor, check: Callable[[], None]) -> Launch:
    samples = _in_turns({"view": lambda: _row(one.detach), "arithmetic": lambda: _row(one.abs_)}, check)
    cheaper = samples[min(samples, key=lambda name: fmean(samples[name]))]
    return Launch(method="call", seconds=fmean(cheaper), ci95=positive_mean_interval(cheaper), samples=samples)


def _on_cuda(one: torch.Tensor, check: Callable[[], None]) -> Launch:
    def wait() -> None:
        torch.cuda.synchronize(one.device)

    samples = _in_turns({"queued": lambda: _row(one.abs_, wait), "round_trip": lambda: _alone(one.abs_, wait)}, check)
    queued, alone = samples["queued"], samples["round_trip"]
    return Launch(
        method="queued",
        seconds=fmean(queued),
        ci95=positive_mean_interval(queued),
        round_trip_s=fmean(alone),
        round_trip_ci95=positive_mean_interval(alone),
        samples=samples,
    )


def _row(operation: Callable[[], object], wait: Callable[[], None] = lambda: None) -> float:
    wait()
    start = time.perf_counter()
    for _ in range(_IN_A_ROW):
        operation()
    wait()
    return (time.perf_counter() - start) / _IN_A_ROW


def _alone(operation: Callable[[], object], wait: Callable[[], None]) -> float:
    wait()
    start = time.perf_counter()
    for _ in range(_ALONE):
        operation()
        wait()
    return (time.perf_counter() - start) / _ALONE


def _in_turns(work: dict[str, Take], check: Callable[[], None]) -> dict[str, tuple[float, ...]]:
    """Samples of each in turn; the first of each is thrown away as warm-up."""
    for take in work.values():
        take()
    samples: dict[str, list[float]] = {name: [] for name in work}
    end_s = time.monotonic() + _BUDGET_S
    for taken in range(_MOST_SAMPLES):
        if taken >= _LEAST_SAMPLES and time.monotonic() > end_s:
            break
        check()
        for name, take in work.items():
            samples[name].append(take())
    return {name: tuple(each) for name, each in samples.items()}
