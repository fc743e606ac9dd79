"""What a profile says, from its events alone: time by category, kernels, launches and gaps of prefill and of decode.

`key_averages()` takes seconds for what is summed here in one pass: self time by nesting on the thread that drives the
model, and on a GPU the kernels, which count as what the operation that launched them was doing.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.catalog.kernels import EAGER_PARTS, WHOLE, recognise, short
from workbench.results import KernelUse, TracePhase
from workbench.results.trace import IDLE, PYTHON

RANGE = "workbench."  # of the ranges for people who look at the profile: nothing is counted by them
MARK = "workbench::"  # of our own marks: what follows is a category, or one of these three
BEGIN, TOKEN, FORWARD = "begin", "token", "forward"
TOP = 12
_FLEX = MARK + "attention[flex_attention]"
_REGION = re.compile(r"^Torch-Compiled Region")
_RUNTIME = re.compile(r"^(cuda|cu|hip)[A-Z]")
_LAUNCH = re.compile(r"^(cuda|cu|hip)\w*(Launch\w*Kernel|GraphLaunch)")
_GRAPH = re.compile(r"^(cuda|cu|hip)GraphLaunch")
_COPY = re.compile(r"^Mem(cpy|set)")


@dataclass(frozen=True, slots=True)
class Event:
    """One event. kind: op, mark, runtime (calls of CUDA) or kernel (copies too); `launched_by` names an op's `id`."""

    name: str
    kind: str
    start_ns: int
    end_ns: int
    thread: int = 0
    id: int = 0
    launched_by: int = 0


def events_of(kineto: Iterable[Any], cpu: Any) -> list[Event]:
    """Kineto's events, each read once; `cpu` is its device type of the host."""
    found = []
    for event in kineto:
        name, on_host = event.name(), event.device_type() == cpu
        if name.startswith(RANGE):
            continue
        marked = name.startswith(MARK)
        if not on_host and (marked or event.is_user_annotation()):
            continue  # a mark again, drawn over the kernels that were launched in it
        kind = "mark" if marked else "kernel" if not on_host else "runtime" if _RUNTIME.match(name) else "op"
        start_ns, thread = event.start_ns(), event.start_thread_id()
        end_ns = start_ns + event.duration_ns()
        found.append(Event(name, kind, start_ns, end_ns, thread, event.correlation_id(), event.linked_correlation_id()))
    return found


def edges_of(events: Sequence[Event]) -> list[int]:
    """Where prefill begins, where it ends and decoding begins, and where that ends (ns). ValueError without marks."""
    marks = [event for event in events if event.kind == "mark"]
    begins = [event.end_ns for event in marks if event.name == MARK + BEGIN]
    tokens = [event.start_ns for event in marks if event.name == MARK + TOKEN]
    if not begins or len(tokens) < 2:
        raise ValueError(f"{len(begins)} begins and {len(tokens)} tokens are marked")
    return [begins[-1], tokens[0], tokens[-1]]


def phases_of(events: Sequence[Event]) -> tuple[TracePhase, TracePhase]:
    """Prefill (from the mark "begin" to the first "token") and the decode steps (to the last "token").

    ValueError when the marks are not there.
    """
    edges = edges_of(events)
    tokens = [event for event in events if event.kind == "mark" and event.name == MARK + TOKEN]
    driving = tokens[0].thread
    tallies = (Tally(edges[0], edges[1], 1), Tally(edges[1], edges[2], len(tokens) - 1))

    def phase(start_ns: int) -> "Tally | None":
        place = bisect_right(edges, start_ns) - 1
        return tallies[place] if 0 <= place < 2 else None

    contexts = _host(events, driving, phase)
    for event in events:
        tally = phase(event.start_ns)
        if tally is None:
            continue
        if event.kind == "runtime" and _LAUNCH.match(event.name):
            tally.launches += 1
            tally.graphs += bool(_GRAPH.match(event.name))
        elif event.kind == "kernel":
            tally.busy.append((event.start_ns, event.end_ns))
            copied = bool(_COPY.match(event.name))
            tally.device.add(event.name, None if copied else contexts.get(event.launched_by), _s(event))
    return tallies[0].phase(), tallies[1].phase()


@dataclass
class Side:
    """What ran on the host, or on the GPU."""

    times: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))  # category -> seconds
    named: dict[tuple[str, str], list[float]] = field(default_factory=dict)  # (name, category) -> [calls, seconds]
    fused: dict[str, str] = field(default_factory=dict)  # attention known by its name -> backend
    inside: dict[str, None] = field(default_factory=dict)  # what else took part in attention
    parts: set[str] = field(default_factory=set)
    unrecognised: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, name: str, context: str | None, seconds: float) -> None:
        """Own time of one event; `context`: the category that counts whole and holds it."""
        known = recognise(name)
        category = context or (known.category if known else "other")
        self.times[category] += seconds
        row = self.named.setdefault((name, category), [0, 0.0])
        row[0] += 1
        row[1] += seconds
        if known is None:
            self.unrecognised[name] += seconds
        elif known.backend and category == "attention":
            self.fused.setdefault(name, known.backend)
        if category == "attention" and not (known and known.backend):
            self.inside.setdefault(name)
            self.parts |= {known.part} if known and known.part else set()


@dataclass
class Tally:
    """One phase while it is summed."""

    start_ns: int
    end_ns: int
    steps: int
    host: Side = field(default_factory=Side)
    device: Side = field(default_factory=Side)
    calls: int = 0
    launches: int = 0
    regions: int = 0
    graphs: int = 0  # of CUDA
    busy: list[tuple[int, int]] = field(default_factory=list)  # of the GPU

    def phase(self) -> TracePhase:
        on_gpu = bool(self.busy)
        side = self.device if on_gpu else self.host
        seconds = (self.end_ns - self.start_ns) / 1e9
        times = dict(side.times)
        spent = _union_s(self.busy) if on_gpu else sum(times.values())
        times[IDLE if on_gpu else PYTHON] = max(seconds - spent, 0.0)
        backends = dict.fromkeys((*self.device.fused.values(), *self.host.fused.values()))
        names = tuple(side.fused) or tuple(name for name in side.inside if _part(name))
        if not backends and side.parts >= EAGER_PARTS:
            backends = {"eager": None}
        ranked = sorted(side.named.items(), key=lambda item: -item[1][1])
        return TracePhase(
            steps=self.steps,
            seconds=seconds,
            attention_kernels=tuple(dict.fromkeys(short(name) for name in names)),
            backend=" + ".join(backends) or None,
            time_by_category=times,
            launches=self.launches if on_gpu else self.calls,
            gpu_idle_fraction=times[IDLE] / seconds if on_gpu else None,
            compiled_regions=self.regions,
            graph_launches=self.graphs,
            top=tuple(
                KernelUse(
                    name=short(name),
                    category=category,
                    backend=known.backend if (known := recognise(name)) else None,
                    calls=int(calls),
                    seconds=took_s,
                )
                for (name, category), (calls, took_s) in ranked[:TOP]
            ),
            unrecognised={
                short(name): took_s
                for name, took_s in sorted(side.unrecognised.items(), key=lambda item: -item[1])[:TOP]
            },
        )


def _part(name: str) -> bool:
    known = recognise(name)
    return known is not None and known.part is not None


@dataclass
class _Frame:
    event: Event
    context: str | None
    within_op: bool
    inner_ns: int = 0  # of the operations in it


def _host(events: Iterable[Event], driving: int, phase: Any) -> dict[int, str]:
    """Adds the driving thread's operations to their phases; returns what each operation (by id) counts as whole."""
    contexts: dict[int, str] = {}
    line = [event for event in events if event.thread == driving and event.kind in ("op", "mark")]
    line.sort(key=lambda event: (event.start_ns, -event.end_ns))
    forwards = {id(phase(event.start_ns)) for event in line if event.name == MARK + FORWARD}
    stack: list[_Frame] = []
    for event in line:
        for frame in _ended(stack, event.start_ns):
            _close(frame, stack, phase)
        within = stack[-1] if stack else None
        context = within.context if within else None
        if event.kind == "mark":
            context = context or _marked(event.name)
        else:
            known = recognise(event.name)
            if context is None and known is not None and known.category in WHOLE:
                context = known.category
            # between two forward passes the next token is chosen and the next pass prepared
            outside = not any(frame.event.name == MARK + FORWARD for frame in stack)
            if context is None and outside and id(phase(event.start_ns)) in forwards:
                context = "sampling"
            if context and event.id:
                contexts[event.id] = context
        within_op = within is not None and (within.within_op or within.event.kind == "op")
        stack.append(_Frame(event, context, within_op))
    for frame in _ended(stack, None):
        _close(frame, stack, phase)
    return contexts


def _ended(stack: list[_Frame], now_ns: int | None) -> Iterator[_Frame]:
    while stack and (now_ns is None or stack[-1].event.end_ns <= now_ns):
        yield stack.pop()


def _close(frame: _Frame, stack: list[_Frame], phase: Any) -> None:
    event = frame.event
    length_ns = event.end_ns - event.start_ns
    if stack:
        stack[-1].inner_ns += length_ns if event.kind == "op" else frame.inner_ns
    tally = phase(event.start_ns)
    if event.kind != "op" or tally is None:
        return
    if _REGION.match(event.name):
        tally.regions += 1
        if any(around.event.name == _FLEX for around in stack):  # its code has no names on a CPU
            tally.host.fused.setdefault(event.name, "flex")
    if not frame.within_op:
        tally.calls += 1
    tally.host.add(event.name, frame.context, max(length_ns - frame.inner_ns, 0) / 1e9)


def _marked(name: str) -> str | None:
    word = name.removeprefix(MARK).partition("[")[0]
    return word if word in WHOLE else None


def _s(event: Event) -> float:
    return (event.end_ns - event.start_ns) / 1e9


def _union_s(spans: list[tuple[int, int]]) -> float:
    """Seconds covered by at least one span: kernels of several streams overlap."""
    covered, reached = 0, 0
    for start, end in sorted(spans):
        covered += max(end - max(start, reached), 0)
        reached = max(reached, end)
    return covered / 1e9
