"""Every exact claim that needs no GPU, decided for real on the demo model: exceptions, bytes, calls, tokens."""

import json
from pathlib import Path

import pytest

from workbench.results import TipsReport, Verdict
from workbench.runs import Runs
from workbench.tips import TIPS, Script
from workbench.tips.running import run

ROOT = Path(__file__).parents[2]
KEPT = json.loads((ROOT / "benchmarks/results/tips/tips.json").read_text(encoding="utf-8"))["result"]["runs"]
# by the report that is kept: those that it decided without an interval
EXACT = [each["id"] for each in KEPT if each["exact"] and each["verdict"] != Verdict.CANNOT]


pytestmark = pytest.mark.timeout(900)  # the first test waits for all of them


@pytest.fixture(scope="module")
def report(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> TipsReport:
    with Runs(tmp_path_factory.mktemp("tips") / "runs.sqlite3") as runs:
        return run([TIPS[id_] for id_ in EXACT], model="demo", runs=runs)


def test_there_are_many_and_none_is_left(report: TipsReport) -> None:
    assert len(EXACT) >= 45
    assert report.left == ()
    assert {found.id for found in report.runs} == set(EXACT)


@pytest.mark.parametrize("id_", EXACT)
def test_it_is_decided_as_it_was_without_an_error(report: TipsReport, id_: str) -> None:
    found = next(each for each in report.runs if each.id == id_)
    assert not found.failed, found.sentence
    assert found.exact
    assert found.verdict is not Verdict.CANNOT, found.sentence
    if isinstance(TIPS[id_].experiment, Script):  # the libraries decide it, and the lock holds them; not the processor
        kept = next(each for each in KEPT if each["id"] == id_)
        assert found.verdict == kept["verdict"], found.sentence
