"""workbench trace: which kernels really ran and where the time went, of one configuration or of two side by side."""

import argparse
from pathlib import Path
from typing import Any

from workbench.cli.shared import (
    add_bench,
    add_workload,
    config_of,
    emit,
    knobs_of,
    opened,
    table,
    workload_of,
)
from workbench.config import Config
from workbench.export.crossings import crossings
from workbench.export.profilers import nsys
from workbench.results import PHASES, Trace, TraceDiff, Workload, document, recorded
from workbench.results.trace_diff import category_words, trace_diff
from workbench.words import text
from workbench.words.format import seconds, share, size

HELP = "Profile prefill and a few decode steps: the kernels that ran, time by category, and a file for Perfetto."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    parser.add_argument("--against", action="append", metavar="KNOB=VALUE", help=text("trace.against_help"))
    add_workload(parser)
    parser.add_argument("--steps", type=int, default=3, metavar="N", help=text("trace.steps_help"))
    parser.add_argument("--nsys", action="store_true", help=text("trace.nsys_help"))
    parser.add_argument("--whole", action="store_true", help=text("trace.whole_help"))
    parser.add_argument("--output", type=Path, metavar="FOLDER", help=text("trace.output_help"))


def run(args: argparse.Namespace) -> int:
    config, workload = config_of(args), workload_of(args)
    if args.nsys:
        return _command(args, config, workload)
    other = config.replace(**knobs_of(args.against)) if args.against else None
    with opened(args, config) as session:
        trace = session.trace(workload, steps=args.steps)
        record = recorded(session.facts.name, session.machine, trace)
        if other is None:
            emit(args, record, lines(trace))
            return 0
        session.apply(other)
        against = session.trace(workload, steps=args.steps)
        diff = trace_diff(against, trace)
        both: dict[str, Any] = {"trace": trace, "against": against, "diff": diff}
        result = {name: value.to_dict() for name, value in both.items()}
        name, machine = session.facts.name, session.machine
        whole = document(
            "trace_diff", model=name, machine=machine, config=config, workload=trace.workload, result=result
        )
        emit(args, whole, [*lines(against), "", *lines(trace), "", *diff_lines(diff)])
    return 0


def _command(args: argparse.Namespace, config: Config, workload: Workload) -> int:
    """No model is loaded for it."""
    made = nsys(config, model=args.model, revision=args.revision, workload=workload, whole=args.whole)
    written = [str(path) for path in made.save(args.output)] if args.output else [made.code.rstrip("\n")]
    emit(args, {"schema": "workbench.snippet/1", **made.to_dict()}, written)
    return 0


def lines(trace: Trace) -> list[str]:
    """What ran, what differs from what was asked, and the time of one forward pass of each phase."""
    unknown = text("trace.unknown")
    written = []
    for name, phase in trace.phases.items():
        kernels = ", ".join(phase.attention_kernels) or unknown
        written.append(text("trace.ran", phase=name, backend=phase.backend or unknown, kernels=kernels))
    written += [text("trace.but", difference=difference) for difference in trace.differences]
    categories = dict.fromkeys(category for phase in trace.phases.values() for category in phase.time_by_category)
    rows = [
        (category_words(category), *(_time(trace, name, category) for name in PHASES))
        for category in sorted(categories, key=lambda category: -trace.decode.per_step.get(category, 0.0))
    ]
    written += ["", *table(rows, (text("trace.head.category"), *(text(f"trace.head.{name}") for name in PHASES))), ""]
    if (crossed := crossings(trace)).rows:
        written += [*table(crossed.rows, (text("trace.head.phase"), *crossed.heading)), "", *crossed.remarks, ""]
    launches = "trace.launches" if trace.on_gpu else "trace.calls"
    written.append(text(launches, count=round(trace.launches_per_token)))
    if trace.gpu_idle_fraction is not None:
        written.append(text("trace.idle", share=share(trace.gpu_idle_fraction)))
    if trace.path is not None:
        written.append(text("trace.file", path=trace.path, size=size(trace.artifact_bytes)))
        written += map(str, trace.how_to_open)
    written += [text("cli.note", note=note) for note in (*trace.notes, *trace.warnings, *trace.flags)]
    return written


def diff_lines(diff: TraceDiff) -> list[str]:
    """The reasons in words."""
    return [*map(str, diff.reasons), *(text("cli.note", note=flag) for flag in diff.flags)]


def _time(trace: Trace, phase: str, category: str) -> str:
    found = trace.phases[phase]
    if category not in found.time_by_category:
        return "–"
    return f"{seconds(found.per_step[category])} ({share(found.time_by_category[category] / found.seconds)})"
