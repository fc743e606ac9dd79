"""lm-evaluation-harness on the resident model: a task of our own with local data; skipped where it is not installed."""

import json
import math
from importlib.util import find_spec
from pathlib import Path

import pytest

import workbench as wb
from workbench.errors import CapabilityError, ConfigError
from workbench.probes.quality.tasks import scores_of
from workbench.results import TaskScores

TASK = """\
task: capitals_of_our_own
dataset_path: json
dataset_kwargs:
  data_files: {data}
test_split: train
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: "{{{{options}}}}"
doc_to_target: answer
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
"""
ROWS = [
    {"question": "The capital of France is", "options": ["Paris", "bread", "seven", "slowly"], "answer": 0},
    {"question": "The capital of Italy is", "options": ["green", "Rome", "eleven", "often"], "answer": 1},
    {"question": "The capital of Japan is", "options": ["under", "sugar", "Tokyo", "yes"], "answer": 2},
    {"question": "The capital of England is", "options": ["on", "blue", "twelve", "London"], "answer": 3},
]


def test_scores_are_read_from_the_harness_s_document() -> None:
    found = scores_of(
        {
            "results": {
                "a": {"alias": "a", "acc,none": 0.5, "acc_stderr,none": 0.1, "exact_match,strict": 0.25},
                "b": {
                    "alias": "b",
                    "ppl,none": 12.0,
                    "ppl_stderr,none": "N/A",
                    "acc,none": 1.0,
                    "acc_stderr,none": math.nan,
                },
            },
            "n-samples": {"a": {"original": 100, "effective": 20}},
            "higher_is_better": {"a": {"acc": True}},
        }
    )
    assert [(score.task, score.metric, score.value) for score in found] == [
        ("a", "acc", 0.5),
        ("a", "exact_match (strict)", 0.25),
        ("b", "ppl", 12.0),
        ("b", "acc", 1.0),
    ]
    assert found[0].ci95 == pytest.approx((0.304, 0.696))
    assert (found[0].examples, found[0].higher_is_better) == (20, True)
    assert [score.ci95 for score in found[1:]] == [None, None, None]


@pytest.mark.model
def test_arguments_that_cannot_be(tiny: str, tmp_path: Path) -> None:
    with wb.Session(tiny, config=wb.Config(threads=1), host="inline") as session:
        for names in ("", [], [" "], [3]):
            with pytest.raises(ConfigError):
                session.tasks(names)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="no folder"):
            session.tasks("x", include=tmp_path / "gone")
        with pytest.raises(ConfigError):
            session.tasks("x", limit=0)
        if find_spec("lm_eval") is None:
            with pytest.raises(CapabilityError, match='pip install "lm-eval=='):
                session.tasks("arc_easy")


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-eval is not installed")
def test_a_task_of_our_own_on_the_demo_model(demo_home: Path, tmp_path: Path) -> None:
    data = tmp_path / "capitals.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    (tmp_path / "capitals.yaml").write_text(TASK.format(data=data), encoding="utf-8")
    config = wb.Config(threads=1, quantization="torchao-int8-weight")
    with wb.Session("demo", config=config) as session:
        before = session.resolved
        found = session.tasks("capitals_of_our_own", include=tmp_path)
        assert [(score.task, score.metric) for score in found.scores] == [("capitals_of_our_own", "acc")]
        assert found.scores[0].value == 1.0  # the others are no cities
        assert found.scores[0].examples == 4
        assert found.scores[0].higher_is_better
        assert TaskScores.from_json(found.to_json()) == found
        assert session.tasks("capitals_of_our_own", include=tmp_path, limit=2).scores[0].examples == 2
        assert session.resolved == before
        with pytest.raises(CapabilityError, match="no_such_task could not be run"):
            session.tasks("no_such_task", include=tmp_path)
        assert session.generate("Write one sentence about the sea.", 4)[0].text
