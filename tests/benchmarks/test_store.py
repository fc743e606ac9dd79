"""The benchmark of the store: what it asks finds something among the records that it makes."""

from itertools import islice
from pathlib import Path

from benchmarks import store
from tests.runs.records import measured
from workbench import Runs


def test_its_records_differ_and_its_questions_have_answers(tmp_path: Path) -> None:
    with Runs(tmp_path / "s") as runs:
        runs.add_all(islice(store.documents(measured()), 4000))
        answers = {what: ask(runs) for what, ask in store.ASKED.items()}
        assert len(runs.group("model")) == store._MODELS
        assert runs.group("threads")[0].runs < 4000
    newest, filtered, between, count, groups = answers.values()
    assert len(newest) == 100
    assert {(run["model"], run["config"]["attention"]) for run in filtered} == {("model-3", "sdpa")}
    assert {run["config"]["dtype"] for run in filtered} == {"float32", "bfloat16"}
    assert between
    assert count == 1000
    assert {group.value for group in groups} == set(store._DTYPES)
    assert all(store.asked(tmp_path / "s", ask) > 0 for ask in store.ASKED.values())
