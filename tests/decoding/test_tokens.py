"""Models broken on purpose, a defect at a time: exactly that is found, by reading or trying, and Repair mends it."""

import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import workbench as wb
from tests.decoding.defects import (
    WORD,
    dropping_what_is_said,
    ending_beyond_the_vocabulary,
    ending_otherwise_than_the_template,
    ending_with_a_word,
    own_tokenizer,
    padding_beyond_the_vocabulary,
    refusing_to_render,
    several_that_have_nothing_to_do_with_each_other,
    sound,
    with_control_tokens_that_are_none,
    with_one_token_for_both,
    without_any_end,
    without_end_in_generation_config,
    without_end_pad_and_template,
    without_generation_prompt,
    without_pad,
)
from workbench.decoding.alignment import findings
from workbench.engine.demo import ensure_demo
from workbench.results import TokenFacts, TokenReport

pytestmark = pytest.mark.model
Break = Callable[[Any, Any], None]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # two spin where other tests run beside
    yield
    torch.set_num_threads(before)


def report_on(model: Any, tokenizer: Any, **knobs: Any) -> TokenReport:
    with wb.Session.attach(model, tokenizer) as session:
        if knobs:
            session.apply(**knobs)
        return session.tokens(max_new_tokens=4)


def codes(report: TokenReport) -> set[str]:
    return {finding.code for finding in report.findings}


def codes_of(facts: TokenFacts) -> set[str]:
    return {finding.code for finding in findings(facts)}


def test_nothing_is_found_where_nothing_is_wrong(demo_home: Path) -> None:
    report = report_on(sound(), own_tokenizer())
    assert codes(report) == set()
    assert report.repair == {}
    assert {check.name: check.outcome for check in report.facts.checks} == {
        "round_trip": "passed",
        "template": "passed",
        "left_pad": "passed",
        "batch": "passed",
        "stop": "undecided",  # random weights end nothing
    }
    template = report.facts.template
    assert template is not None
    assert template.end is not None
    assert template.end.id == 2
    assert template.generation_prompt == "<|im_start|>assistant\n"
    right = {(effect.knob, effect.value): effect.agrees for effect in report.facts.effects}
    assert right["padding_side", "left"] is right["attention_mask", "tokenizer"] is right["pad_token", "eos"] is True
    assert right["padding_side", "right"] is right["attention_mask", "ones"] is False
    assert right["attention_mask", "none"] is True  # inferred: the pad token stands in no prompt


@pytest.mark.parametrize(
    ("defect", "found", "repair"),
    [
        (without_pad, {"pad_unset", "pad_is_eos"}, {}),
        (without_end_in_generation_config, {"eos_unset"}, {}),
        (without_any_end, {"eos_none"}, {"eos_token_ids": (2,)}),
        (without_end_pad_and_template, {"eos_none", "pad_none"}, {"pad_token": 0}),
        (ending_with_a_word, {"eos_text", "end_missing", "eos_mismatch"}, {"eos_token_ids": (2,)}),
        (ending_beyond_the_vocabulary, {"eos_beyond", "eos_mismatch"}, {}),
        (ending_otherwise_than_the_template, {"end_missing"}, {"eos_token_ids": (3, 2)}),
        (
            several_that_have_nothing_to_do_with_each_other,
            {"sampling", "bos_mismatch", "pad_mismatch", "double_bos"},
            {},
        ),
        (padding_beyond_the_vocabulary, {"pad_beyond", "pad_is_eos"}, {}),
        (with_control_tokens_that_are_none, {"split", "no_end"}, {}),
        (without_generation_prompt, {"no_prompt"}, {}),
        (refusing_to_render, {"template_fails"}, {}),
        (dropping_what_is_said, {"template_drops"}, {}),
        (with_one_token_for_both, {"pad_is_eos"}, {}),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_a_defect_is_found_and_nothing_else(
    demo_home: Path, defect: Break, found: set[str], repair: dict[str, Any]
) -> None:
    model, tokenizer = sound(), own_tokenizer()
    defect(model, tokenizer)
    report = report_on(model, tokenizer)
    assert codes(report) == found
    assert report.repair == repair
    assert TokenReport.from_json(report.to_json()).to_dict() == report.to_dict()


@pytest.mark.parametrize(
    ("knobs", "found", "repair"),
    [
        ({"attention_mask": "ones"}, {"mask_ones", "rows_differ"}, {"attention_mask": "tokenizer"}),
        ({"attention_mask": "none"}, {"mask_guessed"}, {"attention_mask": "tokenizer"}),
        ({"attention_mask": "none", "pad_token": "eos"}, {"mask_lost", "rows_differ"}, {"attention_mask": "tokenizer"}),
        ({"padding_side": "right"}, {"right_padding", "rows_differ"}, {"padding_side": "left"}),
        ({"eos_token_ids": (WORD,)}, {"eos_text", "end_missing"}, {"eos_token_ids": "auto"}),
        ({"eos_token_ids": (3,)}, {"end_missing"}, {"eos_token_ids": "auto"}),
    ],
    ids=str,
)
def test_a_knob_set_wrong_is_found_and_put_right(
    demo_home: Path, knobs: dict[str, Any], found: set[str], repair: dict[str, Any]
) -> None:
    model, tokenizer = sound(), own_tokenizer()
    with wb.Session.attach(model, tokenizer) as session:
        session.apply(**knobs)
        before = session.config
        report = session.tokens(max_new_tokens=4)
        assert codes(report) == found
        assert report.repair == repair
        assert session.config == before
        after = session.repair(max_new_tokens=4)
        assert {knob: new for knob, (_, new) in after.repaired.items()} == repair
        assert not any(finding.severity == "error" for finding in after.findings)
        assert session.resolved.differences(session.config) == ()
        assert (session.tokenizer.padding_side, session.resolved.attention_mask) == ("left", "tokenizer")


def test_other_knobs_do_not_blur_what_is_tried(demo_home: Path) -> None:
    with wb.Session.attach(sound(), own_tokenizer()) as session:
        session.apply(do_sample=True, temperature=1.5, repetition_penalty=1.5, stop_strings=["e"])
        before = session.config
        report = session.tokens(max_new_tokens=4)
        assert codes(report) == set()
        assert session.config == before
        assert session.resolved.differences(before) == ()


def test_a_model_that_reads_padding_is_caught_by_trying_alone(demo_home: Path) -> None:
    model = sound()
    prepare = model.prepare_inputs_for_generation

    @functools.wraps(prepare)
    def blind(*args: Any, **given: Any) -> Any:
        if given.get("attention_mask") is not None:
            given["attention_mask"] = torch.ones_like(given["attention_mask"])
        return prepare(*args, **given)

    model.prepare_inputs_for_generation = blind
    report = report_on(model, own_tokenizer())
    assert codes(report) == {"rows_differ"}
    assert report.repair == {}
    batch = report.facts.check("batch")
    assert batch is not None
    assert batch.outcome == "failed"
    assert not report.ok


def test_a_row_of_the_embedding_without_a_token_ends_nothing(demo_home: Path) -> None:
    model = sound(49280)
    model.generation_config.eos_token_id = 49200
    assert codes(report_on(model, own_tokenizer())) == {"eos_unnamed", "end_missing", "eos_mismatch"}


def test_the_file_is_read_and_not_what_the_tokenizer_made_of_it(demo_home: Path, tmp_path: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "config.json"):
        shutil.copy(ensure_demo() / name, tmp_path)
    path = tmp_path / "tokenizer_config.json"
    path.write_text(path.read_text().replace('"eos_token": "<|im_end|>"', '"eos_token": "ertools"'))
    tokenizer = own_tokenizer(tmp_path)
    assert tokenizer.eos_token_id == WORD
    report = report_on(sound(), tokenizer)
    assert {"eos_text", "eos_mismatch"} <= codes(report)
    found = report.found("eos_text")
    assert found is not None
    assert found.severity == "warning"  # the generation config's is in force
    (token,) = report.facts.row("eos").stated["tokenizer_config"]
    assert (token.id, token.text, token.means) == (WORD, "ertools", "text")


@pytest.mark.parametrize("slug", ["deepseek-llm-7b-base", "deepseek-v2-lite", "deepseek-v3"])
def test_every_family_is_aligned(demo_home: Path, slug: str) -> None:
    with wb.Session(f"random:{slug}?scale=tiny&layers=2", host="inline") as session:
        report = session.tokens()
        assert codes(report) == {"pad_is_eos"}
        stop = report.facts.check("stop")
        assert stop is not None
        assert stop.outcome == "not_run"


@pytest.mark.slow
def test_a_random_model_of_a_published_size_has_a_borrowed_tokenizer(demo_home: Path) -> None:
    with wb.Session("random:deepseek-coder-1.3b-base?layers=1", host="inline", config=wb.Config(threads=1)) as session:
        report = session.tokens()
    assert report.facts.borrowed
    assert codes(report) == set()


def test_ids_that_do_not_belong_to_a_borrowed_tokenizer_are_not_judged(demo_home: Path) -> None:
    model = sound(49280)
    model.generation_config.eos_token_id = 49200
    with wb.Session.attach(model, own_tokenizer()) as session:
        facts = session.tokens(max_new_tokens=2).facts
    assert not facts.borrowed
    assert not codes_of(facts.model_copy(update={"borrowed": True}))


def test_a_reload_forgets_no_original(tiny: str) -> None:
    with wb.Session(tiny, host="inline", config=wb.Config(dtype="float32")) as session:
        session.apply(pad_token=0, padding_side="right")
        session.apply(dtype="bfloat16")
        session.apply(pad_token="auto", padding_side="left")
        assert session.resolved.pad_token_id == session.tokenizer.pad_token_id == 2


def test_several_prompts_without_a_pad_token_are_refused_in_words(demo_home: Path) -> None:
    model, tokenizer = sound(), own_tokenizer()
    without_end_pad_and_template(model, tokenizer)
    with wb.Session.attach(model, tokenizer) as session:
        with pytest.raises(wb.ConfigError, match="no pad token"):
            session.generate(["One", "Two words"], 2)
        session.repair(max_new_tokens=4)
        assert len(session.generate(["One", "Two words"], 2)) == 2


def test_no_pad_token_that_the_tokenizer_lacks(demo_home: Path) -> None:
    with wb.Session.attach(sound(49280), own_tokenizer()) as session:
        with pytest.raises(wb.ConfigError, match="49200"):
            session.apply(pad_token=49200)
        assert session.resolved.pad_token_id == 0
