"""Sections about the device itself: what NVML says of it, what it reaches, whether it holds its clocks under load."""

import os
import time
from typing import Any

from workbench.config import Config
from workbench.gpu_check.plan import Findings, Plan
from workbench.hosts.registry import device_key
from workbench.probes.device import Sampler, window
from workbench.results import Ceilings, DeviceSample, DeviceWindow, GpuSample, Interval, Workload
from workbench.session import Session
from workbench.words import text

_MODEL = "deepseek-llm-7b-base"
_PERIOD_S = 0.1
_LOOK_S = 3.0  # before and after the load
_LOAD_S = 20.0
_LOOKS = 3000  # kept: five minutes, should the load wait for its turn
_WINDOW = ("seconds", "looks", "cpu_busy_share", "cpu_mean_mhz", "cpu_held_back_s", "others_cores")
_GPU = (
    *("sm_clock_mean_mhz", "sm_clock_min_mhz", "max_sm_clock_mhz", "temperature_max_c", "power_mean_w"),
    *("power_limit_w", "kernel_time_share", "sm_active_share", "dram_active_share", "throttle", "held_back_s"),
    *("throttled", "foreign", "lost"),
)


def sampler(plan: Plan) -> dict[str, Any]:
    """Every field of the sampler: its value, or why it has none; and what a look costs."""
    findings = Findings(plan)
    with Sampler(_PERIOD_S) as looking:
        time.sleep(min(_LOOK_S, plan.left_s))
    latest = looking.latest
    if latest is None:
        raise RuntimeError(text("gpu.no_looks", seconds=f"{_LOOK_S:.0f}"))
    findings.rows.append(_field(text("gpu.cost"), looking.cost_share, None))
    findings.rows.append(_field(text("gpu.look_cpu"), looking.look_cpu_s, None))
    findings.rows += [_field(name, value, latest.missing.get(name)) for name, value in _plain(latest).items()]
    for gpu in latest.gpus:
        findings.rows += [
            _field(f"GPU {gpu.index} {name}", value, gpu.missing.get(name)) for name, value in _plain(gpu).items()
        ]
    if not latest.gpus:
        findings.skip("GPU", str(looking.gpu_problem or text("gpu.no_gpu_looks")))
    return findings.to_dict()


def ceilings(plan: Plan) -> dict[str, Any]:
    """Bytes a second that memory moves, products a second by number format, and what a launch costs: the limits."""
    findings = Findings(plan)
    # the model is only what holds the device: a layer does
    with Session(f"random:{_MODEL}?scale=tiny&layers=1", config=_config(plan)) as session:

        def measured() -> None:
            found = session.ceilings(refresh=True)
            if (band := found.bandwidth) is not None:
                part = text("gpu.bandwidth", device=found.device, method=band.method)
                findings.rows.append(_ceiling(part, band.bytes_per_s, band.ci95, "B/s"))
            for rate in found.matmul:
                what = text("gpu.matmul", format=rate.format)
                if rate.flops_per_s is None:
                    findings.skip(what, str(rate.missing))
                else:
                    findings.rows.append({**_ceiling(what, rate.flops_per_s, rate.ci95, "FLOP/s"), "size": rate.size})
            findings.rows += _launches(found)

        findings.each([(plan.device, measured)])
    return findings.to_dict()


def _ceiling(part: str, value: float, ci95: Interval | None, unit: str) -> dict[str, Any]:
    return {"part": part, "value": value, "ci95": list(ci95 or ()), "unit": unit}


def _launches(found: Ceilings) -> list[dict[str, Any]]:
    """One in a row with others and, on a GPU, one that is waited for."""
    launch = found.launch
    if launch is None:
        return []
    rows = [_ceiling(text("gpu.launch", method=launch.method), launch.seconds, launch.ci95, "s")]
    if launch.round_trip_s is not None:
        rows.append(_ceiling(text("gpu.round_trip"), launch.round_trip_s, launch.round_trip_ci95, "s"))
    return rows


def throttle(plan: Plan) -> dict[str, Any]:
    """Clocks, power and its cap, temperature, what holds clocks back: idle, under a load of some seconds, after it."""
    findings = Findings(plan)
    model = plan.model or plan.models((_MODEL,))[0]
    with Session(model, config=_config(plan)) as session:
        pid = session.pid or os.getpid()  # inline, the model is here
        with Sampler(_PERIOD_S, pid, _only(session), _LOOKS) as looking:
            edges = [time.monotonic()]
            time.sleep(min(_LOOK_S, plan.left_s))
            edges.append(time.monotonic())
            work = Workload(prompt_tokens=512, new_tokens=64) if plan.device == "cuda" else Workload.preset("quick")
            load_s = min(_LOAD_S, plan.budget_s, max(plan.left_s - 2 * _LOOK_S, 1.0))
            taken = session.measure(work, precision=0.0001, budget_s=load_s)
            edges.append(time.monotonic())
            time.sleep(min(_LOOK_S, plan.left_s))
            edges.append(time.monotonic())
            time.sleep(2 * _PERIOD_S)  # counters are read between looks, so one after the end is needed
        phases = zip(("before", "load", "after"), edges, edges[1:], strict=False)
        for name, start_s, end_s in phases:
            seen = window(looking.samples, start_s, end_s, (os.getpid(), pid))
            findings.rows.append({"part": text(f"gpu.phase.{name}"), **_shown(seen)})
        findings.rows[1] |= {"decode_tps": taken.decode_tps, "prefill_tps": taken.prefill_tps}
        if not any(sample.gpus for sample in looking.samples):
            findings.skip(text("gpu.throttle"), str(looking.gpu_problem or text("gpu.no_gpu_looks")))
    return findings.to_dict()


def _shown(seen: DeviceWindow) -> dict[str, Any]:
    """One window as a row; several GPUs stand apart."""
    row = {name: getattr(seen, name) for name in _WINDOW}
    for gpu in seen.gpus:
        prefix = "" if len(seen.gpus) == 1 else f"GPU {gpu.index} "
        row |= {f"{prefix}{name}": _cell(getattr(gpu, name)) for name in _GPU}
    return row


def _cell(value: Any) -> Any:
    """Reasons as a list, so that the page shows them; else as it is."""
    return [f"{name} {held:.3g}" for name, held in value.items()] if isinstance(value, dict) else value


def _field(name: str, value: Any, why: str | None) -> dict[str, Any]:
    missing = (why or text("gpu.not_available")) if value is None else None
    return {"part": name, "value": value, "missing": missing}


def _plain(sample: DeviceSample | GpuSample) -> dict[str, Any]:
    """Fields that are values; process ids and places in lists are left out."""
    return {
        name: len(value) if name == "processes" and value is not None else value
        for name, value in sample.to_dict().items()
        if name not in ("gpus", "missing", "uuid", "index", "time_s")
    }


def _only(session: Session) -> tuple[str, ...] | None:
    """The GPU that the session's model is on, for the sampler; None: whatever there is."""
    key = device_key(session.resolved.device, session.machine)
    return (key,) if key.startswith(("GPU-", "MIG-")) else None


def _config(plan: Plan) -> Config:
    return Config(device=plan.device, dtype="bfloat16" if plan.device == "cuda" else "float32")
