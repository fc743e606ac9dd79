"""Two configurations by runs that alternate: the experiment of a timed tip, in each of its situations."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from workbench.metrics import METRICS
from workbench.results import Comparison, Interval, Measurement, QualityDiff, Quantities, Quantity, Workload
from workbench.session import Session
from workbench.stats import independent_ratio, ratio_interval, shared_ratio
from workbench.tips.experiments import QUALITY, Pair
from workbench.tips.stand import Cell, Stand
from workbench.tips.tip import Tip
from workbench.words import Message

PRECISION = 0.03
_TURNS = 3
_RUN_S = 2.5


def pair(stand: Stand, tip: Tip, experiment: Pair, budget_s: float) -> Iterator[Cell]:
    """A cell for each work, as it comes. `budget_s`: for all of them, as far as they are timed."""
    session = stand.on(tip.model)
    wanted = {limit.quantity for limit in tip.holds_if}
    judged = _judged(stand, session, experiment) if wanted & set(QUALITY) else {}
    for work in experiment.works:
        timed: dict[str, Quantity] = {}
        notes: tuple[Message, ...] = ()
        resolved = session.resolved
        if wanted & set(METRICS):
            if experiment.a_work or experiment.b_work:
                timed = _measured(stand, session, experiment, work)
            else:
                found = _compared(stand, session, experiment, work, budget_s / len(experiment.works))
                timed, notes, resolved = _ratios(found), found.flags, found.resolved_b
            if "peak_bytes" in wanted:
                timed["peak_bytes"] = _peaks(stand, session, experiment, work)
        values = {name: value for name, value in {**judged, **timed}.items() if name in wanted}
        config = stand.config(experiment.b).to_dict()
        yield Cell(Quantities(values=values, notes=notes), work, resolved, config)


def by_turns(
    sides: tuple[Callable[[], Measurement], Callable[[], Measurement]], pairs: int = _TURNS
) -> dict[str, Quantity]:
    """Speed metric -> second ÷ first, over runs in the order A B B A."""
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in ("decode_tps", "prefill_tps")}
    for turn in range(pairs):
        order = (0, 1) if turn % 2 == 0 else (1, 0)
        found = {side: sides[side]() for side in order}
        for name, taken in samples.items():
            taken.append((getattr(found[0], name), getattr(found[1], name)))
    ratios = {name: ratio_interval(taken) for name, taken in samples.items()}
    return {name: Quantity(value=value, ci95=bounds) for name, (value, bounds) in ratios.items()}


def _compared(stand: Stand, session: Session, experiment: Pair, work: Mapping[str, Any], budget_s: float) -> Comparison:
    sides = stand.config(experiment.a), stand.config(experiment.b)
    key = f"compare {session.name} {sides} {work}"
    found: Comparison = stand.once(
        key, lambda: session.compare(*sides, Workload(**work), precision=PRECISION, budget_s=budget_s)
    )
    return found


def _ratios(found: Comparison) -> dict[str, Quantity]:
    """A machine that was shared tells no ratio: its interval is open."""
    open_ends = (0.0, float("inf"))
    return {
        name: Quantity(
            value=value,
            ci95=open_ends if found.shared else found.ci95.get(name),
            floor=found.noise_floor.get(name),
            smallest=found.smallest_effect.get(name),
        )
        for name, value in found.ratio.items()
    }


def _measured(stand: Stand, session: Session, experiment: Pair, work: Mapping[str, Any]) -> dict[str, Quantity]:
    """Where the sides differ in what they do."""

    def side(knobs: Mapping[str, Any], own: Mapping[str, Any]) -> Callable[[], Measurement]:
        def once() -> Measurement:
            session.apply(stand.config(knobs))
            return session.measure(Workload(**{**work, **own}), budget_s=_RUN_S)

        return once

    a, b = side(experiment.a, experiment.a_work), side(experiment.b, experiment.b_work)
    found: dict[str, Quantity] = stand.once(f"measure {session.name} {experiment} {work}", lambda: by_turns((a, b)))
    return found


def _peaks(stand: Stand, session: Session, experiment: Pair, work: Mapping[str, Any]) -> Quantity:
    """Peak memory of b ÷ that of a: no interval, because the work is fixed."""
    peaks = []
    for knobs in (experiment.a, experiment.b):
        session.apply(stand.config(knobs))
        peaks.append(session.measure(Workload(**work), budget_s=_RUN_S).peak_bytes)
    return Quantity(value=peaks[1] / peaks[0])


def _judged(stand: Stand, session: Session, experiment: Pair) -> dict[str, Quantity]:
    """Numbers of QUALITY: b against a, or against the reference the ratio of the two."""
    if experiment.reference is None:
        against = _numbers(_quality(stand, session, experiment.a, experiment.b))
        return {name: Quantity(value=value, ci95=bounds) for name, (value, bounds) in against.items()}
    found = [_quality(stand, session, experiment.reference, side) for side in (experiment.a, experiment.b)]
    a, b = map(_numbers, found)
    ratios = {name: independent_ratio(*a[name], *b[name]) for name in a} | _shared(*found)
    return {name: Quantity(value=value, ci95=bounds) for name, (value, bounds) in ratios.items()}


def _shared(a: QualityDiff, b: QualityDiff) -> dict[str, tuple[float, Interval]]:
    """Both read the same text: what makes a block of it hard for both tells nothing of the two."""
    one, other = a.overall, b.overall
    left_out = one.bad_positions or other.bad_positions or one.positions != other.positions
    if left_out or not one.kld.mean or not other.kld.mean:
        return {}
    return {"kld_mean": shared_ratio([*zip(one.kld.by_block, other.kld.by_block, strict=True)])}


def _quality(stand: Stand, session: Session, reference: Mapping[str, Any], knobs: Mapping[str, Any]) -> QualityDiff:
    def judge() -> QualityDiff:
        session.apply(stand.config(knobs))
        return session.quality(stand.config(reference))

    found: QualityDiff = stand.once(f"quality {session.name} {reference} {knobs}", judge)
    return found


def _numbers(found: QualityDiff) -> dict[str, tuple[float, tuple[float, float]]]:
    numbers = {
        "kld_mean": (found.kld_mean, found.kld_mean_ci95),
        "same_top": (found.same_top, found.overall.same_top_ci95),
    }
    if found.overall.perplexity is not None:
        numbers["ppl_ratio"] = (found.overall.perplexity.ratio, found.overall.perplexity.ratio_ci95)
    return numbers
