"""Constraints on what is measured: "<8GiB", ">=20", read with their units, and whether what was measured keeps them."""

import difflib
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from workbench.errors import ConfigError
from workbench.metrics import METRICS, Better
from workbench.words.format import number, quantity, size

ENERGY = ("joules_per_token", "tokens_per_joule")  # of a window under the device's counter in every run of a round
OBJECTIVES = ("decode_tps", "prefill_tps", "ttft_s", "tpot_s", "e2e_s", "peak_bytes", *ENERGY)
QUALITY = ("kld_mean", "same_top", "ppl_ratio")  # of a QualityDiff: measured for what would win
_COMPARES: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_UNITS = {
    **dict.fromkeys(("", "b", "s", "tok/s", "nats", "j", "tok/j"), 1.0),
    **{prefix + "ib": 2.0 ** (10 * power) for power, prefix in enumerate("kmgt", 1)},
    **{prefix + "b": 10.0 ** (3 * power) for power, prefix in enumerate("kmgt", 1)},
    **dict(zip(("ms", "us", "µs", "min", "%", "mj"), (1e-3, 1e-6, 1e-6, 60.0, 0.01, 1e-3), strict=True)),
}
_SORTS = {
    "B": ("", "b", "kib", "mib", "gib", "tib", "kb", "mb", "gb", "tb"),
    "s": ("", "s", "ms", "us", "µs", "min"),
    "tok/s": ("", "tok/s"),
    "J": ("", "j", "mj"),
    "tok/J": ("", "tok/j"),
    "nats": ("", "nats"),
    "share": ("", "%"),
}
_UNITS_OF_QUALITY = {"kld_mean": "nats", "same_top": "share", "ppl_ratio": "share"}
_STATED = re.compile(r"\s*(\w+)\s*((?:<=|>=|<|>|≤|≥).+)")
_WRITTEN = re.compile(r"\s*(<=|>=|<|>|≤|≥)\s*([-+]?[\d.]+(?:e[-+]?\d+)?)\s*([a-zµ%/]*)\s*", re.I)


@dataclass(frozen=True)
class Limit:
    """`metric` has to be `sign` `value`, in the metric's own unit."""

    metric: str
    sign: str
    value: float

    @property
    def of_quality(self) -> bool:
        return self.metric in QUALITY

    def keeps(self, value: float) -> bool:
        return _COMPARES[self.sign](value, self.value)

    def excess(self, value: float) -> float:
        """By what share of the limit it is broken; 0: it is kept."""
        if self.keeps(value):
            return 0.0
        return max(abs(value - self.value) / (abs(self.value) or 1.0), 1e-9)

    def __str__(self) -> str:
        return f"{self.metric} {self.sign} {shown(self.metric, self.value)}"


def limits(given: Mapping[str, str] | None) -> tuple[Limit, ...]:
    """Of {"kld_mean": "<0.05", "peak_bytes": "<8GiB"}. ConfigError: an unknown metric, or what is no limit."""
    return tuple(_limit(metric, str(text)) for metric, text in (given or {}).items())


def stated(given: Iterable[str]) -> dict[str, str]:
    """What `limits` takes, of sentences such as "decode_tps>=30". ConfigError for one that is none."""
    found = {}
    for each in given:
        parts = _STATED.fullmatch(each)
        if parts is None:
            raise ConfigError("report.bad_target", given=repr(each)[:80])
        found[parts[1]] = parts[2]
    return found


def better(objective: str) -> Better:
    """Which way of an objective is better. ConfigError for a metric that rounds do not measure."""
    if objective not in OBJECTIVES:
        raise ConfigError(
            "sweep.unknown_objective",
            objective=repr(objective),
            nearest=_nearest(objective, OBJECTIVES),
            objectives=", ".join(OBJECTIVES),
        )
    return METRICS[objective].better


def shown(metric: str, value: float | None) -> str:
    """A value of a metric with its unit."""
    if metric in QUALITY:
        return number(value)
    return size(value) if METRICS[metric].unit == "B" else quantity(value, METRICS[metric].unit)


def _limit(metric: str, text: str) -> Limit:
    known = (*OBJECTIVES, *QUALITY)
    if metric not in known:
        raise ConfigError(
            "sweep.unknown_metric", metric=repr(metric), nearest=_nearest(metric, known), metrics=", ".join(known)
        )
    sort = _UNITS_OF_QUALITY.get(metric) or METRICS[metric].unit
    found = _WRITTEN.fullmatch(text)
    unit = found[3].lower() if found else ""
    if found is None or unit not in _SORTS[sort]:
        units = ", ".join(word for word in _SORTS[sort] if word)
        raise ConfigError("sweep.bad_limit", metric=metric, given=repr(text)[:60], units=units)
    sign = {"≤": "<=", "≥": ">="}.get(found[1], found[1])
    return Limit(metric, sign, float(found[2]) * _UNITS[unit])


def _nearest(word: object, known: tuple[str, ...]) -> str:
    return next(iter(difflib.get_close_matches(str(word), known, n=1, cutoff=0.4)), "-")
