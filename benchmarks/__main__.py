"""Runs the benchmarks, each in a process of its own with the environment of a worker; prints tables, writes JSON."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from benchmarks.record import Outcome, write

NAMES = (
    *(
        "imports",
        "apply",
        "reload",
        "decode",
        "click",
        "live",
        "configs",
        "compare",
        "handover",
        "trace",
        "caches",
        "grid",
    ),
    *("formats", "quality", "tokens", "endpoint", "verify", "choices"),
    *("batches", "batching", "reuse", "sampler", "soak", "monitor", "store", "race", "search", "advise"),
    *("best", "against"),
)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write benchmarks.json there")
    parser.add_argument("--budget", type=float, default=120.0, metavar="SECONDS", help="for each; default 120")
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)  # the child's: where its outcome goes
    args = parser.parse_args(argv)
    unknown = [name for name in args.names if name not in NAMES]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}: choose from {', '.join(NAMES)}")
    if args.into:
        outcome = import_module(f"benchmarks.{args.names[0]}").run(args.budget)
        args.into.write_text(json.dumps(outcome.to_dict()), encoding="utf-8")
        return 0
    return _all(args.names or NAMES, args.budget, args.out)


def _all(names: tuple[str, ...] | list[str], budget_s: float, out: Path | None) -> int:
    from workbench.machine import doctor, worker_environment

    machine = doctor()
    print(f"{machine.label}, Python {machine.python}\n", flush=True)
    outcomes = []
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            into = Path(folder) / "outcome.json"
            child = [sys.executable, "-m", "benchmarks", name, "--budget", str(budget_s), "--into", str(into)]
            done = subprocess.run(child, env={**os.environ, **worker_environment(), "TQDM_DISABLE": "1"}, check=False)
            if done.returncode:
                print(f"{name}: failed with status {done.returncode}", file=sys.stderr)
                return 1
            outcomes.append(Outcome.from_dict(json.loads(into.read_text(encoding="utf-8"))))
        print(outcomes[-1].table() + "\n", flush=True)
    if out:
        print(write(outcomes, machine, out))
    return 0 if all(row.kept is not False for outcome in outcomes for row in outcome.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
