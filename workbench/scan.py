"""Prefill and decode along one parameter, for several live configurations side by side."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from workbench import forecast as forecasts
from workbench import machine as machines
from workbench.bench import Bench
from workbench.ceilings import ceilings_for
from workbench.checks import refuse_impossible
from workbench.config import Config
from workbench.errors import CapabilityError, ConfigError, OutOfMemory, WorkerDied
from workbench.knees import knee_of
from workbench.knobs import Cost
from workbench.limits import limits_of, work_of
from workbench.pairing import SHARED_CORES
from workbench.results import (
    Agreement,
    Forecast,
    Knee,
    Phase,
    PhaseLimit,
    Rung,
    RungLine,
    Scan,
    ScanEnd,
    ScanLine,
    ScanPoint,
    Workload,
    ceiling_key,
)
from workbench.scannable import Parameter, configs_of, labels_of, parameter_of
from workbench.scanning import Line, Step, next_seconds, points_of
from workbench.words import Message, say
from workbench.words.format import size

FEWEST_ROUNDS = 3  # of a value, after its warm-up
AGREEMENT_AT = 256  # prompt tokens at which the lines are asked whether they compute the same


@dataclass
class _Progress:
    """What a scan has so far."""

    points: list[ScanPoint] = field(default_factory=list)
    ends: list[ScanEnd] = field(default_factory=list)
    agreement: list[Agreement] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)
    least_s: list[float] = field(default_factory=list)  # of a warm-up and the fewest rounds, by value


def scan(
    bench: Bench,
    job: int,
    parameter: str,
    values: Sequence[int] | None = None,
    configs: Any = None,
    *,
    workload: Workload | None = None,
    new_tokens: int = 16,
    padded: Sequence[float] = (0.0,),
    precision: float = 0.05,
    budget_s: float | None = None,
) -> Scan:
    """Runs every configuration at every value, until the values, the model's limit, memory or the budget end it.

    workload, budget_s  default: the parameter's own (`workbench.scannable`)

    Kept in the store. ConfigError for an unknown parameter; CapabilityError for a configuration that is impossible
    here or needs a reload.
    """
    scanned = parameter_of(parameter)
    work = (workload or scanned.workload).replace(new_tokens=new_tokens)
    lines = _lines(bench, scanned, configs, padded)
    budget_s = scanned.budget_s if budget_s is None else budget_s
    rooms = [_forecast(bench, line.config, work.replace(padded=line.padded)).largest_batch for line in lines]
    known = scanned.values(bench.facts, bench.machine, work, rooms[0])
    asked = tuple(values) if values is not None else known
    if not asked or list(asked) != sorted(set(asked)) or asked[0] < 1:
        raise ConfigError("scan.values", values=repr(asked))
    for line in lines:
        _, changes = scanned.change(asked[-1])
        if line.config.speculation != "off" and work.replace(**changes).batch_size > 1:
            raise ConfigError("probe.speculation_rows", rows=work.replace(**changes).batch_size)
    context = bench.context(job)
    began = time.monotonic()
    _prepare_limits(bench, job, scanned, lines, asked)
    so_far, ended_by, ended = _Progress(), "values", say("scan.all_values")
    for at, value in enumerate(asked):
        context.progress(say("progress.scan", parameter=parameter, value=value), at, len(asked))
        steps = _remaining(bench, scanned, lines, value, work, so_far)
        if not steps:
            ended_by, ended = "memory", so_far.ends[-1].reason
            break
        left_s = budget_s - (time.monotonic() - began)
        if so_far.least_s and (next_s := next_seconds(so_far.least_s, asked, at)) > left_s:
            needed = math.ceil(budget_s - left_s + next_s)
            ended_by, ended = "budget", say("scan.budget_needs", value=value, seconds=round(budget_s), needed=needed)
            break
        try:
            _take(bench, job, steps, value, precision, left_s / (len(asked) - at), so_far)
        except (OutOfMemory, WorkerDied) as error:
            if not so_far.points:
                raise
            bench.revive(job)
            ended_by, ended = "memory", say("scan.worker_died", value=value, problem=error.what)
            break
        if _asks_now(scanned, value, asked, so_far):
            so_far.agreement += _agreements(bench, job, steps)
    else:
        if scanned.limited and asked[-1] == known[-1]:
            ended_by, ended = scanned.limited, say(f"scan.{scanned.limited}", value=asked[-1])
    if not so_far.points:
        raise CapabilityError("scan.nothing", reason=str(ended))
    found = Scan(
        parameter=parameter,
        values=tuple(so_far.done),
        lines=tuple(ScanLine(label=line.label, config=line.config.to_dict(), padded=line.padded) for line in lines),
        points=tuple(so_far.points),
        ends=tuple(so_far.ends),
        ended_by=ended_by,
        ended=ended,
        agreement=tuple(so_far.agreement),
        knees=_knees(lines, rooms, so_far) if scanned.knees else (),
        workload=work,
        cpu_busy_elsewhere=max(so_far.cores, default=None),
        seconds=time.monotonic() - began,
        flags=_flags(bench, so_far),
    )
    return bench.deliver(job, "scan", found, config=lines[0].config)


def _lines(bench: Bench, scanned: Parameter, configs: Any, padded: Sequence[float]) -> list[Line]:
    found = configs_of(scanned, configs, bench.config, bench.machine, bench.facts)
    for config in found:
        refuse_impossible(config, bench.machine, bench.facts)
        if bench.config.cost_to(config) is not Cost.LIVE:
            raise CapabilityError("scan.needs_reload", knobs=", ".join(bench.config.diff(config)))
    lines: list[Line] = []
    for config, label in zip(found, labels_of(found), strict=True):
        for share in padded:
            padding = str(say("scan.padded", percent=f"{100 * share:g}")) if len(padded) > 1 or share else ""
            label_of = ", ".join(part for part in (label, padding) if part)
            lines.append(Line(len(lines), label_of, config, share))
    return lines


def _remaining(
    bench: Bench, scanned: Parameter, lines: Sequence[Line], value: int, work: Workload, so_far: _Progress
) -> list[Step]:
    """The lines that go on, by what the forecast says of memory; the others end here."""
    over = {end.line for end in so_far.ends}
    knobs, changes = scanned.change(value)
    steps = []
    for line in lines:
        if line.place in over:
            continue
        config, workload = line.config.replace(**knobs), work.replace(padded=line.padded, **changes)
        forecast = _forecast(bench, config, workload)
        if forecast.fits is False:
            needed = forecast.weights + forecast.kv_cache + forecast.workspace
            reason = say("scan.no_room", needed=size(needed), available=size(forecast.available))
            so_far.ends.append(ScanEnd(line=line.place, value=value, reason=reason))
        else:
            steps.append(Step(line, config, workload))
    return steps


def _prepare_limits(bench: Bench, job: int, scanned: Parameter, lines: Sequence[Line], asked: Sequence[int]) -> None:
    """Ceilings of every format and thread count that will be in force."""
    formats = [line.config["autocast"] for line in lines if line.config["autocast"] != "off"]
    counts = asked if scanned.name == "threads" and bench.resolved.device == "cpu" else (None,)
    for threads in counts:
        ceilings_for(bench, job, formats=formats, threads=threads)


def _limits(bench: Bench, step: Step, ran: RungLine) -> dict[Phase, PhaseLimit]:
    """Of one line at one value, from what ran."""
    assert ran.resolved is not None
    work = work_of(bench.facts, ran.resolved, step.workload, step.config, ran.routed)
    ceilings = bench.machine.ceilings.get(ceiling_key(ran.resolved.device, ran.resolved.threads))
    return limits_of(work, ceilings, ran.resolved)


def _forecast(bench: Bench, config: Config, workload: Workload) -> Forecast:
    machine = machines.with_free_memory(bench.machine)
    return forecasts.forecast(bench.facts, config, workload, machine, resident_bytes=bench.resolved.weight_bytes)


def _knees(lines: Sequence[Line], rooms: Sequence[int | None], so_far: _Progress) -> tuple[Knee, ...]:
    found = []
    for line, room in zip(lines, rooms, strict=True):
        points = sorted((point for point in so_far.points if point.line == line.place), key=lambda point: point.value)
        found.append(knee_of(line.place, points, room))
    return tuple(found)


def _take(
    bench: Bench, job: int, steps: Sequence[Step], value: int, precision: float, budget_s: float, so_far: _Progress
) -> None:
    parameters = {
        "probe": "scan",
        "lines": [{"config": step.config.to_dict(), "workload": step.workload.to_dict()} for step in steps],
        "precision": precision,
        "budget_s": budget_s,
        "fewest": FEWEST_ROUNDS,
    }
    rung = Rung.from_dict(bench.call(job, "probe", parameters)["result"])
    for step, one in zip(steps, rung.lines, strict=True):
        if one.failed:
            so_far.ends.append(ScanEnd(line=step.line.place, value=value, reason=one.failed))
    points = points_of(rung, steps, value, partial(_limits, bench))
    if points:
        so_far.points += points
        so_far.done.append(value)
        so_far.least_s.append((1 + FEWEST_ROUNDS) * rung.round_seconds)
    if rung.others_cores is not None:
        so_far.cores.append(rung.others_cores)


def _asks_now(scanned: Parameter, value: int, asked: Sequence[int], so_far: _Progress) -> bool:
    """Once: at the longest prompt that is not longer than AGREEMENT_AT, else at the first value."""
    if so_far.agreement:
        return False
    if scanned.name != "prompt_tokens":
        return True
    return value == max((length for length in asked if length <= AGREEMENT_AT), default=asked[0])


def _agreements(bench: Bench, job: int, steps: Sequence[Step]) -> list[Agreement]:
    """Of each configuration with the first line's, where that ran."""
    first, *others = steps
    found = []
    for step in others:
        if first.line.place or step.config == first.config or step.line.padded != first.line.padded:
            continue
        parameters = {
            "probe": "agreement",
            "a": first.config.to_dict(),
            "b": step.config.to_dict(),
            "workload": step.workload.to_dict(),
        }
        found.append(Agreement.from_dict(bench.call(job, "probe", parameters)["result"]))
    return found


def _flags(bench: Bench, so_far: _Progress) -> tuple[Message, ...]:
    flags = list(bench.facts.notes)
    busiest = max(so_far.cores, default=0.0)
    if busiest > SHARED_CORES:
        flags.append(say("flag.shared", cores=f"{busiest:.1f}"))
    return tuple(flags)
