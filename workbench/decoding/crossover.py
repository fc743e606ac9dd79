"""Short prompts on one device, long ones on another: at which length does the better one change?"""

import time
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from workbench.bench import Bench
from workbench.checks import refuse_impossible
from workbench.config import Config
from workbench.costs import cost_of
from workbench.crossing import crossing
from workbench.errors import CapabilityError, ConfigError
from workbench.judging import floor_of, names_of
from workbench.knobs.conditions import on_cuda
from workbench.metrics import METRICS, Better
from workbench.pairing import SHARED_CORES, Gathered, Plan, gather, judged_of, told
from workbench.probes.context import Context
from workbench.results import Crossover, CrossoverPoint, Workload
from workbench.ways import Sides, Turns, one_engine, restored, two_engines
from workbench.words import Message, say, translate
from workbench.words.format import interval, number

LENGTHS = (8, 32, 128, 512)
CROSSED = ("ttft_s", "decode_tps", "e2e_s")
Side = Config | Mapping[str, Any]


def crossover(
    bench: Bench,
    job: int,
    a: Side | None = None,
    b: Side | None = None,
    prompt_tokens: Sequence[int] | None = None,
    *,
    new_tokens: int = 16,
    precision: float = 0.05,
    budget_s: float = 120.0,
) -> Crossover:
    """b against a at each length, by pairs; default: the CPU against the GPU. Kept in the store.

    Both must be resident at once: on one model where all that differs is live, else in two engines.
    ConfigError for lengths that cannot be tried; CapabilityError without a GPU, room for a second engine, or a process
    of its own for it. The configuration of before is in force again afterwards.
    """
    sides = _sides(bench, a, b)
    lengths = _lengths(bench, prompt_tokens, new_tokens)
    work = Workload(prompt_tokens=lengths[0], new_tokens=new_tokens)
    context = bench.context(job)
    price = cost_of(bench, *sides, work.replace(prompt_tokens=lengths[-1]), precision=precision, budget_s=budget_s)
    if price.way == "alternating":
        cost_of(bench, *sides, work, way="two_engines")  # says so where the session has no process of its own for it
        raise CapabilityError("crossover.one_engine", reason=str(say("crossover.no_room")))
    context.progress(price.text, 0)
    began = time.monotonic()
    points, cores, unjudged = [], [], 0
    names = names_of(*sides)
    engines = one_engine if price.way == "live" else two_engines
    with restored(bench, job), engines(bench, job, sides, work, context) as turns:
        for at, length in enumerate(lengths):
            context.progress(say("progress.crossover", tokens=length), at, len(lengths))
            gathered = _gathered(turns, work.replace(prompt_tokens=length), precision, budget_s / len(lengths), context)
            points.append(_point(length, gathered, names))
            cores += [gathered.others_cores] if gathered.others_cores is not None else []
            unjudged += gathered.shared
    crossings = {
        metric: crossing([(point.prompt_tokens, point.ratio[metric], point.ci95.get(metric)) for point in points])
        for metric in CROSSED
    }
    busy = fmean(cores) if cores else None
    shared = [say("flag.shared", cores=f"{busy:.1f}")] if busy is not None and busy > SHARED_CORES else []
    shared += [say("crossover.shared", lengths=unjudged, all=len(lengths))] if unjudged else []
    found = Crossover(
        a=sides[0].to_dict(),
        b=sides[1].to_dict(),
        names=names,
        resolved_a=turns.resolved[0],
        resolved_b=turns.resolved[1],
        points=tuple(points),
        crossing=crossings,
        sentence={metric: sentence(metric, names, points, crossings[metric]) for metric in CROSSED},
        workload=work,
        way=price.way,
        loads=turns.loads,
        cpu_busy_elsewhere=busy,
        seconds=time.monotonic() - began,
        flags=(*bench.facts.notes, *shared),
    )
    return bench.deliver(job, "crossover", found)


def sentence(metric: str, names: tuple[str, str], points: Sequence[CrossoverPoint], crosses: Any) -> Message:
    """Who is ahead where, in one sentence."""
    lower_wins = METRICS[metric].better is not Better.HIGHER
    what = translate(METRICS[metric].label)
    if crosses is not None:
        first, second = (names[1], names[0]) if crosses.b_below is lower_wins else names
        bounds = interval(crosses.interval)
        return say(
            "crossover.crosses", what=what, first=first, second=second, at=number(crosses.at, 2), interval=bounds
        )
    span = {"low": points[0].prompt_tokens, "high": points[-1].prompt_tokens}
    ahead = [point for point in points if metric in point.seen]
    winners = {names[1] if (point.ratio[metric] < 1) is lower_wins else names[0] for point in ahead}
    if len(ahead) == len(points) and len(winners) == 1:
        return say("crossover.always", what=what, name=winners.pop(), **span)
    return say("crossover.unclear", what=what, ahead=len(ahead), all=len(points), **span)


def _gathered(turns: Turns, work: Workload, precision: float, budget_s: float, context: Context) -> Gathered:
    """The warm-up of a length pays for its shapes."""
    for side in (0, 1):
        turns.workload = work
        turns.run(side)

    def run(side: int) -> Any:
        turns.workload = work
        return turns.run(side)

    return gather(run, Plan(precision, budget_s), lambda *so_far: context.progress(*told(*so_far)), time.monotonic())


def _point(length: int, gathered: Gathered, names: tuple[str, str]) -> CrossoverPoint:
    floor = floor_of(gathered.same)
    judged = judged_of(gathered, floor, names)
    kept = ("ratio", "ci95", "mean_a", "mean_b", "noise_floor", "seen")
    return CrossoverPoint(
        prompt_tokens=length,
        **{field: judged[field] for field in kept},
        floor=floor,
        pairs=len(gathered.pairs),
        set_aside=gathered.set_aside,
        stopped_by=gathered.stopped_by,
    )


def _sides(bench: Bench, a: Side | None, b: Side | None) -> Sides:
    if a is None and b is None:
        if not on_cuda(bench.machine, {"device": "auto"}):
            raise CapabilityError("crossover.needs_gpu")
        a, b = {"device": "cpu"}, {"device": "cuda"}
    first, second = (side if isinstance(side, Config) else bench.config.replace(**(side or {})) for side in (a, b))
    if not first.diff(second):
        raise ConfigError("compare.same", config=str(first))
    for config in (first, second):
        refuse_impossible(config, bench.machine, bench.facts)
    return first, second


def _lengths(bench: Bench, asked: Sequence[int] | None, new_tokens: int) -> list[int]:
    room = bench.facts.context_length - new_tokens
    lengths = [length for length in LENGTHS if length <= room] if asked is None else list(asked)
    whole = all(isinstance(length, int) and not isinstance(length, bool) for length in lengths)
    if len(lengths) < 2 or not whole or lengths != sorted(set(lengths)) or lengths[0] < 1:
        raise ConfigError("crossover.lengths", lengths=repr(asked))
    return lengths
