"""Results made by hand, of the real types: what charts and lines are tested on."""

from typing import Any

from workbench.charts import Run
from workbench.config import Config
from workbench.results import Latencies, Measurement, Resolved, WarmUp, Workload

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
