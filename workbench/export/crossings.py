"""What is said of what crosses between devices and ranks in a traced pass, as cells for a page or a terminal."""

from workbench.export.judged import Told
from workbench.results import CrossingUse, Trace, TracePhase
from workbench.words import text
from workbench.words.format import number, printable, seconds, share, size


def crossings(trace: Trace) -> Told:
    """A line for each crossing of each phase, the longest first; the sum of a phase under it. Empty where none was."""
    rows, said = [], []
    for name, phase in trace.phases.items():
        found = sorted(phase.crossings, key=lambda crossing: -crossing.seconds)
        rows += [_row(name, phase, crossing) for crossing in found]
        if found:
            took_s = sum(crossing.seconds for crossing in found)
            told = {"times": number(sum(crossing.times for crossing in found)), "time": seconds(took_s)}
            held = {"size": size(round(sum(crossing.bytes for crossing in found))), "share": _share(took_s, phase)}
            said.append(text("trace.crossing.total", phase=text(f"trace.head.{name}"), **told, **held))
    if said:
        said.append(text("trace.crossing.observed"))
    heads = ("crossing", "way", "times", "bytes", "crossing_time")
    return Told(tuple(text(f"trace.head.{head}") for head in heads), tuple(rows), tuple(said))


def _row(name: str, phase: TracePhase, crossing: CrossingUse) -> tuple[str, ...]:
    where = printable(crossing.where, 60)
    words = {"weights": "trace.crossing.weights", "states": "trace.crossing.states"}
    what = text(words[crossing.what], where=where) if crossing.what in words else crossing.what
    ends = {"source": crossing.source, "target": crossing.target}
    return (
        text(f"trace.head.{name}"),
        what,
        text("trace.crossing.way", **ends) if crossing.source else text("trace.crossing.among"),
        number(crossing.times),
        size(round(crossing.bytes)),
        f"{seconds(crossing.seconds)} ({_share(crossing.seconds, phase)})",
    )


def _share(took_s: float, phase: TracePhase) -> str:
    """Of the phase's wall time under the profiler."""
    return share(took_s * phase.steps / phase.seconds)
