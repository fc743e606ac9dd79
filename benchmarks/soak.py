"""Half an hour of mixed work: does memory creep up, does a process stay behind, is a record lost?"""

import contextlib
import math
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil

from benchmarks.record import Outcome, Row
from workbench import Config, Session, Workload
from workbench.errors import ConfigError, Stopped
from workbench.trends import Trend, trend

QUESTION = "whether memory, processes and records stay as they should over a long run of requests, toggles and reloads"
SECONDS = 1800.0
_WARM_UP_SHARE = 0.25  # of the cycles, left out of the slopes: libraries keep a kernel for each shape they meet
_NOTEBOOK_SHARE = 0.7  # in the notebook's process store, parser and allocator fill for 100 to 180 cycles, then no more
_WORK = Workload(prompt_tokens=24, new_tokens=4)
_PROMPTS = (
    "The sea",
    "Write one sentence about the sea.",
    "海は静かだ。请用一句话描述大海。",
    "def area(radius):\n    return 3.14159 * radius ** 2\n\n" * 4,
    "What is 17 × 23? Think step by step. " * 6,
)
_LIVE: tuple[dict[str, Any], ...] = (
    {"attention": "eager"},
    {"attention": "sdpa"},
    {"cache": "static"},
    {"do_sample": True, "temperature": 0.8},
    {"padding_side": "right"},
)
_RELOADS: tuple[dict[str, Any], ...] = ({"dtype": "bfloat16"}, {"quantization": "bnb-nf4"}, {"dtype": "float16"})


@dataclass
class Soaked:
    """What was seen. Bytes at the end of each cycle, in the same configuration; `kept`: records that were delivered."""

    seconds: float = 0.0
    cycles: int = 0
    times_s: list[float] = field(default_factory=list)
    worker_bytes: list[int] = field(default_factory=list)
    notebook_bytes: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)
    delivered: int = 0
    stored: int = 0
    workers: int = 0
    errors: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)

    def slope(self, series: str, warm_up: float = _WARM_UP_SHARE) -> Trend:
        """Per cycle, after the warm-up: what leaks, leaks with the work and not with the clock."""
        first = int(self.cycles * warm_up)
        values = [float(value) for value in getattr(self, series)[first:]]
        return trend(range(len(values)), values)


def soak(
    seconds: float,
    model: str = "demo",
    *,
    seed: int = 0,
    least: int = 0,
    reloads: Sequence[dict[str, Any]] = _RELOADS,
    on_cycle: Callable[[Session, Soaked], None] = lambda _session, _seen: None,
) -> Soaked:
    """Cycles of mixed work on one session until `seconds` have passed, and at least so many.

    Each ends in the configuration it began with.
    """
    chance, seen, began = random.Random(seed), Soaked(), time.monotonic()
    before = _children()
    with Session(model, config=Config(dtype="float32", attention="sdpa")) as session:
        session.on("result", lambda event: _count(seen, event.data["kind"]))
        pids = set()
        while time.monotonic() - began < seconds or seen.cycles < least:
            _cycle(session, seen, chance, reloads)
            on_cycle(session, seen)
            seen.cycles += 1
            pids.add(session.pid)
            _look(session, seen, time.monotonic() - began)
        seen.workers = len(pids)
        session.generate(["The end"], max_new_tokens=1)  # every event before it has been delivered
        first_kinds = ("measurement", "comparison")
        seen.delivered = sum(seen.done.get(kind, 0) for kind in first_kinds)
        seen.stored = sum(session.runs.count(kind) for kind in first_kinds)
    seen.seconds = time.monotonic() - began
    seen.orphans = _left(before)
    return seen


def _cycle(session: Session, seen: Soaked, chance: random.Random, reloads: Sequence[dict[str, Any]]) -> None:
    """Requests of several kinds, a live toggle, a reload and back, a measurement, a comparison, a refusal, a stop."""
    base = session.config
    rows = chance.sample(_PROMPTS, k=chance.randint(1, 3))
    session.generate(rows, max_new_tokens=chance.randint(1, 12))
    session.apply(**chance.choice(_LIVE))
    session.generate([chance.choice(_PROMPTS)], max_new_tokens=chance.randint(1, 12), chat=chance.random() < 0.5)
    _stopped(session, chance)
    session.apply(base)
    session.measure(_WORK.replace(batch_size=chance.randint(1, 2)), budget_s=0.1)
    if chance.random() < 0.3:
        session.compare({"attention": "eager"}, {"attention": "sdpa"}, _WORK, budget_s=0.5, quick=True)
    if chance.random() < 0.5:
        session.apply(**chance.choice(reloads))
        session.generate([chance.choice(_PROMPTS)], max_new_tokens=2)
    with contextlib.suppress(ConfigError):
        session.measure(_WORK.replace(prompt_tokens=session.facts.context_length))
        seen.errors.append("work beyond the context was taken")
    session.apply(base)
    session.generate([_PROMPTS[0]], max_new_tokens=2)


def _stopped(session: Session, chance: random.Random) -> None:
    """A stream that the person leaves in the middle."""
    leave_after = chance.randint(1, 4)
    with contextlib.suppress(Stopped):
        for place, _chunk in enumerate(session.stream([chance.choice(_PROMPTS)], max_new_tokens=24)):
            if place == leave_after:
                session.stop()


def _count(seen: Soaked, kind: str) -> None:
    seen.done[kind] = seen.done.get(kind, 0) + 1


def _look(session: Session, seen: Soaked, at_s: float) -> None:
    here = psutil.Process()
    assert session.pid is not None, "the model is in a worker"
    seen.times_s.append(at_s)
    seen.worker_bytes.append(_own(psutil.Process(session.pid)))
    seen.notebook_bytes.append(_own(here))
    seen.descriptors.append(here.num_fds() if hasattr(here, "num_fds") else 0)
    seen.threads.append(here.num_threads())


def _own(process: psutil.Process) -> int:
    """Resident memory that is no file's: pages of libraries and weights come and go with the kernel's cache."""
    held = process.memory_info()
    return int(held.rss - getattr(held, "shared", 0))


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def _left(before: set[int]) -> list[str]:
    """Processes that are still there, or were given to init, after the session was closed."""
    gone_s = time.monotonic() + 5
    while (alive := _children() - before) and time.monotonic() < gone_s:
        time.sleep(0.1)
    strays = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        words = process.info["cmdline"] or []
        if "workbench.hosts.worker" in words and str(os.getpid()) in words:
            strays.append(process.info["pid"])
    return [str(pid) for pid in sorted({*alive, *strays})]


def run(budget_s: float) -> Outcome:
    """Half an hour whatever the budget of the others, or the budget where that is longer."""
    found = soak(max(budget_s, SECONDS))
    rows = [Row("cycles", found.cycles, ""), Row("time", found.seconds, "s")]
    for what, series, warm_up in (
        ("worker", "worker_bytes", _WARM_UP_SHARE),
        ("notebook's process", "notebook_bytes", _NOTEBOOK_SHARE),
    ):
        drift = found.slope(series, warm_up)
        hourly = found.cycles / found.seconds * 3600 / 2**20
        low, high = (bound * hourly for bound in drift.ci95)
        known = math.isfinite(low)
        rows.append(Row(f"memory slope of the {what}", drift.slope * hourly, "MiB/h", (low, high) if known else None))
        # a leak lies above 0 by its whole interval; without an interval nothing is shown
        above = max(low, 0.0) if known else math.inf
        rows.append(Row(f"of it above 0 for sure ({what})", above, "MiB/h", limit=math.ulp(1.0)))
    rows += [
        Row("processes left behind", len(found.orphans), "", limit=1),
        Row("records lost", found.delivered - found.stored, f"of {found.delivered}", limit=1),
        Row("workers used", found.workers, ""),
        Row("file descriptors, last − first", found.descriptors[-1] - found.descriptors[0], ""),
        Row("threads, last − first", found.threads[-1] - found.threads[0], ""),
    ]
    samples = {
        name: [float(value) for value in getattr(found, name)]
        for name in ("times_s", "worker_bytes", "notebook_bytes", "descriptors", "threads")
    }
    left_out = f"{_WARM_UP_SHARE:.0%} of the cycles, {_NOTEBOOK_SHARE:.0%} for the notebook's process"
    conditions = {"model": "demo", "warm-up left out": left_out, **found.done}
    return Outcome("soak", QUESTION, tuple(rows), conditions, samples)
