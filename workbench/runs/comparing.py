"""Two kept measurements beside each other: ratios, the interval that both recorded, and what is not the same."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from workbench.errors import ConfigError
from workbench.judging import COMPARED, difference, no_difference
from workbench.metrics import METRICS, Better
from workbench.results import Interval, KeptComparison, KeptMetric, KeptSide, Measurement, Workload
from workbench.results.kept import Seen
from workbench.stats import independent_ratio
from workbench.words import Message, say

KEPT = (*COMPARED, "peak_bytes")
# flags of a measurement after which its numbers are not what the configuration can do
DISTURBED = ("flag.shared", "flag.shared_gpu", "flag.throttled_runs")


def compared(a: Mapping[str, Any], b: Mapping[str, Any]) -> KeptComparison:
    """b against a. ConfigError: not both are measurements that this version reads."""
    first, second = measurement_of(a), measurement_of(b)
    sides = side_of(a, "a"), side_of(b, "b")
    metrics: dict[str, KeptMetric] = {}
    refused = next(refusals(first, second), None)
    if same_work(first.workload, second.workload):
        names = sides[0].name, sides[1].name
        metrics = {metric: _metric(metric, first, second, names, refused) for metric in KEPT}
    return KeptComparison(
        a=sides[0],
        b=sides[1],
        metrics=metrics,
        refused=refused,
        caveats=tuple(caveats(a, b)),
        note=say("kept.not_paired"),
    )


def measurement_of(record: Mapping[str, Any]) -> Measurement:
    """ConfigError: the record is no measurement, or none that this version reads."""
    schema = str(record.get("schema"))
    try:
        if schema == "workbench.measurement/1":
            return Measurement.from_dict(record["result"])
    except (KeyError, ValidationError) as error:
        raise ConfigError("kept.unreadable", problem=str(error).splitlines()[0]) from error
    raise ConfigError("kept.not_a_measurement", schema=schema)


def side_of(record: Mapping[str, Any], letter: str) -> KeptSide:
    machine = record.get("machine")
    number = record.get("id")
    return KeptSide(
        id=number,
        name=letter if number is None else f"run {number}",
        time=record.get("time"),
        model=record.get("model"),
        machine=machine.get("label") if isinstance(machine, Mapping) else machine,
    )


def interval_of(measurement: Measurement, metric: str) -> Interval | None:
    """Of the mean; None where too few repeats gave one."""
    bounds = measurement.ci95.get(metric)
    return bounds if bounds is not None and all(map(math.isfinite, bounds)) else None


def ratio_of(metric: str, a: Measurement, b: Measurement) -> tuple[float, Interval | None]:
    """b ÷ a of independent runs, and its 95 % interval where both have one."""
    first, second = float(getattr(a, metric)), float(getattr(b, metric))
    own = interval_of(a, metric), interval_of(b, metric)
    if own[0] is None or own[1] is None:
        return (second / first if first else math.nan), None
    ratio, bounds = independent_ratio(first, own[0], second, own[1])
    return ratio, bounds if all(map(math.isfinite, bounds)) and bounds[0] > 0 else None


def same_work(a: Workload, b: Workload) -> bool:
    """Given prompts have the tokens that they have."""
    return (a.replace(prompt_tokens=b.prompt_tokens) if a.prompts else a) == b


def disturbed(measurement: Measurement) -> Iterator[Message]:
    """What took its numbers their meaning."""
    yield from (flag for flag in measurement.flags if flag.code in DISTURBED)


def refusals(a: Measurement, b: Measurement) -> Iterator[Message]:
    if not same_work(a.workload, b.workload):
        yield say("kept.other_workload")
    for letter, measurement in (("a", a), ("b", b)):
        for flag in disturbed(measurement):
            yield say("kept.disturbed", side=letter, flag=str(flag))


def caveats(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Message]:
    """What a difference between the two may come from, beside the configuration."""
    machines = tuple(str(side_of(record, "").machine) for record in (a, b))
    if machines[0] != machines[1]:
        yield say("kept.other_machine", a=machines[0], b=machines[1])
    if changed := changed_versions(a, b):
        yield say("kept.other_versions", changed=changed)
    if a.get("model") != b.get("model"):
        yield say("kept.other_model", a=str(a.get("model")), b=str(b.get("model")))


def changed_versions(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    """ "torch 2.12.0 → 2.13.0, …"; empty: the same."""
    old, new = a.get("versions") or {}, b.get("versions") or {}
    return ", ".join(
        f"{name} {old.get(name, '-')} → {new.get(name, '-')}"
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    )


def _metric(metric: str, a: Measurement, b: Measurement, names: tuple[str, str], refused: Message | None) -> KeptMetric:
    ratio, bounds = ratio_of(metric, a, b)
    seen, verdict = _verdict(metric, ratio, bounds, names)
    if refused is not None:
        seen, verdict = "unknown", refused
    return KeptMetric(
        a=float(getattr(a, metric)), b=float(getattr(b, metric)), ratio=ratio, ci95=bounds, seen=seen, verdict=verdict
    )


def _verdict(metric: str, ratio: float, bounds: Interval | None, names: tuple[str, str]) -> tuple[Seen, Message]:
    if bounds is None:
        return "unknown", say("kept.no_interval", what=METRICS[metric].label.lower())
    if bounds[0] <= 1 <= bounds[1]:
        return "none", no_difference(metric, math.sqrt(bounds[1] / bounds[0]))
    better = (ratio > 1) is (METRICS[metric].better is Better.HIGHER)
    return "faster" if better else "slower", difference(metric, names, ratio, bounds)
