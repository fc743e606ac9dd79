"""What a race goes by, what it asks for, and what it says of who is out. Plain data."""

from dataclasses import dataclass

from workbench.sweep.estimates import Estimate

HOSTS = ("process", "inline", "ray")  # where engines may live, by name


@dataclass(frozen=True)
class Rules:
    """precision: half width of the log-ratio that leaders are known to · error: chance that the best is dropped.

    looks       rounds of an arm after which it is judged
    screening   rounds of the first visit of each group; link: of the reference around a group it cannot stand beside
    most        rounds of one arm, and visits of the same groups, whatever they say
    """

    precision: float = 0.05
    error: float = 0.05
    settled: float = 0.01
    looks: tuple[int, ...] = (2, 3, 5, 8, 12, 17, 24, 34, 48, 68, 96)
    screening: int = 2
    link: int = 3
    most_rounds: int = 120
    most_visits: int = 3


@dataclass(frozen=True)
class Step:
    """One round: `arms` in order of their runs; `groups` that are to be resident; `loads`: those of them to load."""

    arms: tuple[int, ...]
    groups: tuple[int, ...]
    loads: tuple[int, ...]


@dataclass(frozen=True)
class Dropped:
    """Why an arm is out: what was seen of it against `leader`, `tail` on each side of the interval that lay behind."""

    leader: int
    seen: Estimate
    tail: float
    rounds: int
