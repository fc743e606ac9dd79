"""How whole memory stays: what an allocator holds at a moment, and over requests of many lengths."""

from typing import Any, ClassVar, Literal

from workbench.results.allocator import AllocatorReading
from workbench.results.base import Interval, Result
from workbench.results.resolved import Resolved
from workbench.results.workload import Workload
from workbench.words.message import Message

MATTERS = 1024  # bytes a request: a gigabyte in a million requests


class AllocatorState(AllocatorReading):
    """One allocator at one moment, bytes; None: it does not tell. The numbers of a reading mean on the CPU, by glibc:
    `reserved` the heap, `inactive_split` what is free below its end, so that it could not simply go back.

    source        cuda: torch's caching allocator of one GPU; glibc: malloc of this process; None: neither, and
                  `missing` says why
    largest_free  the largest piece of `reserved` that is free
    mapped        glibc: large blocks, each from the kernel and back to it by itself
    segments      pieces that `reserved` consists of (glibc: arenas); expandable: of them, those that can grow
    resident      CPU: pages of the process's own that are in memory, whoever asked for them
    device_free   what driver or kernel would still give, whatever else would get in the way
    """

    source: Literal["cuda", "glibc"] | None
    largest_free: int | None = None
    mapped: int | None = None
    segments: int | None = None
    expandable: int | None = None
    resident: int | None = None
    device_free: int | None = None
    missing: Message | None = None

    @property
    def in_use(self) -> int | None:
        """All that was handed out."""
        return None if self.allocated is None else self.allocated + (self.mapped or 0)

    @property
    def held(self) -> int | None:
        """All that was taken from driver or kernel."""
        return None if self.reserved is None else self.reserved + (self.mapped or 0)


class HealthPoint(Result):
    """After one request: its size, the highest memory within it, and the allocator.

    need_bytes  that highest memory above what was in use before: what the request took
    """

    prompt_tokens: int
    new_tokens: int
    peak_bytes: int
    need_bytes: int
    state: AllocatorState


class Growth(Result):
    """Bytes a request by which something grew over the second half of the requests, which has no new lengths.

    ci95      95 % interval, for neighbours that are alike; None: too few requests
    """

    slope: float
    ci95: Interval | None

    @property
    def seen(self) -> bool:
        """Whether it grows for sure, and by what could matter."""
        return self.ci95 is not None and self.ci95[0] > 0 and self.ci95[1] >= MATTERS


class HealthRun(Result):
    """The requests under one allocator, in one worker.

    allocator   asked for; `resolved` has the one in force
    before      what the model and the libraries hold before the first request; given_back: after the last, when what
                is unused went back
    need_bytes  of the largest request
    growth      in_use, held, resident -> growth; without those that are not told
    """

    allocator: str
    resolved: Resolved
    before: AllocatorState
    points: tuple[HealthPoint, ...]
    given_back: AllocatorState
    growth: dict[str, Growth] = {}
    stopped_by: Literal["requests", "budget"]
    seconds: float

    @property
    def after(self) -> AllocatorState:
        return self.points[-1].state

    @property
    def need_bytes(self) -> int:
        return max(point.need_bytes for point in self.points)

    def highest(self, name: str) -> float | None:
        """Of an AllocatorState's number over the requests; None where it is not told."""
        return max((value for point in self.points if (value := getattr(point.state, name)) is not None), default=None)

    def added(self, name: Literal["retries", "refusals"]) -> int | None:
        """How often it happened during the requests."""
        first, last = getattr(self.before, name), getattr(self.after, name)
        return None if first is None or last is None else last - first


class Unavailable(Result):
    """An allocator that could not be measured here."""

    allocator: str
    reason: Message
    remedy: Message | None = None


class MemoryHealth(Result):
    """Memory over requests of random lengths. The lengths are the same in every run.

    runs         in the order in which they were made; several of one allocator where they were compared
    unavailable  allocators that were asked for and cannot be here
    """

    KIND: ClassVar[str] = "memory-health"

    workload: Workload
    requests: int
    config: dict[str, Any]
    runs: tuple[HealthRun, ...]
    unavailable: tuple[Unavailable, ...] = ()
    seconds: float
    flags: tuple[Message, ...] = ()

    @property
    def resolved(self) -> Resolved:
        return self.runs[-1].resolved

    @property
    def names(self) -> tuple[str, ...]:
        """What each run is called: by its allocator, numbered where there are several of it."""
        called = ["glibc" if run.after.source == "glibc" else run.allocator for run in self.runs]
        numbers = [called[: at + 1].count(name) for at, name in enumerate(called)]
        return tuple(
            f"{name} ({number})" if called.count(name) > 1 else name
            for name, number in zip(called, numbers, strict=True)
        )
