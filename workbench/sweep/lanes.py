"""The race when several places measure at once: each place is asked for and told rounds of its own. Pure.

What is known is one: visits, who is out, how often groups met. What is resident, and which groups meet, is kept by
place, and whoever asks or tells `enter`s first. Nothing is compared between places but through the reference's rounds
beside it, because a visit belongs to one place.

Screening: a group is visited by one place at a time; with none left for it, a place waits for the others. Finals:
a place takes groups that met less often; where there are but two to tell apart, all places measure them side by side.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workbench.sweep.estimates import REFERENCE, Visit
from workbench.sweep.racing import Race
from workbench.sweep.rules import Rules, Step

# what a Race keeps of the one place that it knows
_FRESH: dict[str, Any] = {
    "_resident": (),
    "_bare": False,
    "_scene": frozenset(),
    "_entering": False,
    "_goal": 0,
}


class Lanes(Race):
    """A `Race` whose `next`, `tell` and `unloaded` are of the place that was entered last."""

    def __init__(
        self,
        groups: Sequence[int],
        rules: Rules | None = None,
        *,
        together: Callable[[int, int], bool] = lambda _a, _b: False,
        runs: bool = True,
    ) -> None:
        super().__init__(groups, rules, together=together, runs=runs)
        self._kept: dict[int, Mapping[str, Any]] = {}
        self._screens: dict[int, int] = {}  # place -> the group that it screens

    def enter(self, place: int) -> None:
        """What follows is of this place."""
        if place == self.place:
            return
        self._kept[self.place] = {name: getattr(self, name) for name in _FRESH}
        for name, value in self._kept.get(place, _FRESH).items():
            setattr(self, name, value)
        self.place = place
        mine = [visit for visit in self.visits if visit.place == place]
        self.visits = [*self._others(place), *(mine or [Visit(place=place)])]

    def leave(self, place: int) -> None:
        """It asks no more: what it was at is free for others."""
        self._screens.pop(place, None)
        self._kept.pop(place, None)
        if place == self.place:
            for name, value in _FRESH.items():
                setattr(self, name, value)

    def tell(self, step: Step, gains: Mapping[int, float]) -> None:
        super().tell(step, gains)
        self.visits = [visit for visit in self.visits if visit.rounds]
        for group in step.groups:  # not when it is asked for: what is known follows from what was told, by whomever
            if group not in self._screened and self._lacking(group) is None:
                self._finish(group)

    def settle(self) -> None:
        """No place asks any more: what is read now is the same however they took turns."""
        self.visits = self._others(-1)
        self._anew()
        if self.ended_by == "precision":
            super()._close()

    def _close(self) -> None:
        """Not yet: another place may still tell the round that it is at."""

    def _others(self, place: int) -> list[Visit]:
        kept = [visit for visit in self.visits if visit.place != place and visit.rounds]
        return sorted(kept, key=lambda visit: visit.place)

    def _screening(self) -> Step | None:
        self._screens.pop(self.place, None)
        theirs = set(self._screens.values()) - self._screened
        self._screened |= theirs
        try:
            step = super()._screening()
        finally:
            self._screened -= theirs
        if step is not None:
            own = [self.groups[arm] for arm in step.arms if self.groups[arm] != self._home]
            self._screens[self.place] = own[0] if own else self._home
        return step

    def _final(self) -> Step | None:
        return None if self._screens else super()._final()

    def _open_ended(self, last: Visit) -> bool:
        return bool(last.rounds) and super()._open_ended(last)

    def alone(self) -> Step:
        """A run of the reference by itself."""
        return self._step([REFERENCE])

    def levels_at(self, place: int) -> list[list[float]]:
        """Gains of the reference in each visit of a place to it alone, in order of runs."""
        return [
            visit.of(REFERENCE)
            for visit in self.visits
            if visit.place == place and all(set(each) == {REFERENCE} for each in visit.rounds)
        ]
