"""What a comparison takes, decided and told before it starts: which way, how many loads, how long, how much memory."""

import math
from dataclasses import dataclass
from typing import Any, get_args

from workbench import forecast as forecasts
from workbench import machine as machines
from workbench.bench import Bench
from workbench.config import Config
from workbench.errors import CapabilityError, ConfigError, StoreError
from workbench.floors import Remembered, remembered
from workbench.hosts.process import ProcessHost
from workbench.judging import JUDGED
from workbench.knobs import Cost
from workbench.pairing import ENOUGH_PAIRS, LEAST_PAIRS, QUICK_PAIRS, block_of, expected_pairs
from workbench.results import CompareCost, NoiseFloor, Way, Workload
from workbench.words import Message, say
from workbench.words.format import seconds as duration
from workbench.words.format import size

PROCESS_BYTES = 768 * 2**20  # a worker with its libraries, before it holds a model; on CUDA its context
RUNS_PER_LOAD = 3  # when loads alternate


@dataclass(frozen=True)
class Facts:
    """What decides the way. `engine_bytes`, `free_bytes`: of a second engine and of its device; None: not known."""

    live_between: bool  # the two configurations
    live_from_here: tuple[bool, bool]  # each of them, from the one in force
    own_process: bool  # the engine lives in a worker, so that another can stand beside it
    engine_bytes: int | None
    free_bytes: int | None


def decide(facts: Facts) -> Way:
    """live where both change on one resident model; two engines where memory is known to hold them; else by turns."""
    if facts.live_between:
        return "live"
    if not facts.own_process or facts.engine_bytes is None or facts.free_bytes is None:
        return "alternating"
    return "two_engines" if facts.engine_bytes <= facts.free_bytes else "alternating"


def loads_of(way: Way, live_from_here: tuple[bool, bool], pairs: int) -> int:
    """How often weights are loaded for so many pairs, and to have the configuration of now back."""
    there_and_back = 0 if any(live_from_here) else 2
    match way:
        case "live":
            return there_and_back
        case "two_engines":
            return 1 + there_and_back
    return 2 * pairs + 1


def cost_of(
    bench: Bench,
    a: Config,
    b: Config,
    workload: Workload,
    *,
    precision: float = 0.05,
    budget_s: float = 60.0,
    way: Way | None = None,
) -> CompareCost:
    """Of comparing `a` and `b` now. `way`: the one that was asked for. Loads nothing.

    CapabilityError when that way is not open to this session.
    """
    if way is not None and way not in get_args(Way):
        raise ConfigError("compare.unknown_way", way=repr(way), ways=", ".join(get_args(Way)))
    facts = _facts(bench, a, b, workload)
    chosen = way or decide(facts)
    if chosen == "live" and not facts.live_between:
        raise CapabilityError("compare.not_live", knobs=", ".join(a.diff(b)))
    if chosen == "two_engines" and not facts.own_process:
        raise CapabilityError("compare.one_process")
    if bench.attached and (chosen != "live" or not any(facts.live_from_here)):
        raise CapabilityError("session.attached", knobs=", ".join(bench.config.diff(a) | bench.config.diff(b)))
    earlier = _remembered(bench, workload, chosen)
    pairs = expected(earlier, precision)
    load_s, pair_s = bench.load_seconds, earlier.pair_seconds if earlier else None
    if chosen == "alternating" and a.cost_to(b) is Cost.RESTART and load_s is not None:
        load_s += bench.start_seconds or 0.0  # each load has a worker of its own
    start_s = bench.start_seconds if chosen == "two_engines" else 0.0
    wanted = pairs or ENOUGH_PAIRS
    if chosen == "alternating":
        wanted = min(wanted, _affordable(load_s, budget_s))
    loads, quick_loads = loads_of(chosen, facts.live_from_here, wanted), loads_of(chosen, facts.live_from_here, 1)
    known = pairs is not None and pair_s is not None and pairs * pair_s < budget_s
    measuring_s = pairs * pair_s if known and pairs is not None and pair_s is not None else budget_s
    quick_measuring_s = None if pair_s is None else QUICK_PAIRS * pair_s
    if chosen == "alternating":  # the loads are what takes time
        measuring_s, quick_measuring_s = 0.0, 0.0
    seconds = _sum(load_s, loads, start_s, measuring_s)
    quick_s = _sum(load_s, quick_loads, start_s, quick_measuring_s)
    needed = facts.engine_bytes or 0 if chosen == "two_engines" else 0
    return CompareCost(
        way=chosen,
        loads=loads,
        load_seconds=load_s,
        seconds=seconds,
        bytes=needed,
        pairs=pairs,
        quick_loads=quick_loads,
        quick_seconds=quick_s,
        text=_told(
            chosen,
            loads=loads,
            each=duration(load_s),
            size=size(needed),
            total=duration(seconds),
            measuring=str(say("cost.about" if known else "cost.at_most", time=duration(measuring_s))),
            quick_loads=quick_loads,
            quick=duration(quick_s),
        ),
    )


def expected(earlier: Remembered | None, precision: float) -> int | None:
    """Pairs for ±`precision`, by the spread that earlier comparisons saw; None without any."""
    if earlier is None:
        return None
    return expected_pairs(max(earlier.floor.spread.get(metric, math.inf) for metric in JUDGED), precision)


def _told(way: Way, **parts: Any) -> Message:
    code = "live_elsewhere" if way == "live" and parts["loads"] else way
    used = {
        "live": ("measuring",),
        "live_elsewhere": ("loads", "each", "measuring", "quick"),
        "two_engines": ("loads", "each", "size", "total", "quick"),
        "alternating": ("loads", "each", "total", "quick_loads", "quick"),
    }[code]
    return say(f"cost.{code}", **{name: parts[name] for name in used})


def _facts(bench: Bench, a: Config, b: Config, workload: Workload) -> Facts:
    live_from_here = tuple(bench.config.cost_to(config) is Cost.LIVE for config in (a, b))
    second = b if live_from_here[0] or not live_from_here[1] else a
    engine_bytes, free_bytes = second_engine(bench, second, workload)
    return Facts(
        live_between=a.cost_to(b) is Cost.LIVE,
        live_from_here=(live_from_here[0], live_from_here[1]),
        own_process=isinstance(bench.host, ProcessHost),
        engine_bytes=engine_bytes,
        free_bytes=free_bytes,
    )


def second_engine(bench: Bench, config: Config, workload: Workload) -> tuple[int, int | None]:
    """Bytes of an engine with `config` beside this one, and what is free now on its device (None: not known)."""
    machine = machines.with_free_memory(bench.machine)
    forecast = forecasts.forecast(bench.facts, config, workload, machine)
    return forecast.total + PROCESS_BYTES, forecast.available


def earlier_floor(bench: Bench, workload: Workload, way: Way) -> NoiseFloor | None:
    """The noise floor that earlier comparisons of this work by this way saw here; None without any."""
    earlier = _remembered(bench, workload, way)
    return earlier.floor if earlier else None


def _remembered(bench: Bench, workload: Workload, way: Way) -> Remembered | None:
    try:
        return remembered(bench.runs, bench.facts.name, bench.machine.label, block_of(workload), way)
    except StoreError:  # nothing is remembered where nothing can be kept; the comparison itself will say so
        return None


def _affordable(load_s: float | None, budget_s: float) -> int:
    """Pairs of loads within the budget; at least what a verdict needs."""
    if load_s is None:
        return LEAST_PAIRS
    return max(LEAST_PAIRS, int(budget_s // (2 * load_s)))


def _sum(load_s: float | None, loads: int, *more_s: float | None) -> float | None:
    """Seconds of the loads and of what comes beside them; None when a part of it is not known."""
    parts = (0.0 if not loads else None if load_s is None else loads * load_s, *more_s)
    return None if None in parts else sum(part for part in parts if part is not None)
