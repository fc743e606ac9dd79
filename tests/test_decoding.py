"""The study of decoding settings on a tiny model, and what it makes of answers whose effects are known."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch

from workbench.charts import figure
from workbench.config import Config
from workbench.decoding import effects
from workbench.errors import ConfigError
from workbench.results import DecodedAnswer, DecodedRuns, DecodedSetting, DecodingEffects, Result
from workbench.session import Session
from workbench.suites import decoding_prompts
from workbench.widgets import tables

SAMPLED = {"do_sample": True, "temperature": 1.5, "top_k": 0}
LOOPING = {"repetition_penalty": 0.3}  # rewards what was there before


@pytest.fixture(scope="module")
def session(demo_home: Any) -> Iterator[Session]:
    with Session("random:deepseek-llm-7b-base?scale=tiny", config=Config(dtype="float32"), host="inline") as opened:
        yield opened


@pytest.fixture(scope="module")
def found(session: Session) -> DecodingEffects:
    changes = [LOOPING, SAMPLED, {"no_repeat_ngram_size": 1}, LOOPING]
    return session.decoding(changes, seeds=3, max_new_tokens=20)


def test_what_is_known_of_a_setting_is_found(found: DecodingEffects) -> None:
    greedy, sampled, once, again = found.settings
    assert (greedy.answers, sampled.answers, found.prompts) == (9, 27, 9)
    assert once.metrics["distinct_1"].value == 1.0, "no token twice: every token is another"
    assert once.metrics["repeat_4gram"].value == 0.0
    assert greedy.metrics["distinct_1"].value < 1.0
    assert any(verdict.params.get("metric") == "distinct_1" for verdict in once.verdicts)
    assert sampled.metrics["nll"].value > greedy.metrics["nll"].value
    assert [verdict.code for verdict in again.verdicts] == ["decoding.no_difference"]
    for metric, effect in again.metrics.items():
        assert effect.difference == 0.0, metric
        assert effect.value == greedy.metrics[metric].value
    assert greedy.verdicts == ()


def test_a_seed_repeats_every_answer_and_seeds_differ(found: DecodingEffects) -> None:
    for each in found.settings:
        assert each.repeated == (each.answers, each.answers)
        assert each.repeat_tokens == 8
    sampled = found.settings[1]
    assert sampled.same_over_seeds is not None
    assert sampled.same_over_seeds < 1.0
    assert sampled.part_at is not None
    assert sampled.part_at >= 1.0
    assert found.settings[0].same_over_seeds is None, "nothing is drawn"


def test_ties_are_counted_over_the_first_settings_answers(found: DecodingEffects) -> None:
    assert found.positions == round(9 * found.settings[0].metrics["tokens"].value)
    assert 0 <= found.ties <= found.positions
    assert found.dtype == "float32"


def test_ties_that_are_there_are_seen(session: Session) -> None:
    """A head whose first rows are all the same: every position ties."""
    head = session.model.get_output_embeddings().weight
    kept = head.data.clone()
    try:
        head.data[:] = 0.0
        tied = session.decoding([{}], prompts=["One", "Two words"], max_new_tokens=4)
    finally:
        head.data[:] = kept
    assert tied.ties == tied.positions == 8
    assert any(flag.code == "decoding.ties" for flag in tied.flags)


def test_the_configuration_is_in_force_again_and_the_study_is_kept(session: Session, found: DecodingEffects) -> None:
    assert session.config.no_repeat_ngram_size == 0
    assert session.resolved.sampling["do_sample"] is False
    threads = session.resolved.threads
    session.decoding([{}], prompts=["One."], seeds=1, max_new_tokens=2)
    assert session.resolved.threads == threads
    results = [DecodingEffects.from_dict(each["result"]) for each in session.runs.list(kind="decoding")]
    assert [each.settings[1].changes for each in results if len(each.settings) == 4] == [SAMPLED]


def test_a_nll_is_that_of_the_model_as_it_is(session: Session) -> None:
    """Temperature and penalties change what is written, not the measure: the same answer has the same loss."""
    plain, hot = session.decoding([{}, {"do_sample": True, "temperature": 5.0, "top_k": 1}], max_new_tokens=8).settings
    assert hot.metrics["nll"].value == pytest.approx(plain.metrics["nll"].value, rel=1e-4)
    assert hot.same_over_seeds == 1.0
    assert [note.code for note in hot.notes] == ["sampling.hot", "sampling.one_token"]


def test_stops_count_as_they_are(session: Session) -> None:
    """A stop string that every answer meets at once."""
    first = session.generate([prompt.content for prompt in decoding_prompts()], 3)
    stops = tuple({session.tokenizer.decode(each.token_ids) for each in first})[:16]
    stopped = session.decoding([{}, {"stop_strings": stops}], max_new_tokens=12).settings[1]
    assert stopped.finishes.get("stop_string", 0.0) == 1.0
    assert stopped.metrics["tokens"].value <= 3.0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ([], "decoding.no_settings"),
        ([{}, {"dtype": "bfloat16"}], "decoding.not_live"),
        ([{"temperature": -1}], "config.unknown_value"),
        ([{"nonsense": 1}], "config.unknown_knob"),
    ],
)
def test_bad_settings_are_refused(session: Session, changes: list[dict[str, Any]], code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        session.decoding(changes)
    assert caught.value.code == code


@pytest.mark.parametrize("options", [{"seeds": 0}, {"max_new_tokens": 0}, {"prompts": []}, {"prompts": ["a", ""]}])
def test_bad_work_is_refused(session: Session, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        session.decoding([{}], **options)


def test_a_setting_is_named_by_what_it_changes(session: Session) -> None:
    names = [effects.shown(session.config.replace(**changes), changes) for changes in effects.DEFAULT]
    assert names == [
        {},
        {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "top_k": 0},
        {"repetition_penalty": 1.1},
        {"no_repeat_ngram_size": 3},
    ]


def test_the_built_in_prompts_are_of_three_kinds() -> None:
    domains = [prompt.domain for prompt in decoding_prompts()]
    assert {domain: domains.count(domain) for domain in domains} == {"english": 3, "chinese": 3, "code": 3}


def made(tokens: Sequence[Sequence[int]], prompts: int = 4, **fields: Any) -> DecodedSetting:
    answers = tuple(
        DecodedAnswer(prompt=at % prompts, draw=at // prompts, tokens=tuple(each), finish="length", nll=1.0)
        for at, each in enumerate(tokens)
    )
    values: dict[str, Any] = {"changes": {}, "sampled": False, "repeated": (len(answers),) * 2, "repeat_tokens": 4}
    return DecodedSetting(**{**values, **fields}, answers=answers)


def test_differences_are_paired_by_prompt() -> None:
    """Prompts differ far more from each other than the settings do; only pairs can see it."""
    lengths = (4, 20, 60, 90, 130, 200)
    plain = made([range(length) for length in lengths], 6)
    longer = made([range(length + 2) for length in lengths], 6)
    ran = DecodedRuns(settings=(plain, longer), ties=0, positions=504, dtype="float32", batch_rows=6)
    found = effects.summed_up(ran, 6, "own", 1, 200, 1.0)
    effect = found.settings[1].metrics["tokens"]
    assert (effect.difference, effect.difference_ci95) == (2.0, (2.0, 2.0))
    assert effect.ci95[1] - effect.ci95[0] > 50
    assert [verdict.params["metric"] for verdict in found.settings[1].verdicts] == ["tokens"]


def only_seven() -> Any:
    """A factory: the token 7 alone."""

    def process(_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        only = torch.full_like(scores, -torch.inf)
        only[:, 7] = 0.0
        return only

    return process


def test_a_person_s_own_processor_is_a_setting_like_any_other(session: Session) -> None:
    path = f"{__name__}:only_seven"
    changes = [LOOPING, {"logits_processors": [path]}, {**LOOPING, "logits_processors": [only_seven()]}]
    found = session.decoding(changes, max_new_tokens=8)
    plain, by_path, by_function = found.settings
    assert by_path.changes["logits_processors"] == [path]
    assert "process" in by_function.changes["logits_processors"][0]
    assert "logits_processors" not in plain.changes
    assert by_path.metrics["distinct_1"].value == by_function.metrics["distinct_1"].value == 1 / 8
    assert any(verdict.params.get("metric") == "distinct_1" for verdict in by_path.verdicts)
    assert f"logits_processors={path}" in str(tables.show(found))
    with pytest.raises(ConfigError, match="no_such_module_here"):
        session.decoding([LOOPING, {"logits_processors": ["no_such_module_here:f"]}])


def test_of_few_prompts_nothing_is_said_to_differ() -> None:
    plain, longer = (made([range(length + more) for length in (4, 20, 60, 90, 130)], 5) for more in (0, 2))
    ran = DecodedRuns(settings=(plain, longer), ties=0, positions=304, dtype="float32", batch_rows=5)
    found = effects.summed_up(ran, 5, "own", 1, 200, 1.0)
    assert [str(verdict) for verdict in found.settings[1].verdicts] == [
        "no verdict: of 5 prompts chance alone makes differences, 6 are needed"
    ]
    assert str(found.sentence).startswith("0 of 1")


def test_the_result_has_a_chart_a_table_and_words(found: DecodingEffects) -> None:
    drawn = figure(found)
    assert len(drawn.data) == 5
    assert all(len(trace.x) == 4 for trace in drawn.data)
    shown = str(tables.show(found))
    assert "no_repeat_ngram_size=1" in shown
    assert "no difference seen" in shown
    assert json.loads(found.to_json())["prompt_set"] == "1"
    assert isinstance(found, Result)
