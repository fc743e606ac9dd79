"""What the sampler takes of one core: the CPU time of its thread per look, without a GPU and with two played ones."""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.record import Outcome, Row
from tests.nvml_standin import A100, H100, Standin, build, why_not
from workbench.probes.device import Sampler

QUESTION = "what ten looks a second at processor and GPUs take of one core, by the thread's own clock"
_PROMISED_PERCENT = 1.0
_PER_S = 10
_MOST_S = 30.0


def run(budget_s: float) -> Outcome:
    """The machine as it is, then two GPUs of a stand-in for NVML: the driver's own time is not in that."""
    seconds = min(_MOST_S, budget_s / 2)
    rows = _rows("the processor alone", seconds)
    told = why_not()
    if told is None:
        with _two_gpus():
            rows += _rows("with two GPUs of a stand-in for NVML", seconds)
    conditions = {"looks a second": _PER_S, "seconds": round(seconds), "stand-in": told or "compiled here"}
    return Outcome("sampler", QUESTION, tuple(rows), conditions, {})


def _rows(what: str, seconds: float) -> list[Row]:
    """The share is that of ten looks a second, also where looks became rarer because they cost more."""
    with Sampler(period_s=1 / _PER_S, length=round(2 * seconds * _PER_S)) as sampler:
        time.sleep(seconds)
    cpu_s = sampler.look_cpu_s or float("nan")
    return [
        Row(f"{what}: share of one core", 100 * cpu_s * _PER_S, "%", limit=_PROMISED_PERCENT),
        Row(f"{what}: CPU time of a look, mean of {len(sampler.samples)}", cpu_s * 1e6, "µs"),
    ]


@contextlib.contextmanager
def _two_gpus() -> Iterator[None]:
    """One that has everything and one without GPM, both busy."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        standin = Standin(build(Path(folder)), Path(folder) / "gpus.txt", patch)
        busy = {"memory_used": 20 << 30, "utilisation": 90, "reasons": 0x4, "processes": {1: 20 << 30}}
        standin.play(gpus=[H100 | busy | {"metric": {2: 80.0, 5: 30.0, 10: 60.0}}, A100 | busy])
        yield
