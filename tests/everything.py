"""All that CI runs, in two lanes, and one closing summary: `make test` calls it.

Exit status 0 only when every part ran something and nothing failed. A part that dies without a report counts as a
failure. The lanes share the machine, and much here measures time: what failed beside the other lane, a few tests at the
most, is run once more when both are empty; the summary names each of them.
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
AGAIN = "-again"

# Longest first: the lanes take the next part whenever they are free. Split only to balance the lanes.
_SPLIT = {
    "engine": ("tests/engine", "tests/export", "tests/gpu_check"),
    "rooms": ("tests/benchmarks", "tests/decoding", "tests/endpoint", "tests/monitor", "tests/probes", "tests/widgets"),
    "guides": ("tests/advice", "tests/pasted", "tests/runs", "tests/sweep", "tests/test_checking.py"),
    "workers": ("tests/hosts", "tests/test_kernel.py", "tests/test_session.py", "tests/cli"),
}
PARTS = {
    "tests": ["-m", "not browser and not slow", *(f"--ignore={path}" for paths in _SPLIT.values() for path in paths)],
    **{name: ["-m", "not browser and not slow", *paths] for name, paths in _SPLIT.items()},
    "notebooks": [
        "--nbval-lax",
        "--nbval-current-env",
        f"--nbval-cell-timeout={CELL_TIMEOUT_S}",
        "notebooks",
    ],
    "browser": ["-m", "browser", "tests/browser"],
}


WHOLE_FILES = ("notebooks", "browser")  # one kernel, or one page, for all cases of a file
MOST_AGAIN = 8  # failures that the other lane may have caused; where there are more, something is broken


@dataclass
class Outcome:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    remark: str = ""
    names: tuple[str, ...] = ()  # of what failed


def run(name: str, arguments: list[str] | None = None) -> Outcome:
    """One part; what it says goes to its log, printed whole when it has ended, so that lanes do not mix."""
    report, cache = REPORTS / f"{name}.xml", REPORTS / f"{name.removesuffix(AGAIN)}.cache"
    report.unlink(missing_ok=True)
    started = time.monotonic()
    log = REPORTS / f"{name}.log"
    command = [sys.executable, "-m", "pytest", "-q", "--durations=15", f"--junitxml={report}"]
    with log.open("wb") as output:
        status = subprocess.run(
            [*command, "-o", f"cache_dir={cache}", *(PARTS[name] if arguments is None else arguments)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    outcome = read(report, status)
    outcome.seconds = time.monotonic() - started
    print(f"\n=== {name} ===\n{log.read_text(encoding='utf-8', errors='replace')}", flush=True)
    return outcome


def once_more(name: str, first: Outcome) -> Outcome:
    """The part with what failed run again by itself; what builds on what came before it in its file, with that file."""
    if not first.names or first.failed > MOST_AGAIN:
        return first
    chosen = [*PARTS[name], "--last-failed"]
    if name in WHOLE_FILES:
        chosen = [*PARTS[name][:-1], *dict.fromkeys(file_of(case) for case in first.names)]
    second = run(name + AGAIN, chosen)
    return Outcome(
        passed=first.passed + (first.failed - second.failed if second.passed else 0),
        failed=second.failed,
        skipped=first.skipped,
        seconds=first.seconds + second.seconds,
        remark="once more, alone: " + ", ".join(first.names),
        names=second.names,
    )


def file_of(case: str) -> str:
    """The file of a case by the name that pytest's report gives it: dots for slashes, the ending only of a notebook."""
    path, _, _ = case.partition("::")
    return path.removesuffix(".ipynb").replace(".", "/") + (".ipynb" if path.endswith(".ipynb") else ".py")


def read(report: Path, status: int) -> Outcome:
    """Counts from pytest's own report; a status that the counts do not explain is a failure of its own."""
    outcome = Outcome()
    if report.exists():
        for suite in ET.parse(report).getroot().iter("testsuite"):
            total, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
            outcome.names += tuple(
                f"{case.get('classname')}::{case.get('name')}"
                for case in suite.iter("testcase")
                if case.find("failure") is not None or case.find("error") is not None
            )
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
    chosen = names or list(PARTS)
    lanes = min(2, os.cpu_count() or 1)
    print(f"Running {', '.join(chosen)} in {lanes} lane(s); each part is printed when it has ended", flush=True)
    with ThreadPoolExecutor(max_workers=lanes) as pool:
        outcomes = dict(zip(chosen, pool.map(run, chosen), strict=True))
    outcomes = {name: once_more(name, outcome) for name, outcome in outcomes.items()}
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
