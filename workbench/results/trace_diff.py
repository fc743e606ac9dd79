"""Two traces side by side: kernels gained and lost, time moved, launches, and the reason in words."""

from collections.abc import Iterator

from workbench.results.trace import PHASES, Trace, TraceDiff
from workbench.words import Message, say, text
from workbench.words.format import seconds as duration

_WORTH_TELLING = 0.05  # of the longer forward pass
_MOST_MOVES = 3


def trace_diff(a: Trace, b: Trace) -> TraceDiff:
    """b against a: where the time went that one has and the other has not.

    Both were taken under the profiler, a few steps each, without interval: they tell why, `Session.compare` tells
    whether.
    """
    moved: dict[str, dict[str, float]] = {}
    for name in PHASES:
        before, after = a.phases[name].per_step, b.phases[name].per_step
        moved[name] = {
            category: after.get(category, 0.0) - before.get(category, 0.0)
            for category in dict.fromkeys([*before, *after])
        }
    seconds = {
        name: (a.phases[name].seconds / a.phases[name].steps, b.phases[name].seconds / b.phases[name].steps)
        for name in PHASES
    }
    return TraceDiff(
        gained={name: _only(b, a, name) for name in PHASES},
        lost={name: _only(a, b, name) for name in PHASES},
        moved=moved,
        seconds=seconds,
        launches=(a.launches_per_token, b.launches_per_token),
        reasons=tuple(_reasons(a, b, moved, seconds)),
        flags=tuple(_flags(a, b)),
    )


def category_words(category: str) -> str:
    """What people read for a key of `time_by_category`."""
    return text(f"trace.category.{category}")


def _only(here: Trace, there: Trace, phase: str) -> tuple[str, ...]:
    known = there.phases[phase].attention_kernels
    return tuple(name for name in here.phases[phase].attention_kernels if name not in known)


def _reasons(
    a: Trace, b: Trace, moved: dict[str, dict[str, float]], seconds: dict[str, tuple[float, float]]
) -> Iterator[Message]:
    for name in PHASES:
        old, new = a.phases[name].backend, b.phases[name].backend
        if old != new:
            yield say("trace_diff.backend", phase=name, old=old or "?", new=new or "?")
    for name in PHASES:
        before, after = seconds[name]
        least = _WORTH_TELLING * max(before, after)
        moves = sorted(moved[name].items(), key=lambda move: -abs(move[1]))[:_MOST_MOVES]
        told = [f"{category_words(category)} {_signed(by)}" for category, by in moves if abs(by) >= least]
        if told:
            yield say(
                "trace_diff.moved", phase=name, before=duration(before), after=duration(after), moves=", ".join(told)
            )
        else:
            yield say("trace_diff.nothing_moved", phase=name, before=duration(before), after=duration(after))
    old_launches, new_launches = a.launches_per_token, b.launches_per_token
    if abs(new_launches - old_launches) >= _WORTH_TELLING * max(old_launches, new_launches):
        yield say(
            "trace_diff.launches" if a.on_gpu else "trace_diff.calls",
            before=round(old_launches),
            after=round(new_launches),
        )
    for name in PHASES:
        regions = a.phases[name].compiled_regions, b.phases[name].compiled_regions
        if bool(regions[0]) != bool(regions[1]):
            yield say("trace_diff.compiled" if regions[1] else "trace_diff.not_compiled", phase=name)
    idle = a.gpu_idle_fraction, b.gpu_idle_fraction
    if idle[0] is not None and idle[1] is not None and abs(idle[1] - idle[0]) >= _WORTH_TELLING:
        yield say("trace_diff.idle", before=round(100 * idle[0]), after=round(100 * idle[1]))


def _flags(a: Trace, b: Trace) -> Iterator[Message]:
    yield say("trace_diff.profiled")
    if a.workload != b.workload:
        yield say("trace_diff.other_work")
    if a.device != b.device:
        yield say("trace_diff.other_device", a=a.device, b=b.device)
    if any(flag.code == "flag.shared" for trace in (a, b) for flag in trace.flags):
        yield say("trace_diff.shared")


def _signed(seconds: float) -> str:
    return ("+" if seconds > 0 else "−") + duration(abs(seconds))
