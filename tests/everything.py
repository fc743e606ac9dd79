"""All that CI runs, in two lanes, and one closing summary: `make test` calls it.

Exit status 0 only when every part ran something and nothing failed. A part that dies without a report counts as a
failure.
"""

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
REPORTS = ROOT / "build" / "reports"
CELL_TIMEOUT_S = 240

_WORKERS = ("tests/hosts", "tests/test_kernel.py", "tests/cli")  # a part of their own only to balance the two lanes
PARTS = {
    "tests": ["-m", "not browser and not slow", *(f"--ignore={path}" for path in _WORKERS)],
    "workers": ["-m", "not slow", *_WORKERS],
    "notebooks": [
        "--nbval-lax",
        "--nbval-current-env",
        f"--nbval-cell-timeout={CELL_TIMEOUT_S}",
        "notebooks",
    ],
    "browser": ["-m", "browser", "tests/browser"],
}


@dataclass
class Outcome:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    remark: str = ""


def run(name: str, arguments: list[str], quietly: bool = False) -> Outcome:
    """One part. `quietly`: its output goes to a file, to be printed later."""
    report = REPORTS / f"{name}.xml"
    report.unlink(missing_ok=True)
    started = time.monotonic()
    with log_of(name).open("wb") as log:
        status = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log if quietly else None,
            stderr=subprocess.STDOUT if quietly else None,
            check=False,
        ).returncode
    outcome = read(report, status)
    outcome.seconds = time.monotonic() - started
    return outcome


def log_of(name: str) -> Path:
    return REPORTS / f"{name}.log"


def run_side_by_side(first: str, others: list[str]) -> dict[str, Outcome]:
    """`first` aloud on one core while the others run one after another on the second; then what they said."""
    with ThreadPoolExecutor(max_workers=1) as second_lane:
        later = second_lane.submit(lambda: {name: run(name, PARTS[name], quietly=True) for name in others})
        print(f"\n=== {first} (meanwhile: {', '.join(others)}) ===", flush=True)
        outcomes = {first: run(first, PARTS[first])}
        outcomes |= later.result()
    for name in others:
        print(f"\n=== {name} ===\n{log_of(name).read_text(encoding='utf-8', errors='replace')}", flush=True)
    return outcomes


def read(report: Path, status: int) -> Outcome:
    """Counts from pytest's own report; a status that the counts do not explain is a failure of its own."""
    outcome = Outcome()
    if report.exists():
        for suite in ET.parse(report).getroot().iter("testsuite"):
            total, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
            failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            outcome.failed += failed
            outcome.skipped += skipped
            outcome.passed += max(0, total - failed - skipped)
    if outcome.failed == 0 and status != 0:
        outcome.failed = 1
        outcome.remark = f"pytest ended with {status}"
    elif outcome.passed + outcome.failed == 0:
        outcome.failed = 1
        outcome.remark = "ran nothing"
    return outcome


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"no such part: {', '.join(unknown)}; parts: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    REPORTS.mkdir(parents=True, exist_ok=True)
    first, *others = names or PARTS
    if others and (os.cpu_count() or 1) > 1:
        outcomes = run_side_by_side(first, others)
    else:
        outcomes = {}
        for name in (first, *others):
            print(f"\n=== {name} ===", flush=True)
            outcomes[name] = run(name, PARTS[name])
    print("\n=== summary ===")
    for name, outcome in outcomes.items():
        verdict = "failed" if outcome.failed else "passed"
        print(
            f"{name:<10} {verdict}   {outcome.passed:>4} passed {outcome.failed:>4} failed {outcome.skipped:>4} skipped"
            f"   {outcome.seconds:>5.0f} s   {outcome.remark}".rstrip()
        )
    passed, failed, skipped = (
        sum(getattr(outcome, field) for outcome in outcomes.values()) for field in ("passed", "failed", "skipped")
    )
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
