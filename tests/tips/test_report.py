"""The report: what contradicts the expectation first, all of it as text; the newest verdict counts."""

from pathlib import Path

import pytest

import workbench as wb
from workbench.results import (
    BoundMet,
    Machine,
    Quantity,
    TipCell,
    TipRun,
    TipsReport,
    Verdict,
    recorded,
)
from workbench.tips import TIPS
from workbench.tips.report import kept, markdown, page, write
from workbench.tips.verdicts_shown import card, headline, in_order
from workbench.widgets.tables import show
from workbench.words import say

HOSTILE = "<img src=x onerror=alert(1)> | \u202e"


def a_run(id_: str, verdict: Verdict, model: str = "demo", exception: str = "none") -> TipRun:
    bound = BoundMet(
        quantity="exception",
        bound=TIPS["S3-8"].holds_if[0].message,
        found=Quantity(value=exception),
        met=verdict is Verdict.HOLDS,
    )
    return TipRun(
        id=id_,
        verdict=verdict,
        expected=TIPS[id_].expected.verdict,
        model=model,
        cells=(TipCell(bounds=(bound,), met=bound.met, notes=(say("tips.note.warned", message=HOSTILE),)),),
        sentence=say("tips.said.not", what="exception", found=exception, bound="it is none"),
    )


@pytest.fixture
def machine(demo_home: Path) -> Machine:
    return wb.doctor()


@pytest.fixture
def report() -> TipsReport:
    runs = (
        a_run("S0-6", Verdict.HOLDS),
        a_run("S3-8", Verdict.NOT, exception=HOSTILE),
        a_run("S0-5", Verdict.NOT),
        a_run("S1-10", Verdict.CANNOT),
    )
    return TipsReport(machine="one", versions={"torch": "2"}, model="demo", runs=runs, left=("S0-1",), seconds=3.0)


def test_what_contradicts_stands_first(report: TipsReport) -> None:
    assert [run.id for run in in_order(report.runs)] == ["S0-5", "S3-8", "S0-6", "S1-10"]
    said = headline(report)
    assert said.startswith("2 of 4 do not hold on this machine; holds 1, cannot be tested here 1.")
    assert "1 were not tested yet" in said
    words = dict(card(in_order(report.runs)[0]))
    assert "expected was: holds" in words["verdict here"]


def test_pages_have_all_of_it_and_no_markup_of_others(report: TipsReport) -> None:
    whole, plain = page(report), markdown(report)
    for run in report.runs:
        assert f"id='{run.id}'" in whole
        assert f"## {run.id}" in plain
    assert "<img" not in whole
    assert "<img" not in plain
    assert "&lt;img src=x" in whole
    assert "\u202e" not in whole + plain
    assert all(word not in whole for word in ("<script", 'src="', "href='http", "url("))
    rows = [line for line in plain.splitlines() if line.startswith("| S3-8")]
    assert rows[0].count(" | ") == 4


def test_the_newest_verdict_of_this_machine_and_model_counts(tmp_path: Path, machine: Machine) -> None:
    other = machine.model_copy(update={"label": "another"})
    with wb.Runs(tmp_path / "runs.sqlite3") as runs:
        for run, where in (
            (a_run("S3-8", Verdict.HOLDS, model=""), machine),
            (a_run("S3-8", Verdict.NOT, model=""), machine),
            (a_run("S0-6", Verdict.HOLDS, model=""), other),
            (a_run("S0-1", Verdict.HOLDS, model="another"), machine),
            (a_run("M-3", Verdict.HOLDS, model=TIPS["M-3"].model), machine),
        ):
            runs.add(recorded(run.model, where, run))
        found = kept(runs, machine, "demo")
    assert {run.id: run.verdict for run in found.runs} == {"S3-8": Verdict.NOT, "M-3": Verdict.HOLDS}
    assert set(found.left) == set(TIPS) - {"S3-8", "M-3"}
    assert [path.name for path in write(found, machine, tmp_path / "out")] == ["tips.json", "tips.md", "tips.html"]


def test_as_tables_of_a_notebook(report: TipsReport) -> None:
    table = show(report)
    assert [row[0] for row in table.rows] == ["S0-5", "S3-8", "S0-6", "S1-10"]
    assert "<img" not in table._repr_html_()
    assert dict(show(report.runs[0]).rows)["verdict here"] == "holds"
