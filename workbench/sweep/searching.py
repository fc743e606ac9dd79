"""A space too large to race whole: points enter the race in batches, until more of them promise nothing.

The race screens a batch beside the base line, Optuna is told each point's log-ratio to it (which is what links load
groups) and proposes the next one; in the end the leaders of all batches race to the full precision. What won is the
best of what was tried, and not of the space.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from workbench.config import Config
from workbench.results import SearchEnd, SweepSearch
from workbench.sweep.estimates import REFERENCE
from workbench.sweep.racing import Race
from workbench.sweep.space import load_of


@dataclass(frozen=True)
class Reach:
    """How far a space is tried.

    exhaustive     points up to which it is raced whole
    proposals      points of a larger one that are tried at most
    loads × each   points of a batch, where it is not an eighth of the proposals: one load serves `each` of them
    startup        points drawn at random before Optuna learns
    patience       batches after those without a point better by more than the precision, after which it ends
    share          of the time budget after which it ends: the rest is for the leaders
    """

    exhaustive: int = 64
    proposals: int = 200
    loads: int = 2
    each: int = 8
    startup: int = 24
    patience: int = 7
    share: float = 0.7

    @property
    def per_load(self) -> int:
        return max(min(self.each, self.proposals // 8), 1)

    @property
    def blind(self) -> int:
        """Points before Optuna learns."""
        return min(self.startup, self.proposals // 4)


class Proposes(Protocol):
    """Of `workbench.sweep.proposing.Proposer`."""

    points: tuple[Config, ...]

    def ask(self, tried: Sequence[Config], turn: int, *, loads: int, each: int) -> list[Config]: ...

    def tell(self, point: Config, gain: float | None, broken: Mapping[str, float]) -> None: ...

    def close(self) -> None: ...


Broken = Callable[[int], Mapping[str, float]]


class Search:
    """What was tried, what it showed, and whether more is worth it.

    tried     points in the race, by their arms: the base line first, whether or not it is of the space
    make      makes the proposer when it is first asked: a sweep that only reads what it knows opens no file
    of        points of the space that can be here
    beside    which pairs of load groups can be resident together, of points and their groups
    """

    def __init__(
        self,
        base: Config,
        of: int,
        make: Callable[[], Proposes],
        reach: Reach,
        precision: float,
        *,
        base_enters: bool,
        beside: Callable[[Sequence[Config], Sequence[int]], tuple[tuple[int, int], ...]] = lambda _points, _groups: (),
    ) -> None:
        self.tried = [base]
        self.groups = [0]
        self.ended: SearchEnd | None = None
        self.batches = 0
        self.reach = reach
        self.of, self.beside = of, beside
        self._make, self._precision = make, precision
        self._loads = {load_of(base): 0}
        self._outside = 0 if base_enters else 1
        self._proposer: Proposes | None = None
        self._seen: dict[int, tuple[float | None, Mapping[str, float]]] = {}  # arm -> what Optuna is told of it
        self._mark: int | None = None  # the leader that later ones are compared with
        self._idle = 0  # batches since it led
        self._counted = 0

    @property
    def count(self) -> int:
        """Points of the space that were tried."""
        return len(self.tried) - self._outside

    def heard(self, race: Race, failed: Callable[[int], bool], broken: Broken) -> None:
        """What the rounds so far show: of each point, and whether the last batch brought anything."""
        for arm in range(len(self.tried)):
            if arm in self._seen:
                continue
            against = race.against(REFERENCE, arm)
            if failed(arm):
                self._seen[arm] = None, broken(arm)
            elif race.rounds(arm) and (arm == REFERENCE or against.samples):
                self._seen[arm] = (0.0 if arm == REFERENCE else against.mean), broken(arm)
        if self._counted == self.batches or not race.ranked:
            return
        self._counted = self.batches
        leader = race.ranked[0]
        gone = self._mark is None or self._mark in race.gone
        if gone or (leader != self._mark and race.against(self._mark or 0, leader).mean > self._precision):
            self._mark, self._idle = leader, 0
        elif self.count > self.reach.blind:
            self._idle += 1

    def propose(self) -> list[Config]:
        """The next batch; none: it is over, and `ended` says why."""
        self.ended = self._over()
        if self.ended and self._proposer is None:
            return []
        self._proposer = self._proposer or self._make()
        for arm, (gain, broken) in sorted(self._seen.items()):
            self._proposer.tell(self.tried[arm], gain, broken)
        if self.ended:
            return []
        left = self.reach.proposals - self.count
        found = self._proposer.ask(self.tried, self.batches, loads=self.reach.loads, each=self.reach.per_load)[:left]
        if not found:
            self.ended = "space"
        return found

    def group(self, points: Sequence[Config]) -> tuple[int, ...]:
        """Load groups of these points; a load that was not met before is the next number."""
        return tuple(self._loads.setdefault(load_of(point), len(self._loads)) for point in points)

    def entered(self, points: Sequence[Config], groups: Sequence[int]) -> None:
        """A batch is in the race."""
        self.tried += points
        self.groups += groups
        for point, group in zip(points, groups, strict=True):
            self._loads.setdefault(load_of(point), group)
        self.batches += 1

    def reopens(self) -> bool:
        """Whether a search that ended goes on: it was the time or the number of points, and there is more of it now."""
        return self.ended == "budget" or (self.ended == "proposals" and self._over() is None)

    def close(self) -> None:
        if self._proposer is not None:
            self._proposer.close()

    def told(self) -> SweepSearch:
        return SweepSearch(
            tried=self.count, of=self.of, batches=self.batches, loads=len(set(self.groups)), ended_by=self.ended
        )

    def _over(self) -> SearchEnd | None:
        if self.count >= self.of:
            return "space"
        if self.count >= self.reach.proposals:
            return "proposals"
        return "no_gain" if self._idle >= self.reach.patience else None
