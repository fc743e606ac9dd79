"""From a race to what people read: who won, by how much, what was not told apart, and why the others lost."""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from workbench.constraints import ENERGY, better, shown
from workbench.judging import COMPARED
from workbench.metrics import METRICS, Better
from workbench.pairing import SHARED_CORES
from workbench.results import Sweep, SweepLead, SweepPoint
from workbench.results.base import Interval
from workbench.stats import positive_mean_interval
from workbench.sweep.estimates import Estimate
from workbench.sweep.runner import Runner
from workbench.sweep.searching import Search
from workbench.words import Message, say
from workbench.words.format import interval, number, ratio, share

_TELLS = 2.0  # "no difference" that would have missed a factor of two says nothing
_ALIKE = 0.01  # of peaks of memory, which are not the same twice


def sweep_of(runner: Runner, labels: Sequence[str], **fields: Any) -> Sweep:
    """What is known now. labels: of the points; fields: the rest of a Sweep."""
    race, task, state = runner.race, runner.task, runner.state
    ranked = race.ranked
    winner = ranked[0] if ranked else None
    points = tuple(_point(runner, arm, labels, winner) for arm in range(len(task.points)))
    leads = tuple(_lead(runner, winner, other, labels) for other in _others(runner, winner)) if ranked else ()
    flags = [*runner.flags]
    if state.busy and fmean(state.busy) > SHARED_CORES:
        flags.append(say("flag.shared", cores=f"{fmean(state.busy):.1f}"))
    unjudged = [limit for limit in task.limits if limit.of_quality and winner is not None]
    if unjudged and winner not in state.quality:
        flags.append(say("sweep.flag.unjudged", limits=", ".join(map(str, unjudged))))
    return Sweep(
        objective=task.objective,
        better="higher" if better(task.objective) is Better.HIGHER else "lower",
        constraints=tuple(map(str, task.limits)),
        workload=task.workload,
        precision=task.rules.precision,
        points=points,
        winner=winner,
        leads=leads,
        pareto=pareto(points, task.objective),
        groups=len(set(task.groups)),
        runs=state.count,
        reused=state.reused,
        loads=runner.host.loads,
        nodes=runner.nodes,
        seconds=runner.spent_s,
        budget_s=task.budget_s,
        stopped_by=runner.ended_by or "stopped",
        verdict=_of_tried(_verdict(points, winner, leads), runner.search),
        search=runner.search.told() if runner.search else None,
        flags=tuple(flags),
        **fields,
    )


def _others(runner: Runner, winner: int | None) -> list[int]:
    """The runner-up, and the base line."""
    second = next((arm for arm in _standing(runner) if arm != winner), None)
    return list(dict.fromkeys(arm for arm in (second, 0) if arm is not None and arm != winner))


def _standing(runner: Runner) -> list[int]:
    """Those that were measured and did not fail, best first: dropped ones too, after those alive."""
    lost = sorted(runner.race.dropped, key=lambda arm: -runner.race.dropped[arm].seen.mean)
    return [*runner.race.ranked, *(arm for arm in lost if arm not in runner.state.out)]


def _lead(runner: Runner, winner: int | None, other: int, labels: Sequence[str]) -> SweepLead:
    assert winner is not None, "somebody leads"
    seen = runner.race.against(other, winner)
    floor = math.exp(runner.race.floor(seen.samples)) if seen.samples else math.inf
    times, bounds = _ratio(seen, runner)
    known = bounds is not None and math.isfinite(floor)
    differs = known and seen.interval()[0] > 0 and math.exp(seen.mean) > floor
    said: dict[str, Any] = {"a": labels[winner] or "–", "b": labels[other] or "–"}
    if differs:
        verdict = say("sweep.lead.seen", **said, ratio=ratio(times), interval=interval(bounds))
    elif bounds is None:
        verdict = say("sweep.lead.unknown", **said)
    else:
        widest = max(math.exp(max(map(abs, seen.interval()))), floor if known else 1.0)
        verdict = say("sweep.lead.none", **said, percent=number(100 * (widest - 1)))
        if widest > _TELLS:
            verdict = say("sweep.lead.unknown", **said)
    return SweepLead(
        other=other,
        ratio=times,
        ci95=bounds,
        noise_floor=floor if math.isfinite(floor) else None,
        differs=differs,
        verdict=verdict,
    )


def _ratio(seen: Estimate, runner: Runner) -> tuple[float | None, Interval | None]:
    """b ÷ a in the objective's own unit, of an estimate of b's gain against a's."""
    if not seen.samples:
        return None, None
    sign = 1 if better(runner.task.objective) is Better.HIGHER else -1
    ends = sorted(sign * end for end in seen.interval())
    if not all(math.isfinite(end) and abs(end) < 50 for end in ends):
        return math.exp(sign * seen.mean), None
    return math.exp(sign * seen.mean), (math.exp(ends[0]), math.exp(ends[1]))


def _point(runner: Runner, arm: int, labels: Sequence[str], winner: int | None) -> SweepPoint:
    race, task, state = runner.race, runner.task, runner.state
    means = {name: fmean(values) for name in (*COMPARED, *ENERGY) if (values := state.values(arm, name))}
    bounds = {name: positive_mean_interval(state.values(arm, name)) for name in means if race.rounds(arm) > 1}
    times: float | None = 1.0 if arm == winner else None
    ends: Interval | None = None
    if winner is not None and arm != winner:
        times, ends = _ratio(race.against(winner, arm), runner)
    settled = winner is not None and arm in race.alive and arm != winner and race.settled(winner, arm)
    place, why = _state(runner, arm, winner, labels, times, ends, settled=settled)
    return SweepPoint(
        config=task.points[arm].to_dict(),
        label=labels[arm],
        group=task.groups[arm],
        reference=arm == 0,
        entered=arm > 0 or task.base_enters,
        state=place,
        why=why,
        means=means,
        ci95=bounds,
        peak_bytes=state.peaks.get(arm),
        quality=state.quality.get(arm),
        ratio=times,
        ratio_ci95=ends,
        rounds=race.rounds(arm),
        settled=settled,
    )


def _state(
    runner: Runner,
    arm: int,
    winner: int | None,
    labels: Sequence[str],
    times: float | None,
    ends: Interval | None,
    *,
    settled: bool,
) -> tuple[Any, Message]:
    race, state = runner.race, runner.state
    seen = {"ratio": ratio(times), "interval": interval(ends), "rounds": race.rounds(arm)}
    if arm in state.out:
        return state.out[arm]
    if arm == winner:
        value = shown(runner.task.objective, fmean(state.values(arm, runner.task.objective)))
        return "best", say("sweep.why.best", value=value, rounds=race.rounds(arm))
    if arm in race.dropped:
        lost = race.dropped[arm]
        then, bounds = _ratio(lost.seen, runner)
        said = {"ratio": ratio(then), "interval": interval(bounds), "rounds": lost.rounds}
        return "behind", say("sweep.why.behind", leader=labels[lost.leader] or "–", **said)
    if not race.rounds(arm) or winner is None:
        return "unmeasured", say("sweep.why.unmeasured")
    against = race.against(winner, arm)
    if against.samples and against.interval()[1] < 0 and -against.mean > race.floor(against.samples):
        return "behind", say("sweep.why.told_apart", **seen)
    if arm == 0 and not runner.task.base_enters:
        return "unmeasured", say("sweep.why.base_line", **seen)
    if ends is None:
        return "front", say("sweep.why.few", rounds=race.rounds(arm))
    if settled:
        return "front", say("sweep.why.settled", **seen, precision=share(runner.task.rules.precision))
    return "front", say("sweep.why.front", **seen)


def _verdict(points: Sequence[SweepPoint], winner: int | None, leads: Sequence[SweepLead]) -> Message:
    if winner is None:
        return say("sweep.verdict.nothing")
    front = sum(point.state == "front" for point in points)
    if front:
        return say("sweep.verdict.front", best=points[winner].label or "–", others=front)
    if leads:
        return say("sweep.verdict.lead", lead=str(leads[0].verdict))
    return say("sweep.verdict.alone", best=points[winner].label or "–")


def _of_tried(verdict: Message, search: Search | None) -> Message:
    if search is None or search.count >= search.of:
        return verdict
    return say("sweep.verdict.searched", verdict=str(verdict), tried=search.count, of=search.of)


def pareto(points: Sequence[SweepPoint], objective: str) -> tuple[int, ...]:
    """Places that no other beats: not worse in objective, memory and quality, and better in one of them.

    Quality counts between two for which it is known; peaks within 1 % are the same.
    """
    inside = [place for place, point in enumerate(points) if _stands(point)]
    return tuple(
        place for place in inside if not any(_beats(points[other], points[place], objective) for other in inside)
    )


def _stands(point: SweepPoint) -> bool:
    return point.entered and point.state in ("best", "front", "behind") and point.ratio is not None


def _beats(one: SweepPoint, other: SweepPoint, objective: str) -> bool:
    sign = 1 if METRICS[objective].better is Better.HIGHER else -1
    apart = [sign * math.log((one.ratio or 1.0) / (other.ratio or 1.0))]
    if one.peak_bytes and other.peak_bytes and objective != "peak_bytes":
        less = math.log(other.peak_bytes / one.peak_bytes)
        apart.append(less if abs(less) > _ALIKE else 0.0)
    if one.quality and other.quality:
        apart.append(other.quality.kld_mean - one.quality.kld_mean)
    return all(each >= 0 for each in apart) and any(each > 0 for each in apart)
