"""A measurement as plain lines of text: value, unit, 95 % interval, and the conditions it holds under."""

from math import isfinite

from workbench.metrics import METRICS
from workbench.results import Interval, Measurement, Workload
from workbench.words.format import THIN, quantity, seconds, share, size

SHOWN = ("decode_tps", "prefill_tps", "ttft_s", "tpot_s", "e2e_s", "peak_bytes")
SHARES = ("decode_limit_share", "prefill_limit_share")


def rows(measurement: Measurement) -> list[tuple[str, str, str]]:
    """(label, value with unit, 95 % interval or what stands in its place) for each number worth showing."""
    table = []
    for key in SHOWN:
        metric = METRICS[key]
        table.append((metric.label, *_measured(getattr(measurement, key), measurement.ci95.get(key), metric.unit)))
    table += [(METRICS[key].label, share(getattr(measurement, key)).replace(THIN, " "), "") for key in SHARES]
    gaps = measurement.itl_s
    shown = [
        f"{name} {written(value, 's')}" for name, value in (("p50", gaps.p50), ("p90", gaps.p90), ("p99", gaps.p99))
    ]
    table.append((METRICS["itl_s"].label, ", ".join(shown), f"n = {gaps.n}"))
    return table


def conditions(measurement: Measurement, workload: Workload | None = None) -> str:
    """What was run and how often: the sentence that belongs under the numbers."""
    work = workload or measurement.workload
    prompt = f"{len(work.prompts)} given prompts" if work.prompts else f"{work.prompt_tokens} prompt tokens"
    return (
        f"batch {work.batch_size}, {prompt}, {work.new_tokens} new tokens, greedy, "
        f"{measurement.repeats} repeats, {measurement.loop}"
    )


def _measured(value: float, bounds: Interval | None, unit: str) -> tuple[str, str]:
    """The value, and its interval: without units where they are the value's own."""
    whole = written(value, unit)
    if bounds is None or not all(isfinite(bound) for bound in bounds):
        return whole, ""
    shown = [written(bound, unit).rpartition(" ") for bound in bounds]
    same = all(name == whole.rpartition(" ")[2] for _number, _space, name in shown)
    return whole, f"[{', '.join(number if same else number + space + name for number, space, name in shown)}]"


def written(value: float | None, unit: str) -> str:
    """A value with its unit, with plain blanks."""
    words = size(value) if unit == "B" else seconds(value) if unit == "s" else quantity(value, unit)
    return words.replace(THIN, " ")
