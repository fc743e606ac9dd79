"""Which configuration is best, at the least cost: which round comes next, who is out, when it is over. Pure.

Arms are numbers; `groups[arm]` is the load that it needs; arm 0 is the reference (the base line). A round is one run of
each arm that is still in it, in one load, forwards and backwards by turns.

dropped   successive elimination (Even-Dar, Mannor & Mansour 2006, JMLR 7, Algorithm 3): an arm whose interval against
          the leader lies wholly behind. Its error is shared over the other arms and over looks, 6 ÷ (π² j²) of it for
          the j-th: with a chance of 1 − `error` the best is never dropped, however often one looks. Their bound for
          known ranges gives way to Student's t on paired differences of logarithms. And it has to lie beyond the noise
          floor: what neighbouring runs of one configuration differ by
settled   an arm that cannot (99 %) beat the leader by more than `precision`: nothing is gained by measuring it further.
          It has not lost; it stays among those that are not told apart unless its own interval says so
the end   no arm is in the race beside the leader, and leader and runner-up are known to ±`precision` (95 %)

Loads: every group is visited once for `screening` rounds, then only those with arms in the race; a group that is
resident goes first. A group that the reference's engine cannot stand beside lies between two visits of the reference.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from workbench.sweep.estimates import REFERENCE, Visit
from workbench.sweep.rules import Dropped, Rules, Step
from workbench.sweep.standing import Standing


class Race(Standing):
    """`next()` asks for a round, `tell` takes what it gave. What it asks follows from what it was told alone.

    groups    group of each arm; the reference is arm 0
    together  whether two groups can be resident side by side
    runs      whether the reference itself may win
    most      arms that there will be, where more may be `admit`ted: among so many the error is shared

    While it is `widening`, arms are screened and no more. That is over when `next()` gives None; more may be admitted.
    """

    def __init__(
        self,
        groups: Sequence[int],
        rules: Rules | None = None,
        *,
        together: Callable[[int, int], bool] = lambda _a, _b: False,
        runs: bool = True,
        most: int = 0,
    ) -> None:
        super().__init__(groups, rules or Rules(), set() if runs else {REFERENCE})
        self.widening = False
        self.ended_by = ""
        self.place = 0  # where the rounds that are asked for and told are measured
        self._most = most
        self._home = groups[REFERENCE]
        self._together = together
        self._looks = dict.fromkeys(range(len(groups)), 0)
        self._resident: tuple[int, ...] = ()
        self._bare = False  # the last visit was one that the reference cannot be in
        self._screened: set[int] = set()  # groups
        self._seen: set[int] = set()  # arms whose screening is over
        self._scenes: Counter[frozenset[int]] = Counter()  # groups of a final -> visits
        self._scene: frozenset[int] = frozenset()
        self._entering = False
        self._goal = 0

    def admit(self, groups: Sequence[int]) -> None:
        """More arms, by the group of each; their numbers follow the last one's."""
        self._looks |= dict.fromkeys(range(len(self.groups), len(self.groups) + len(groups)), 0)
        self.groups = (*self.groups, *groups)
        self._screened -= set(groups)
        self._ranked = None

    def out(self, arm: int) -> None:
        """It failed or broke a constraint; rounds go on without it, and with those that were behind it alone."""
        self.gone.add(arm)
        self.dropped = {other: told for other, told in self.dropped.items() if told.leader != arm}
        self._anew()

    def unloaded(self) -> None:
        """Nothing is resident any more."""
        self._resident = ()

    def next(self) -> Step | None:
        """The next round; None when the race is over (`ended_by`)."""
        if not self.alive:
            self.ended_by = "nothing"
            return None
        step = self._screening() or (None if self.widening else self._final())
        last = self.visits[-1] if self.visits else None
        if step is None:
            return self._step([REFERENCE]) if last is not None and self.ranked and self._open_ended(last) else None
        if not step.loads or REFERENCE in step.arms:
            return step
        bare = self._bare or not self._linked(step.groups)
        held = len(last.of(REFERENCE)) if last is not None else 0
        return self._step([REFERENCE]) if bare and held < self.rules.link else step

    def tell(self, step: Step, gains: Mapping[int, float]) -> None:
        """gains: arm -> logarithm of which more is better; without those that failed."""
        if step.loads or not self.visits or set(step.groups) - set(self._resident):
            self.visits.append(Visit(place=self.place))
        self._resident = step.groups
        self._bare = REFERENCE not in step.arms and not self._linked(step.groups)
        self._entering = self._entering and not self._scene <= set(step.groups)
        self._add({arm: gains[arm] for arm in step.arms if arm in gains})
        self._look([arm for arm in self.visits[-1].rounds[-1] if self.rounds(arm) in self.rules.looks])

    def _screening(self) -> Step | None:
        for group in sorted(set(self.groups), key=lambda one: (one != self._home, one)):
            if group in self._screened:
                continue
            if step := self._lacking(group):
                return step
            self._finish(group)
        return None

    def _lacking(self, group: int) -> Step | None:
        """The next round of a group's first visit; None when it has had them all."""
        links = (len(set(self.groups)) > 1 or self.widening) and self._linked((group,))
        arms = [arm for arm in self.alive if self.groups[arm] == group and arm not in self._seen]
        own = [arm for arm in arms if arm != REFERENCE]  # the reference runs beside other groups too
        runs = [REFERENCE, *arms] if links and (arms or group == self._home) else arms
        enough = self.rules.screening if arms else self.rules.link
        return self._step(runs) if runs and max(map(self.rounds, own or arms or runs)) < enough else None

    def _finish(self, group: int) -> None:
        self._screened.add(group)
        self._seen.update(arm for arm in self.alive if self.groups[arm] == group)
        self._look(self.alive)

    def _final(self) -> Step | None:
        wanted = self._wanted()
        if not wanted:
            self._close()
            self.ended_by = "precision"
            return None
        scenes = self._scenes_of(wanted)
        entered = self._scene <= set(self._resident) and not self._entering
        if self._scene in scenes and (self._entering or (entered and self._unfinished(self._scene, wanted))):
            return self._scene_step(self._scene, wanted)
        left = [scene for scene in scenes if self._open(scene, wanted)]
        if not left:
            self.ended_by = "rounds"
            return None
        here = [scene for scene in left if scene <= set(self._resident) and not self._scenes[scene]]
        self._scene = here[0] if here else min(left, key=lambda one: self._scenes[one])
        self._scenes[self._scene] += 1
        self._entering, self._goal = True, 0
        return self._scene_step(self._scene, wanted)

    def _close(self) -> None:
        """Who was settled early is judged by what is known of the noise at the end."""
        self._look(self.alive)

    def _wanted(self) -> list[int]:
        """Whose rounds are still needed: the leader and who may beat it; at last leader and runner-up."""
        racing = self.racing()
        if len(racing) > 1:
            return racing
        top = self.ranked[:2]
        if len(top) < 2 or self.against(*top).half_width() <= self.rules.precision:
            return []
        return top

    def expected(self) -> int:
        """Runs still to come, by the spread so far: those of the screening, and those of who is in question."""
        rules = self.rules
        screening = sum(rules.screening for arm in self.alive if arm not in self._seen)
        spread, _ = self._pool()
        if screening or not math.isfinite(spread):
            return screening
        needed = math.ceil(8 * spread / rules.precision**2)  # two standard errors of a pair
        return sum(max(min(needed, rules.most_rounds) - self.rounds(arm), 1) for arm in self._wanted())

    def _scenes_of(self, wanted: Sequence[int]) -> list[frozenset[int]]:
        """What is resident for the arms in question: the leader's group with each rival's, or each by itself."""
        lead = self.groups[wanted[0]]
        rivals = dict.fromkeys(self.groups[arm] for arm in wanted[1:])
        found = []
        for group in rivals:
            direct = group == lead or self._together(lead, group)
            found += [frozenset((lead, group))] if direct else [frozenset((group,)), frozenset((lead,))]
        return list(dict.fromkeys(found))

    def _scene_step(self, scene: frozenset[int], wanted: Sequence[int]) -> Step:
        arms = [arm for arm in wanted if self.groups[arm] in scene]
        chained = len(scene) == 1 and any(self.groups[arm] not in scene for arm in wanted)
        link = chained and self._linked(scene)
        return self._step([REFERENCE, *arms] if link else arms)

    def _unfinished(self, scene: frozenset[int], wanted: Sequence[int]) -> bool:
        """Whether the visit goes on: while its arms are in question, chained ones up to the rounds that they need."""
        arms = [arm for arm in wanted if self.groups[arm] in scene]
        if not self._short(arms):
            return False
        if wanted[0] in arms and len(arms) > 1:
            return True
        if not self._goal:
            had = max(map(self.rounds, arms))
            spread, _ = self._pool()
            needed = 16 * spread / self.rules.precision**2  # 2 standard errors of 4 runs
            left = had + self.rules.most_rounds // self.rules.most_visits  # one visit says nothing without others
            self._goal = max(had + self.rules.looks[0], math.ceil(min(needed, left)))
        return any(self.rounds(arm) < self._goal for arm in arms)

    def _open(self, scene: frozenset[int], wanted: Sequence[int]) -> bool:
        arms = [arm for arm in wanted if self.groups[arm] in scene]
        return self._short(arms) and self._scenes[scene] < self.rules.most_visits

    def _short(self, arms: Iterable[int]) -> bool:
        return any(self.rounds(arm) < self.rules.most_rounds for arm in arms)

    def _open_ended(self, last: Visit) -> bool:
        """Whether the reference still has to close the bracket around the visit before."""
        alone = set(last.rounds[0]) == {REFERENCE} and len(self.visits) > 1
        return self._bare or (alone and len(last.rounds) < self.rules.link)

    def _linked(self, groups: Collection[int]) -> bool:
        """Whether the reference is, or can be, resident with these groups."""
        return self._home in groups or (len(groups) == 1 and self._together(self._home, *groups))

    def _step(self, arms: Sequence[int]) -> Step:
        order = tuple(dict.fromkeys(arms))
        groups = tuple(dict.fromkeys(self.groups[arm] for arm in order))
        loads = tuple(group for group in groups if group not in self._resident)
        kept = [one for one in self._resident if one not in groups and len(groups) == 1]
        if not loads or (kept and self._together(groups[0], kept[0])):
            groups = (*groups, *kept[:1])
        if not loads and self.visits and len(self.visits[-1].rounds) % 2:
            order = order[::-1]
        return Step(order, groups, loads)

    def _look(self, arms: Iterable[int]) -> None:
        """Judges these arms against their rivals. One that is dropped is nobody's rival at the next look."""
        behind = {}
        for arm in set(arms) & set(self.ranked):
            seen = {rival: self.against(rival, arm) for rival in self.rivals(arm)}
            told = {rival: one for rival, one in seen.items() if one.samples >= self.rules.looks[0]}
            if not told:
                continue
            self._looks[arm] += 1
            share = 6 / (math.pi * self._looks[arm]) ** 2
            tail = self.rules.error * share / max(len(self.groups) - 1, self._most - 1, 1)
            lost = [
                rival
                for rival, one in told.items()
                if one.mean + one.half_width(tail) < 0 and -one.mean > self.floor(one.samples)
            ]
            if lost:
                behind[arm] = Dropped(lost[0], told[lost[0]], tail, self.rounds(arm))
        if behind:
            self.dropped |= behind
            self._anew()
