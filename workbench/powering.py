"""A window of whole requests under the device's energy counter, as long as its steps ask for; and the idle power."""

import math
import os
import time
from collections.abc import Callable

from workbench.bench import Bench
from workbench.errors import CapabilityError
from workbench.hosts.registry import device_key, gpu_uuid
from workbench.probes.context import Context
from workbench.probes.device import Sampler
from workbench.probes.device.energy import Counter, counter_of
from workbench.results import DeviceSample, Machine, PoweredRuns, Workload
from workbench.watch import Watch, watch
from workbench.words import say

WINDOW_S = 2.0
PERIOD_S = 0.05
SETTLE_S = 1.0  # clocks and fans fall for a moment after work has ended
LEAST_STEPS = 10  # of the counter in a window: between two of them it is read by straight lines
_LONGEST_S = 64.0  # a counter that has not moved so often by then is none for rounds
_IDLE_S = 2.0
_LOOK_S = 5.0  # how long a look of the sampler is waited for: a GPU's driver takes its time


def counter_here(device: str, machine: Machine) -> Counter:
    """The counter that joules of `device` (a knob's value) would come from; its `missing` says why there is none.

    One look: nothing is loaded.
    """
    key = device_key(device, machine)
    uuid = gpu_uuid(key)
    with Sampler(PERIOD_S, os.getpid(), (uuid,) if uuid else None) as sampler:
        _until(lambda: bool(sampler.samples))
        return counter_of(sampler.samples, _torch_device(key, device), machine, sampler.gpu_problem)


def idle(context: Context, seconds: float) -> tuple[float, float]:
    """Waits with nothing running; the moments between which the device was idle."""
    context.progress(say("progress.idle", seconds=round(seconds)), 0)
    _pause(context, SETTLE_S)
    began = time.monotonic()
    _pause(context, seconds)
    return began, time.monotonic()


def powered(bench: Bench, job: int, workload: Workload, *, first: bool, window_s: float = WINDOW_S) -> dict[str, float]:
    """joules_per_token, tokens_per_joule and power_w of one window of `workload` under the configuration in force.

    first  also idle_w: the power before it with the model resident and nothing running. It is in the others

    The window is made longer until the counter moved LEAST_STEPS times in it. CapabilityError: there is none, or it
    does not move.
    """
    with watch(bench, PERIOD_S) as seen:
        _seen_until(seen, time.monotonic())
        rest = idle(bench.context(job), _IDLE_S) if first else None
        while True:
            probe = {"probe": "powered", "workload": workload.to_dict(), "windows": 1, "window_s": window_s}
            runs = PoweredRuns.from_dict(bench.call(job, "probe", {**probe, "budget_s": math.inf})["result"])
            (span,) = runs.spans
            _seen_until(seen, span.end_s)
            counter = counter_of(seen.samples, runs.resolved.device, bench.machine, seen.gpu_problem)
            if counter.missing is not None:
                raise CapabilityError("energy.none", why=str(counter.missing))
            steps = counter.steps(span.start_s, span.end_s)
            if steps >= LEAST_STEPS:
                break
            if window_s >= _LONGEST_S:
                raise CapabilityError("energy.coarse", steps=steps, seconds=round(window_s))
            window_s *= 2
        joules = counter.between(span.start_s, span.end_s)
        idle_j = counter.between(*rest) if rest else None
    if not joules:
        raise CapabilityError("energy.coarse", steps=steps, seconds=round(window_s))
    found = {
        "joules_per_token": joules / span.new_tokens,
        "tokens_per_joule": span.new_tokens / joules,
        "power_w": joules / (span.end_s - span.start_s),
    }
    return found if not rest or idle_j is None else {**found, "idle_w": idle_j / (rest[1] - rest[0])}


def _torch_device(key: str, asked: str) -> str:
    return "cpu" if key == "cpu" else "cuda:0" if asked == "auto" else asked


def _seen_until(seen: Watch, moment_s: float) -> None:
    """Until the sampler has looked once more after that moment."""

    def looked() -> bool:
        samples: tuple[DeviceSample, ...] = seen.samples
        return bool(samples) and samples[-1].time_s >= moment_s

    _until(looked)


def _until(done: Callable[[], bool]) -> None:
    """Waits for the sampler; what it has not seen by then counts as not known."""
    ends_s = time.monotonic() + _LOOK_S
    while not done() and time.monotonic() < ends_s:
        time.sleep(PERIOD_S / 5)


def _pause(context: Context, seconds: float) -> None:
    ends_s = time.monotonic() + seconds
    while (left_s := ends_s - time.monotonic()) > 0:
        context.stop.wait(min(left_s, 0.1))
        context.check()
