"""A kept configuration measured again and held to its record: for cron and for CI."""

import contextlib
import json
import math
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench import machine as machines
from workbench.catalog.sources import opened_by
from workbench.config import SCHEMA, Config
from workbench.errors import CapabilityError, ConfigError, StoreError
from workbench.events import Listener
from workbench.export.numbers import written
from workbench.metrics import METRICS, Better
from workbench.results import Check, CheckedMetric, Interval, Measurement, Workload, document, recorded
from workbench.results.check import TOLERANCE, Checked
from workbench.runs import Runs
from workbench.runs.comparing import caveats, disturbed, interval_of, measurement_of, ratio_of, same_work, side_of
from workbench.session import Session
from workbench.words import Message, say
from workbench.words.format import share

TAG = "check"  # of the runs that a check measures: they are no record to check against, or a slow decline goes unseen
CHECKED = ("decode_tps", "prefill_tps", "ttft_s", "peak_bytes")
_NO_INTERVAL = ("peak_bytes",)  # a highest value, not a mean


@dataclass(frozen=True)
class Base:
    """What is held to: the record, its number where it is in the store, and what loads its model."""

    record: Mapping[str, Any]
    number: int | None
    model: str
    measurement: Measurement

    @property
    def config(self) -> Config:
        return Config(**self.record["config"])


def check(
    path: str | Path,
    *,
    model: str | None = None,
    revision: str | None = None,
    workload: Workload | None = None,
    tolerance: float = TOLERANCE,
    precision: float = 0.05,
    budget_s: float = 60.0,
    anyway: bool = False,
    runs: Runs | None = None,
    host: str = "process",
    when_busy: str | None = None,
    progress: Listener | None = None,
) -> Check:
    """Measures what `path` holds and compares it with its record.

    path       a config.json (`session.export("json")`): the record is the newest kept measurement of it that no check
               made, of this machine and undisturbed before others; or a measurement's own JSON
               (`workbench runs show N --json`)
    model      what to load (default: the record's)
    workload   of which the record must be (default: the record's own)
    tolerance  share by which a metric may be worse. A regression is worse with its whole interval beyond it, and beyond
               the recorded interval; peak memory has no interval and is held to the tolerance alone
    anyway     compare with a record of another machine, other versions or another model; `caveats` name it

    The two are not paired: the machine's drift between them is in the ratio, which is what the tolerance is for. Where
    other processes were busy or the device was held below its speed, then or now, there is no verdict. The new
    measurement is kept, with the tag "check".

    ConfigError: the file is neither. StoreError: no measurement is kept; it names the command that makes one.
    CapabilityError: another machine, versions or model. Else what a session raises.
    """
    if not (0 < tolerance < math.inf):
        raise ConfigError("check.bad_tolerance", given=tolerance)
    base = _base(Path(path), model, workload, runs)
    here = document("measurement", model=base.record.get("model"), machine=machines.doctor(), result=None)
    _must_be_the_same(base.record, here, anyway)
    with Session(
        base.model,
        revision=revision,
        config=base.config,
        host=host,
        runs=runs,
        when_busy=when_busy,
        progress=progress,
    ) as session:
        here["model"] = session.facts.name
        _must_be_the_same(base.record, here, anyway)
        measurement = session.measure(base.measurement.workload, precision=precision, budget_s=budget_s)
        new = recorded(session.facts.name, session.machine, measurement, config=session.config)
        number = _tagged(session.runs, new)
    return Check(
        **judged(base.measurement, measurement, tolerance),
        tolerance=tolerance,
        caveats=tuple(caveats(base.record, new)),
        model=str(new["model"]),
        config=new["config"],
        record=base.number,
        record_time=base.record.get("time"),
        run=number,
        measurement=measurement,
    )


def judged(recorded: Measurement, now: Measurement, tolerance: float) -> dict[str, Any]:
    """The fields of a Check that follow from both measurements."""
    reasons = [say("check.disturbed_then", flag=str(flag)) for flag in disturbed(recorded)]
    reasons += [say("check.disturbed_now", flag=str(flag)) for flag in disturbed(now)]
    metrics = {metric: _metric(metric, recorded, now, tolerance, bool(reasons)) for metric in CHECKED}
    worse = [METRICS[name].label.lower() for name, metric in metrics.items() if metric.verdict == "regression"]
    if not reasons:
        unknown = [METRICS[name].label.lower() for name, metric in metrics.items() if metric.verdict == "unknown"]
        reasons += [say("check.too_few", what=", ".join(unknown))] if unknown else []
    verdict: Checked = "regression" if worse else "unknown" if reasons else "no_regression"
    said = {
        "regression": say("check.said.regression", what=", ".join(worse), tolerance=share(tolerance)),
        "no_regression": say("check.said.no_regression", tolerance=share(tolerance)),
        "unknown": say("check.said.unknown"),
    }[verdict]
    return {
        "ok": verdict == "no_regression",
        "verdict": verdict,
        "said": said,
        "metrics": metrics,
        "reasons": tuple(reasons),
    }


def regressed(metric: str, value: float, recorded: Interval | None, now: Interval, tolerance: float) -> bool:
    """Whether all of `now` is worse than the recorded `value` by more than `tolerance`, and than all of `recorded`."""
    low, high = recorded or (value, value)
    if METRICS[metric].better is Better.HIGHER:
        return now[1] < min(value / (1 + tolerance), low)
    return now[0] > max(value * (1 + tolerance), high)


def _metric(metric: str, recorded: Measurement, now: Measurement, tolerance: float, no_verdict: bool) -> CheckedMetric:
    value, new = float(getattr(recorded, metric)), float(getattr(now, metric))
    bounds = (new, new) if metric in _NO_INTERVAL else interval_of(now, metric)
    verdict: Checked = "unknown"
    if bounds is not None and not no_verdict:
        worse = regressed(metric, value, interval_of(recorded, metric), bounds, tolerance)
        verdict = "regression" if worse else "no_regression"
    ratio, ratio_ci95 = ratio_of(metric, recorded, now)
    unit = METRICS[metric].unit
    said = {
        "what": METRICS[metric].label,
        "now": written(new, unit),
        "recorded": written(value, unit),
    }
    if verdict != "unknown":
        said["tolerance"] = share(tolerance)
    return CheckedMetric(
        recorded=value,
        recorded_ci95=interval_of(recorded, metric),
        now=new,
        now_ci95=interval_of(now, metric),
        ratio=ratio,
        ratio_ci95=ratio_ci95,
        verdict=verdict,
        said=say(f"check.metric.{verdict}", **said),
    )


def _base(path: Path, model: str | None, workload: Workload | None, runs: Runs | None) -> Base:
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError("check.unreadable", path=str(path), problem=str(error)) from error
    schema = found.get("schema") if isinstance(found, dict) else None
    number = None
    if schema == SCHEMA:
        found = _newest(Config.from_json(text), path, model, workload, runs)
        number = int(found["id"])
    elif not str(schema).startswith("workbench.measurement/"):
        raise ConfigError("check.not_checkable", path=str(path), schema=schema)
    measurement = measurement_of(found)
    if workload is not None and not same_work(workload, measurement.workload):
        raise ConfigError("check.other_workload", path=str(path))
    if not isinstance(found.get("config"), dict):
        raise ConfigError("check.not_checkable", path=str(path), schema=schema)
    named = str(found.get("model") or "-")
    loads = model or opened_by(named)
    if loads is None:
        raise ConfigError("check.no_model", path=str(path), model=named)
    return Base(found, number, loads, measurement)


def _newest(
    config: Config, path: Path, model: str | None, workload: Workload | None, runs: Runs | None
) -> dict[str, Any]:
    """The newest kept measurement of it that no check made; of this machine and undisturbed before others."""
    with contextlib.nullcontext(runs) if runs is not None else Runs() as store:
        kept = store.filter(kind="measurement", config=config, model=model, untagged=TAG, limit=None)
    fitting = [record for record in kept if _is_of(record, workload)]
    if not fitting:
        command = ["workbench", "measure", *([model] if model else []), "--config", str(path)]
        raise StoreError(
            "check.no_measurement",
            what=", ".join([repr(config), *([model] if model else []), *([str(workload)] if workload else [])]),
            command=shlex.join([*command, *_arguments(workload)]),
        )
    machine = machines.doctor().label
    here = [record for record in fitting if side_of(record, "").machine == machine]
    undisturbed = [record for record in here if not any(disturbed(measurement_of(record)))]
    return (undisturbed or here or fitting)[0]


def _is_of(record: Mapping[str, Any], workload: Workload | None) -> bool:
    try:
        measured = measurement_of(record)
    except ConfigError:  # of another version of the workbench: none to check against
        return False
    return workload is None or same_work(workload, measured.workload)


def _arguments(workload: Workload | None) -> Iterator[str]:
    """Those of `workbench measure` that ask for this work."""
    if workload is not None:
        for name in ("prompt_tokens", "new_tokens", "batch_size", "seed"):
            yield from (f"--{name.replace('_', '-')}", str(getattr(workload, name)))


def _must_be_the_same(record: Mapping[str, Any], here: Mapping[str, Any], anyway: bool) -> None:
    found: list[Message] = [] if anyway else list(caveats(record, here))
    if found:
        raise CapabilityError("check.not_the_same", what="; ".join(map(str, found)))


def _tagged(runs: Runs, record: Mapping[str, Any]) -> int | None:
    """The number of the record that the session has just kept, tagged; None where nothing can be kept."""
    try:
        for kept in runs.filter(kind="measurement", config=record["config"], limit=5):
            if kept["result"] == record["result"]:
                runs.tag(kept["id"], TAG)
                return int(kept["id"])
    except StoreError:  # the measurement's own flag says so
        return None
    return None
