"""Real answers of the demo model: who ends by itself, who is cut, who runs on; and the report as a person reads it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import workbench as wb
from workbench.results import TokenReport
from workbench.widgets.tables import show

pytestmark = pytest.mark.model

WORD = 32000
ANSWER = 16  # tokens: the demo says what it has to say in 13


@pytest.fixture(scope="module")
def demo(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[wb.Session]:
    store = wb.Runs(tmp_path_factory.mktemp("store") / "runs.sqlite3")
    with wb.Session("demo", host="inline", config=wb.Config(threads=1), runs=store) as session:
        yield session
    store.close()


def codes(report: TokenReport) -> set[str]:
    return {finding.code for finding in report.findings}


def test_the_demo_is_aligned_and_its_answers_end(demo: wb.Session) -> None:
    demo.apply(eos_token_ids="auto")
    report = demo.tokens(ANSWER)
    assert codes(report) == {"pad_is_eos"}
    assert report.ok
    outcomes = {check.name: check.outcome for check in report.facts.checks}
    assert outcomes.pop("batch") in ("passed", "tie")
    assert set(outcomes.values()) == {"passed"}
    stop = report.facts.check("stop")
    assert stop is not None
    assert [each.ended_by.id for each in stop.stops if each.ended_by] == [2, 2, 2]
    assert "Paris" in stop.stops[1].text
    (stored,) = demo.runs.list(kind="tokens")
    assert TokenReport.from_dict(stored["result"]).sentence == report.sentence
    table = show(report)
    assert table.heading[-1] == "in force"
    assert {row[0]: row[-1] for row in table.rows}["eos"] == "2 '<|im_end|>'"
    assert any("attention_mask=ones" in remark for remark in table.remarks)
    assert "eos_token_ids=2 (in force): 3 of 3 answers end" in table.remarks


def test_an_end_that_is_ordinary_text_is_caught_by_what_the_model_does_and_repaired(demo: wb.Session) -> None:
    demo.apply(eos_token_ids=(WORD,))
    report = demo.tokens(ANSWER)
    assert codes(report) == {"eos_text", "end_missing", "missed"}
    stop = report.facts.check("stop")
    assert stop is not None
    assert all(each.passed is not None and each.passed.id == 2 for each in stop.stops)
    assert all(each.ended_by is None for each in stop.stops)
    assert [(each.ids, each.in_force, each.ended) for each in stop.ends] == [((WORD,), True, 0), ((2,), False, 3)]
    found = report.found("eos_text")
    assert found is not None
    assert "ordinary text ('ertools')" in str(found.said)
    assert found.change == {"eos_token_ids": "auto"}
    after = demo.repair(ANSWER)
    assert codes(after) == {"pad_is_eos"}
    assert after.repaired == {"eos_token_ids": ((WORD,), "auto")}
    assert demo.model.generation_config.eos_token_id == [2]


def test_an_answer_cut_at_a_word_is_early(demo: wb.Session) -> None:
    (of,) = demo.tokenizer(" of", add_special_tokens=False)["input_ids"]
    demo.apply(eos_token_ids=(2, of))
    report = demo.tokens(ANSWER)
    assert codes(report) == {"eos_text", "early", "pad_is_eos"}
    stop = report.facts.check("stop")
    assert stop is not None
    assert stop.stops[1].text.endswith("capital")
    assert report.repair == {"eos_token_ids": "auto"}
