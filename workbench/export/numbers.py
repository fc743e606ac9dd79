"""A measurement as plain lines of text: value, unit, 95 % interval, and the conditions it holds under."""

from collections.abc import Callable
from math import isfinite

from workbench.metrics import METRICS
from workbench.results import Measurement, Workload
from workbench.words.format import THIN, quantity, seconds, size

SHOWN = ("decode_tps", "prefill_tps", "ttft_s", "tpot_s", "e2e_s", "peak_bytes")


def rows(measurement: Measurement) -> list[tuple[str, str, str]]:
    """(label, value with unit, 95 % interval or what stands in its place) for each number worth showing."""
    table = []
    for key in SHOWN:
        metric, value, bounds = METRICS[key], getattr(measurement, key), measurement.ci95.get(key)
        write = _writer(metric.unit)
        known = bounds is not None and all(isfinite(bound) for bound in bounds)
        table.append((metric.label, write(value), f"[{', '.join(write(bound) for bound in bounds or ())}]" * known))
    gaps = measurement.itl_s
    shown = ", ".join(f"{name} {_writer('s')(value)}" for name, value in _percentiles(measurement))
    table.append((METRICS["itl_s"].label, shown, f"n = {gaps.n}"))
    return table


def conditions(measurement: Measurement, workload: Workload | None = None) -> str:
    """What was run and how often: the sentence that belongs under the numbers."""
    work = workload or measurement.workload
    prompt = f"{len(work.prompts)} given prompts" if work.prompts else f"{work.prompt_tokens} prompt tokens"
    return (
        f"batch {work.batch_size}, {prompt}, {work.new_tokens} new tokens, greedy, "
        f"{measurement.repeats} repeats, {measurement.loop}"
    )


def _percentiles(measurement: Measurement) -> list[tuple[str, float | None]]:
    gaps = measurement.itl_s
    return [("p50", gaps.p50), ("p90", gaps.p90), ("p99", gaps.p99)]


def _writer(unit: str) -> Callable[[float | None], str]:
    def write(value: float | None) -> str:
        words = size(value) if unit == "B" else seconds(value) if unit == "s" else quantity(value, unit)
        return words.replace(THIN, " ")

    return write
