"""A sweep: which configuration of a space is best, by how much, and why the others lost."""

from typing import Any, Literal

from workbench.results.base import Interval, Result, document
from workbench.results.energy import EnergySource
from workbench.results.workload import Workload
from workbench.words.message import Message

SweepState = Literal["best", "front", "behind", "failed", "constraint", "unmeasured"]
SweepEnd = Literal["precision", "rounds", "budget", "stopped", "nothing"]
SearchEnd = Literal["no_gain", "proposals", "budget", "space"]


class SweepRemoved(Result):
    """Combinations of values that cannot be here: taken out before any load, or found by one.

    values        what they share, where they are `combinations` with one reason
    """

    values: dict[str, Any]
    why: Message
    combinations: int = 1


class SweepLead(Result):
    """The best against another: ratio of the objective, best ÷ other.

    ci95         of the ratio; None: too few rounds, or no link between their loads
    noise_floor  the ratio (≥ 1) that one configuration against itself could show by chance; None: not known
    differs      whether a difference was seen: the interval leaves 1 out, and the ratio lies outside the floor
    """

    other: int  # place among the points
    ratio: float | None
    ci95: Interval | None
    noise_floor: float | None
    differs: bool
    verdict: Message


class SweepQuality(Result):
    """Of a configuration that would have won, against the reference of `session.quality`."""

    kld_mean: float
    kld_mean_ci95: Interval
    same_top: float
    ppl_ratio: float | None


class SweepPoint(Result):
    """One configuration.

    group     of those that one load serves, counted from 0; `reference`: the base line, which links the groups
    entered   whether it is of the space: a base line outside it is measured and cannot win
    state     best · front: not told apart from the best · behind: dropped, or told apart at the end · failed ·
              constraint: it breaks one · unmeasured: the sweep ended before
    why       the state in words
    means     metric -> mean over its rounds; ci95: of those means
    ratio     of the objective, this ÷ the best, with its 95 % interval; None: not known
    rounds    that it took part in; settled: it cannot beat the best by more than the precision
    """

    config: dict[str, Any]
    label: str
    group: int
    reference: bool = False
    entered: bool = True
    state: SweepState
    why: Message
    means: dict[str, float] = {}
    ci95: dict[str, Interval] = {}
    peak_bytes: int | None = None
    quality: SweepQuality | None = None
    ratio: float | None = None
    ratio_ci95: Interval | None = None
    rounds: int = 0
    settled: bool = False


class SweepNode(Result):
    """A place of a cluster: one machine, or one GPU of it, that measured rounds by itself.

    place     number in the records; those of one call follow those of the calls before it
    node      number of the machine among those of its call: no name, no address
    gpu       model · gpu_uuid: of the GPU that its rounds ran on; None: the processor
    machine   label of the machine
    state     used · lost: it ended during the call · left_out: no round was measured there
    why       of the state, where it is not used
    ratio     of the objective of the base line, here ÷ at the first place of the call, each over `rounds` runs at the
              same time (an A/A of places); ci95, noise_floor, differs: as of a lead. None: not measured
    """

    place: int
    node: int
    gpu: str | None = None
    gpu_uuid: str | None = None
    machine: str = ""
    state: Literal["used", "lost", "left_out"] = "used"
    why: Message | None = None
    rounds: int = 0
    ratio: float | None = None
    ci95: Interval | None = None
    noise_floor: float | None = None
    differs: bool | None = None
    verdict: Message | None = None


class SweepEnergy(Result):
    """Where a sweep's joules come from. idle_w: mean power before runs, model resident; None: not known.

    It is in joules_per_token; `net_joules_per_token` of a point's means is without it.
    """

    source: EnergySource
    covers: str
    idle_w: float | None


class SweepSearch(Result):
    """How much of a space too large to race whole was tried: the winner is the best of that.

    tried, of  points tried, and those of the space that can be here; in `batches` over `loads` load groups
    ended_by   no_gain: the last batches brought nothing better by more than the precision · proposals: as many points
               as were to be tried · budget: its share of the time · space: all were tried; None: the sweep ended before
    """

    tried: int
    of: int
    batches: int
    loads: int
    ended_by: SearchEnd | None


class Sweep(Result):
    """What a sweep knows. A race: paired rounds, losers dropped early, only leaders measured to ±`precision`.

    points      in the order of the space, or in that in which they were tried; the base line first
    energy      where its rounds measured some
    search      of a space too large to race whole; None: all of it was raced
    winner      place of the best; None: nothing could be measured, or nothing keeps the constraints
    leads       of the best against the runner-up and against the base line
    pareto      places that no other beats in objective, memory and (where known) quality together
    removed     combinations that cannot be here; merged: combinations that were another point
    runs        measured runs, warm-ups apart, of which `reused` were of an earlier call of the same sweep
    loads       of weights in this call
    seconds     of this call
    nodes       where it was measured, when that was a cluster
    stopped_by  precision · rounds: more would not help · budget · stopped · nothing: no configuration is left
    """

    model: str
    objective: str
    better: Literal["higher", "lower"]
    constraints: tuple[str, ...] = ()
    space: dict[str, list[Any]]
    workload: Workload
    precision: float
    points: tuple[SweepPoint, ...]
    winner: int | None
    leads: tuple[SweepLead, ...] = ()
    pareto: tuple[int, ...] = ()
    removed: tuple[SweepRemoved, ...] = ()
    merged: int = 0
    groups: int
    runs: int
    reused: int = 0
    loads: int = 0
    nodes: tuple[SweepNode, ...] = ()
    seconds: float
    budget_s: float | None = None
    stopped_by: SweepEnd
    key: str
    verdict: Message
    search: SweepSearch | None = None
    energy: SweepEnergy | None = None
    flags: tuple[Message, ...] = ()

    @property
    def config(self) -> dict[str, Any] | None:
        return self.best.config if self.best else None

    @property
    def best(self) -> SweepPoint | None:
        return None if self.winner is None else self.points[self.winner]

    @property
    def dropped(self) -> tuple[SweepPoint, ...]:
        """Those that lost, each with its reason in `why`."""
        return tuple(point for point in self.points if point.state in ("behind", "failed", "constraint"))

    @property
    def front(self) -> tuple[SweepPoint, ...]:
        """The best and what was not told apart from it."""
        return tuple(point for point in self.points if point.state in ("best", "front"))


class SweepRun(Result):
    """One run in a round: metric -> value."""

    arm: int
    run: dict[str, float]
    peak_bytes: int | None = None
    disturbed: bool = False


class SweepEntry(Result):
    """What a sweep writes down as it happens: records of one `key`, in order of `at`, are its whole memory.

    plan     points (as dicts of knobs), groups, pairs of groups that can be resident together; of: points of a space
             that is searched, whose points are the base line's alone; 0: it is raced whole
    proposed points that enter the race, their groups, and all pairs by now · searched: no more of them do
    round    groups, runs, seconds
    died     arm whose run ended its worker: it is tried once more; no arm: all that a place of a cluster held
    out      arm and why it is out of the race · quality: of an arm
    nodes    the places of a cluster with their A/A, before rounds of several are compared
    lost     a place that ended, and why

    place, node, gpu  of a cluster, where it happened: numbers as in SweepNode, the GPU's UUID or else its model
    """

    key: str
    at: int
    event: Literal["plan", "proposed", "searched", "round", "died", "out", "quality", "nodes", "lost"]
    points: tuple[dict[str, Any], ...] = ()
    groups: tuple[int, ...] = ()
    together: tuple[tuple[int, int], ...] = ()
    removed: tuple[SweepRemoved, ...] = ()
    merged: int = 0
    of: int = 0
    ended: SearchEnd | None = None
    loads: tuple[int, ...] = ()
    runs: tuple[SweepRun, ...] = ()
    arm: int | None = None
    state: Literal["failed", "constraint"] = "failed"
    why: Message | None = None
    quality: SweepQuality | None = None
    nodes: tuple[SweepNode, ...] = ()
    place: int | None = None
    node: int | None = None
    gpu: str | None = None
    seconds: float = 0.0


def entry_record(model: str, machine: Any, workload: Workload, entry: SweepEntry) -> dict[str, Any]:
    """One entry as it is stored. Its label of the machine is enough: the sweep's record has the whole."""
    return document("sweepentry", model=model, machine={"label": machine.label}, workload=workload, result=entry)
