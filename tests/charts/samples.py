"""Results made by hand, of the real types: what charts and lines are tested on."""

from typing import Any

from workbench.charts import Run
from workbench.config import Config
from workbench.judging import floor_of, judge
from workbench.results import Comparison, Latencies, Measurement, Resolved, Trace, TracePhase, WarmUp, Workload

MIB = 1 << 20
HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m\u202e" + "x" * 500


def resolved(**changes: Any) -> Resolved:
    values: dict[str, Any] = {
        "attention": "sdpa",
        "dtype": "float32",
        "bytes_by_dtype": {"float32": 500 * MIB},
        "device_map": {"cpu": 1000},
        "cache": "dynamic",
        "threads": 1,
        "pad_token_id": 2,
        "eos_token_ids": (2,),
        "padding_side": "left",
        **changes,
    }
    return Resolved(**values)


def measurement(decode_tps: float = 16.0, **changes: Any) -> Measurement:
    values: dict[str, Any] = {
        "ttft_s": 0.5,
        "tpot_s": 1 / decode_tps,
        "itl_s": Latencies(p50=0.06, p90=0.07, p99=None, n=60),
        "decode_tps": decode_tps,
        "prefill_tps": 512.0,
        "e2e_s": 4.5,
        "peak_bytes": 900 * MIB,
        "peak_method": "VmHWM",
        "ci95": {"decode_tps": (decode_tps - 0.5, decode_tps + 0.75), "prefill_tps": (500.0, 524.0)},
        "samples": {},
        "repeats": 7,
        "warm_up": WarmUp(first_call_s=1.0, runs=2),
        "own_share": 0.001,
        "decode_limit_share": 0.25,
        "stopped_by": "precision",
        "workload": Workload(prompt_tokens=256, new_tokens=64),
        "resolved": resolved(),
        **changes,
    }
    return Measurement(**values)


def run(config: Config | None = None, **changes: Any) -> Run:
    return Run(config=(config or Config()).to_dict(), measurement=measurement(**changes))


def phase(backend: str | None = "CPU flash", steps: int = 1, **changes: Any) -> TracePhase:
    values: dict[str, Any] = {
        "steps": steps,
        "seconds": 0.5,
        "attention_kernels": ("aten::some_kernel",),
        "backend": backend,
        "time_by_category": {"attention": 0.1, "linear": 0.3, "python": 0.1},
        "launches": 300,
        **changes,
    }
    return TracePhase(**values)


def trace(config: Config | None = None, **changes: Any) -> Trace:
    values: dict[str, Any] = {
        "prefill": phase(),
        "decode": phase(steps=3),
        "device": "cpu",
        "seconds": 2.5,
        "config": (config or Config()).to_dict(),
        "resolved": resolved(),
        "workload": Workload(prompt_tokens=64, new_tokens=4),
        **changes,
    }
    return Trace(**values)


def comparison(prefill: float = 1.3, decode: float = 1.0, **changes: Any) -> Comparison:
    """sdpa against eager over eight pairs: `prefill` times as fast to read, `decode` times as fast to write."""
    noise = (0.99, 1.01, 1.0, 0.995, 1.005, 1.0, 1.01, 0.99)

    def side(times: tuple[float, float], wobble: float) -> dict[str, float]:
        read, write = times
        return {
            "prefill_tps": 500 * read * wobble,
            "decode_tps": 16 * write / wobble,
            "ttft_s": 0.5 / read / wobble,
            "tpot_s": wobble / 16 / write,
            "e2e_s": 0.5 / read / wobble + 4 * wobble / write,
        }

    pairs = [(side((1.0, 1.0), each), side((prefill, decode), 2 - each)) for each in noise]
    same = [(side((1.0, 1.0), each), side((1.0, 1.0), 2 - each)) for each in noise]
    floor = floor_of(same)
    values: dict[str, Any] = {
        "a": Config(attention="eager").to_dict(),
        "b": Config().to_dict(),
        "resolved_a": resolved(attention="eager"),
        "resolved_b": resolved(),
        "workload": Workload(prompt_tokens=256, new_tokens=64),
        "pairs": len(pairs),
        "floor": floor,
        "stopped_by": "precision",
        "seconds": 20.0,
        **judge(pairs, floor, ("eager", "sdpa")),
        **changes,
    }
    return Comparison(**values)
