"""How the arms of a race stand by the rounds so far: who leads, who may win, what chance alone could show. Pure."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import stdev

from workbench.judging import chance
from workbench.sweep.estimates import REFERENCE, UNKNOWN, Estimate, Noise, Visit, estimate, noise, same
from workbench.sweep.rules import Dropped, Rules

_FREEDOM = 6  # degrees of it that a spread is known well by


class Standing:
    """What rounds say of arms.

    groups   load group of each arm; visits: all rounds, in order
    dropped  those that are behind; gone: those that failed or broke a constraint, as the caller says
    """

    def __init__(self, groups: Sequence[int], rules: Rules, gone: set[int]) -> None:
        self.groups = tuple(groups)
        self.rules = rules
        self.visits: list[Visit] = []
        self.dropped: dict[int, Dropped] = {}
        self.gone = gone
        self._rounds: Counter[int] = Counter()
        self._known: dict[tuple[int, int], Estimate] = {}  # what follows from the rounds so far
        self._noise: Noise | None = None
        self._apart: float | None = None
        self._ranked: list[int] | None = None

    def _add(self, gains: Mapping[int, float]) -> None:
        """A round, to the last visit."""
        self.visits[-1].rounds.append(dict(gains))
        self._rounds.update(gains.keys())
        self._anew()

    def _anew(self) -> None:
        """What is known follows from the rounds and from who is left."""
        self._known.clear()
        self._noise, self._ranked, self._apart = None, None, None

    @property
    def alive(self) -> list[int]:
        return [arm for arm in range(len(self.groups)) if arm not in self.dropped and arm not in self.gone]

    def rounds(self, arm: int) -> int:
        return self._rounds[arm]

    def against(self, a: int, b: int) -> Estimate:
        """b against a."""
        if (a, b) not in self._known:
            self._noise = self._noise or self._pool()
            self._known[a, b] = estimate(self.visits, a, b, self._noise)
        return self._known[a, b]

    def _pool(self) -> Noise:
        """The spread of those that are left, where enough is known of it: configurations do not scatter alike."""
        left = noise(self.visits, set(self.alive))
        return left if left[1] >= _FREEDOM else noise(self.visits)

    @property
    def ranked(self) -> list[int]:
        """Those alive that were measured, best first."""
        if self._ranked is None:
            self._ranked = self._rank()
        return self._ranked

    def _rank(self) -> list[int]:
        measured = [arm for arm in self.alive if self.rounds(arm)]
        if not measured:
            return []
        anchor = REFERENCE if self.rounds(REFERENCE) else measured[0]
        firsts = {self.groups[arm]: arm for arm in reversed(measured)}  # where nothing links them yet

        def order(arm: int) -> tuple[float, float, int]:
            return -self._gain(anchor, arm), -self._gain(firsts[self.groups[arm]], arm), arm

        first = sorted(measured, key=order)
        # through the anchor they may stand otherwise than directly: the leader is whom nobody measured beside it beats
        leader = first[0]
        for arm in first[1:]:
            seen = self.against(leader, arm)
            if seen.samples >= self.rules.looks[0] and seen.mean > 0:
                leader = arm
        return [leader, *(arm for arm in first if arm != leader)]

    def racing(self) -> list[int]:
        """Those that may still beat the leader by more than the precision; the leader first."""
        if not (ranked := self.ranked):
            return []
        leader, *others = ranked
        return [leader, *(arm for arm in others if not any(self.settled(rival, arm) for rival in self.rivals(arm)))]

    def rivals(self, arm: int) -> list[int]:
        """Whom an arm is judged against: the leader, and the best of its own group, which it shares rounds with."""
        own = [one for one in self.ranked if self.groups[one] == self.groups[arm]]
        return [one for one in dict.fromkeys([*self.ranked[:1], *own[:1]]) if one != arm]

    def settled(self, rival: int, arm: int) -> bool:
        seen, rules = self.against(rival, arm), self.rules
        return seen.samples >= rules.looks[0] and seen.mean + seen.half_width(rules.settled) < rules.precision

    def floor(self, samples: int) -> float:
        """What one configuration against itself could show by chance over so many rounds; infinite: not known."""
        if self._apart is None:
            apart = same(self.visits)
            self._apart = stdev(apart) if len(apart) > 1 else math.inf
        return math.log(chance(self._apart, samples)) if math.isfinite(self._apart) else math.inf

    def _gain(self, anchor: int, arm: int) -> float:
        if arm == anchor:
            return 0.0
        seen = self.against(anchor, arm)
        return seen.mean if seen is not UNKNOWN else -math.inf
