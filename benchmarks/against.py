"""The same 16 configurations by a race and by optimum-benchmark, one after the other: wall seconds, and who wins.

optimum-benchmark runs in an environment of its own (`python -m benchmarks.peers optimum`), each configuration in a
process, with its default of at least ten runs and ten seconds, and one warm-up run instead of ten. Beside what it took
stands the least it could have taken: as if it had known beforehand how many runs of each configuration make the means
of winner and runner-up good to ±2 % by the race's own trimmed interval, its runs taken for independent. The race is
charged all it took, with start and loads, until the ratio of the two is known to ±2 %; its base line is the grid's
first point.
"""

import json
import math
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks import peers
from benchmarks.record import Outcome, Row
from workbench import Config, Runs, Session, Workload, sweep
from workbench.catalog.sources import demo_folder
from workbench.stats import t95, trimmed

QUESTION = "optimum-benchmark and wb.sweep over the same grid of the demo model: wall seconds to winner and runner-up"
WORK = Workload(prompt_tokens=256, new_tokens=32)
SPACE: dict[str, list[Any]] = {
    "attention": ["eager", "sdpa"],
    "dtype": ["float32", "bfloat16"],
    "cache": ["dynamic", "static"],
    "threads": [1, 2],
}
PRECISION = 0.02
MOST = 0.2
_FEWEST = 3  # runs that an interval needs
_COMPARE_S = 60.0
Point = dict[str, Any]
POINTS: list[Point] = [dict(zip(SPACE, values, strict=True)) for values in product(*SPACE.values())]


def run(_budget_s: float) -> Outcome:
    """The race first, then the other; where they name different winners, these are compared in pairs at the end."""
    python = peers.python_of("optimum")
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        with Runs(Path(folder) / "runs.sqlite3") as runs:
            base = Config(**POINTS[0])
            found = sweep(
                "demo", SPACE, WORK, "decode_tps", base=base, runs=runs, precision=PRECISION, when_busy="beside"
            )
        ours_s = time.monotonic() - began
        with Session("demo", when_busy="beside") as session:
            told = _optimum(python, _model(), Path(folder))
            mine, theirs = _point(found.best.config if found.best else {}), _winner(told["points"])
            beside = (
                session.compare(Config(**theirs), Config(**mine), WORK, budget_s=_COMPARE_S) if mine != theirs else None
            )
            model, machine = session.facts.name, session.machine
    (lead, *_), took_s = found.leads, sum(each["wall_s"] for each in told["points"])
    needed, charged_s = charged(told["points"])
    rows = [
        Row("wb.sweep, wall", ours_s, "s"),
        Row("optimum-benchmark, wall as it ran", took_s, "s"),
        Row(f"optimum-benchmark, wall at {needed} runs of each", charged_s, "s"),
        Row("wb.sweep ÷ optimum-benchmark, wall as it ran", ours_s / took_s, "×", limit=MOST),
        Row("wb.sweep ÷ optimum-benchmark, wall at the fewest runs", ours_s / charged_s, "×"),
        Row("wb.sweep: runner-up ÷ winner, half width", _half_width(lead.ci95), "%", limit=100 * PRECISION * 1.05),
        Row("wb.sweep: winner's decode", found.points[found.winner or 0].means["decode_tps"], "tok/s"),
        Row("optimum-benchmark: winner's decode", _rate(told["points"], theirs), "tok/s"),
    ]
    if beside is not None:
        ratio, bounds = beside.ratio["decode_tps"], beside.ci95.get("decode_tps")
        rows.append(Row("decode, winner of wb.sweep ÷ winner of optimum-benchmark, in pairs", ratio, "×", bounds))
    conditions = {
        "model": model,
        "processor": machine.label,
        "prompt": WORK.prompt_tokens,
        "new": WORK.new_tokens,
        "winner of wb.sweep": _told(mine),
        "winner of optimum-benchmark": _told(theirs),
        "runs of wb.sweep": f"{found.runs}, {found.loads} loads, ended by {found.stopped_by}",
        "not told apart from the best": len(found.front) - 1,
        **{f"{name} there": number for name, number in told["versions"].items()},
    }
    samples = {f"optimum {_told(point)}": each["decode_s"] for point, each in zip(POINTS, told["points"], strict=True)}
    samples |= {
        f"sweep {_told(_point(each.config))}": [each.means["decode_tps"]] for each in found.points if each.means
    }
    return Outcome("against", QUESTION, tuple(rows), conditions, samples)


def charged(points: Sequence[Mapping[str, Any]]) -> tuple[int, float]:
    """Runs of each configuration that make the means of its two best good to ±2 %, and the wall seconds of so many.

    What is not a run (start, load, warm-up) is charged as it was; runs at their mean.
    """
    best = sorted(points, key=lambda each: fmean(each["decode_s"]))[:2]
    runs = max(_needed(each["decode_s"]) for each in best)
    seconds = 0.0
    for each in points:
        one_s = fmean(each["generate_s"])
        seconds += each["wall_s"] + (runs - len(each["generate_s"])) * one_s
    return runs, seconds


def _needed(samples: Sequence[float]) -> int:
    mean, variance, freedom = trimmed(samples)
    one, share = variance * (freedom + 1) / mean**2, (freedom + 1) / len(samples)  # of a run that counts
    runs = _FEWEST
    while t95(math.floor(runs * share) - 1) * math.sqrt(one / (runs * share)) > PRECISION:
        runs += 1
    return runs


def _optimum(python: str, model: Path, folder: Path) -> dict[str, Any]:
    asked, answer = folder / "asked.json", folder / "answer.json"
    work = {"model": str(model), "prompt": WORK.prompt_tokens, "new": WORK.new_tokens, "points": POINTS}
    asked.write_text(json.dumps(work), encoding="utf-8")
    script = peers.HERE / "optimum_grid.py"
    subprocess.run([python, script, asked, answer], check=True, cwd=folder, env=peers.environment())
    told: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return told


def _model() -> Path:
    found = demo_folder()
    assert found is not None, "the sweep has made it"
    return found


def _point(config: Mapping[str, Any]) -> Point:
    return {knob: config[knob] for knob in SPACE}


def _winner(points: Sequence[Mapping[str, Any]]) -> Point:
    return POINTS[min(range(len(points)), key=lambda place: fmean(points[place]["decode_s"]))]


def _rate(points: Sequence[Mapping[str, Any]], point: Point) -> float:
    return (WORK.new_tokens - 1) / fmean(points[POINTS.index(point)]["decode_s"])


def _half_width(bounds: tuple[float, float] | None) -> float:
    return math.inf if bounds is None else 50 * math.log(bounds[1] / bounds[0])


def _told(point: Point) -> str:
    return ", ".join(f"{knob} {value}" for knob, value in point.items())
