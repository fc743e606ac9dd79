"""What a sweep measures: the points that can be here, their loads, and which of those stand side by side."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from workbench import forecast as forecasts
from workbench.catalog.sources import find
from workbench.config import Config
from workbench.costs import PROCESS_BYTES
from workbench.errors import CapabilityError, ModelError
from workbench.hosts.registry import device_key
from workbench.others import describable
from workbench.results import SweepEntry, SweepRemoved, Workload
from workbench.sweep.diary import Diary
from workbench.sweep.hosts import Host
from workbench.sweep.proposing import require
from workbench.sweep.space import Known, Space, expand, impossible, load_of


@dataclass(frozen=True)
class Laid:
    """points: the base line first, which `enters` where it is one of the space."""

    points: tuple[Config, ...]
    enters: bool
    removed: tuple[SweepRemoved, ...]
    merged: int
    known: Known

    @property
    def space(self) -> tuple[Config, ...]:
        return self.points if self.enters else self.points[1:]


def plan_of(diary: Diary, laid_out: Callable[[], Laid], exhaustive: int) -> SweepEntry:
    """The points with their loads: of an earlier call, else laid out and written down. `arm`: whether the base enters.

    Of a space that is searched, the base line alone; CapabilityError where Optuna is missing then.
    """
    if diary.earlier and diary.earlier[0].event == "plan":
        return diary.earlier.pop(0)
    laid = laid_out()
    searched = len(laid.space) > exhaustive
    if searched:
        require()
    points = laid.points[:1] if searched else laid.points
    loads = list(dict.fromkeys(map(load_of, points)))
    groups = tuple(loads.index(load_of(point)) for point in points)
    return diary.write(
        event="plan",
        points=tuple(point.to_dict() for point in points),
        groups=groups,
        together=together(points, groups, laid.known),
        removed=laid.removed,
        merged=laid.merged,
        of=len(laid.space) if searched else 0,
        arm=int(laid.enters),
    )


def lay_out(
    asked: Mapping[str, Sequence[Any]],
    base: Config,
    work: Workload,
    model: str,
    revision: str | None,
    seed: int,
    engines: Host,
    *,
    energy: bool = False,
) -> Laid:
    """Before any load, unless only a load tells the model's size: then it is the base line's."""
    device = device_key(base.device, engines.machine) if energy else None
    known = Known(engines.free(), work, _size_known(model, revision), metered=device)
    if known.what is None and impossible(base, known) is None:
        engines.have((0,), (base,))
        known = replace(known, facts=engines.facts)
    laid = expand(asked, base, known)
    others, enters = _ordered(laid, base, seed)
    if not others and not enters:
        reasons = "; ".join(dict.fromkeys(str(each.why) for each in laid.removed))
        raise CapabilityError("sweep.nothing_left", reasons=reasons)
    if not enters and (why := impossible(base, known)):
        base, others, enters = others[0], others[1:], True  # the base line cannot be here: the first point is it
        laid = Space(laid.points, laid.merged, (*laid.removed, SweepRemoved(values={}, why=why)))
    return Laid((base, *others), enters, laid.removed, laid.merged, known)


def _size_known(model: str, revision: str | None) -> Any:
    try:
        return describable(find(model, revision))
    except ModelError:  # the first load says what is wrong with it
        return None


def _ordered(laid: Space, base: Config, seed: int) -> tuple[list[Config], bool]:
    points = [point for point in laid.points if point != base]
    if seed:
        random.Random(seed).shuffle(points)
    return points, base in laid.points


def together(points: Sequence[Config], groups: Sequence[int], known: Known) -> tuple[tuple[int, int], ...]:
    """Pairs of groups whose engines the free memory holds side by side, by forecast; none where that is not known."""
    needs: dict[int, int] = {}
    available = math.inf
    for point, group in zip(points, groups, strict=True):
        what = known.facts or known.what
        if what is None:
            return ()
        try:
            found = forecasts.forecast(what, point, known.workload, known.machine)
        except ModelError:
            return ()
        if found.available is None:
            return ()
        available = min(available, found.available)
        needs[group] = max(needs.get(group, 0), found.total + PROCESS_BYTES)
    return tuple((a, b) for a, b in combinations(sorted(needs), 2) if needs[a] + needs[b] <= available)
