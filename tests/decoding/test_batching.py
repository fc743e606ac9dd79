"""Requests of unequal length on tiny models: the same tokens in every way, padding as it ran, and what is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from workbench import charts
from workbench.cli import main
from workbench.decoding import batching as operation
from workbench.probes import packing
from workbench.probes.requests import mixed_lengths
from workbench.results import Batching, Forecast
from workbench.results.batching import WAYS
from workbench.widgets.tables import show

pytestmark = pytest.mark.model

CONFIG = wb.Config(dtype="float32", threads=1)
WORK = wb.Workload(prompt_tokens=48, new_tokens=4, batch_size=4)
QUICK: dict[str, Any] = {"budget_s": 0.0, "precision": 0.9}
LLAMA = "random:deepseek-llm-7b-base?scale=tiny&layers=2"


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session(LLAMA, config=CONFIG, host="inline") as session:
        yield session


@pytest.fixture(scope="module")
def found(session: wb.Session) -> Batching:
    return session.batching(WORK, answers=(2, 5, 3, 4), buckets=2, **QUICK)


def test_every_way_gives_the_tokens_of_each_prompt_alone(found: Batching) -> None:
    assert [way.name for way in found.ways] == list(WAYS)
    for way in found.ways:
        assert way.why_not is None, str(way.why_not)
        assert way.tokens is not None
        assert way.tokens.differing == 0
        assert way.rounds >= 3
        assert way.peak_bytes


def test_padding_and_idle_rows_are_counted_on_the_shapes_that_ran(found: Batching) -> None:
    lengths, longest = found.lengths, max(found.lengths)
    prompts, tokens = sum(lengths), 10  # after the first of each: 1 + 4 + 2 + 3
    shapes = {way.name: way.shapes for way in found.ways}
    assert all(shapes.values())
    alone, padded, bucketed, packed, continuous = (shapes[name] for name in WAYS)
    assert alone is not None
    assert padded is not None
    assert bucketed is not None
    assert packed is not None
    assert continuous is not None
    assert (alone.prompt_positions, alone.padding, alone.idle) == (prompts, 0, 0)
    assert padded.prompt_positions == 4 * longest
    assert padded.padding == pytest.approx(1 - prompts / (4 * longest))
    assert padded.answer_positions == 4 * 4
    assert padded.idle == pytest.approx(1 - tokens / 16)
    assert 0 < bucketed.padding < padded.padding
    assert (packed.prompt_positions, packed.padding) == (prompts, 0)
    assert packed.idle == padded.idle
    assert continuous.prompt_positions == prompts
    assert continuous.passes < alone.passes


def test_ratios_stand_against_padded_and_first_tokens_wait_their_turn(found: Batching) -> None:
    assert found.of("padded").ratio == {}
    assert set(found.of("packed").ratio) == set(found.of("packed").mean)
    assert found.of("one_by_one").mean["ttft_max_s"] > found.of("one_by_one").mean["ttft_p50_s"]
    assert found.of("padded").mean["ttft_max_s"] == found.of("padded").mean["ttft_p50_s"]
    assert found.of("bucketed").batches == tuple(map(len, operation.by_count(found.lengths, 2)))
    assert found.of("continuous").cache_bytes is not None
    assert (found.of("continuous").cache_bytes or 0) < 4e6  # the default takes 60 % of the free memory


def test_it_is_stored_shown_and_drawn(session: wb.Session, found: Batching) -> None:
    stored = session.runs.list(kind="batching")[0]
    assert Batching.from_dict(stored["result"]) == found
    assert session.last["batching"] == found
    said = str(show(found))
    assert "continuous" in said
    assert "4 requests of 3 to 48 prompt tokens, 2 to 5 new ones" in said
    figure = charts.figure(found)
    assert [len(trace.y) for trace in figure.data] == [5, 5, 5]
    assert "padding" in figure.to_json()
    assert charts.batching(None, charts.LIGHT)["layout"]["annotations"]


def test_eager_attention_is_served_and_stays(session: wb.Session) -> None:
    session.apply(attention="eager")
    try:
        found = session.batching(WORK, ways=("padded", "packed", "continuous"), **QUICK)
        assert [way.tokens.differing for way in found.ways if way.tokens] == [0, 0, 0]
        assert found.of("continuous").attention == "paged|eager"
        assert session.resolved.attention == "eager"
        assert session.generate("hello", 2)[0].token_ids
    finally:
        session.apply(CONFIG)


def test_mla_packs_and_its_paged_cache_becomes_a_reason(tiny_mla: str) -> None:
    with wb.Session(tiny_mla, config=CONFIG.replace(attention="eager"), host="inline") as session:
        found = session.batching(WORK, ways=("padded", "packed", "continuous"), **QUICK)
        packed = found.of("packed")
        assert packed.why_not is None
        assert packed.tokens is not None
        assert packed.tokens.differing == 0
        assert "latent cache" in str(found.of("continuous").why_not)
        assert found.of("continuous").mean == {}
        assert session.resolved.attention == "eager"  # not paged|eager
        assert session.generate("hello", 2)[0].token_ids
        assert "latent cache" in str(show(found))


def test_a_lost_mask_is_seen_in_the_tokens(session: wb.Session) -> None:
    session.apply(attention_mask="ones")
    try:
        found = session.batching(WORK, ways=("padded",), **QUICK)
        same = found.of("padded").tokens
        assert same is not None
        assert not same.ok
        assert same.differing
        assert "are not those of the prompt alone" in str(show(found))
    finally:
        session.apply(CONFIG)


def test_prompts_that_see_each_other_would_be_noticed(session: wb.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def causal_only(_bench: object, lengths: list[int], device: object) -> dict[str, Any]:
        import torch

        total = sum(lengths)
        return {"attention_mask": torch.ones(total, total, dtype=torch.bool).tril()[None, None]}

    monkeypatch.setattr(packing, "_boundaries", causal_only)
    same = session.batching(WORK, ways=("packed",), **QUICK).of("packed").tokens
    assert same is not None
    assert not same.ok


@pytest.mark.parametrize(
    ("change", "way", "code"),
    [
        ({"cache": "static"}, "packed", "batching.packed_cache"),
        ({"cache": "static"}, "continuous", "batching.continuous_cache"),
        ({"autocast": "bfloat16"}, "continuous", "batching.continuous_thread"),
        ({"attention": "eager", "cache": "static"}, "continuous", "batching.continuous_cache"),
    ],
)
def test_what_a_setting_rules_out_has_its_reason(
    session: wb.Session, change: dict[str, Any], way: str, code: str
) -> None:
    session.apply(**change)
    try:
        found = session.batching(WORK, ways=("padded", way), **QUICK)
        why_not = found.of(way).why_not
        assert why_not is not None
        assert why_not.code == code
        assert found.of("padded").why_not is None
    finally:
        session.apply(CONFIG)


def test_a_failing_way_leaves_the_others_and_the_model(session: wb.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: object, **_options: object) -> None:
        raise ValueError("no pages today")

    monkeypatch.setattr(type(session.model), "init_continuous_batching", refuse)
    found = session.batching(WORK, ways=("padded", "continuous"), **QUICK)
    assert "no pages today" in str(found.of("continuous").why_not)
    assert found.of("padded").rounds >= 3


def test_no_memory_for_a_way_is_told_before_it_runs(session: wb.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    real = operation.forecasts.forecast

    def small(facts: object, config: object, work: wb.Workload, *given: object, **options: object) -> Forecast:
        known = real(facts, config, work, *given, **options)  # type: ignore[arg-type]
        return known.model_copy(update={"fits": work.batch_size < 3})

    monkeypatch.setattr(operation.forecasts, "forecast", small)
    found = session.batching(WORK, ways=("one_by_one", "padded"), **QUICK)
    assert "4 rows of 52 tokens: the forecast asks for" in str(found.of("padded").why_not)
    assert found.of("one_by_one").ratio == {}
    with pytest.raises(wb.CapabilityError) as caught:
        session.batching(WORK, ways=("padded",), **QUICK)
    assert "4 rows of 52 tokens" in str(caught.value)


def test_an_out_of_memory_of_one_way_is_survived(session: wb.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def beyond(*_given: object) -> None:
        torch.empty(10**15)

    monkeypatch.setattr(packing, "prefill", beyond)
    found = session.batching(WORK, ways=("padded", "packed"), **QUICK)
    assert found.of("packed").why_not is not None
    assert found.of("packed").why_not.code == "scan.out_of_memory"  # type: ignore[union-attr]
    assert found.of("padded").rounds >= 3


@pytest.mark.parametrize(
    ("options", "kind", "code"),
    [
        ({"ways": ("padded", "folded")}, wb.ConfigError, "batching.unknown_way"),
        ({"buckets": 0}, wb.ConfigError, "batching.buckets"),
        ({"width": 0}, wb.ConfigError, "batching.width"),
        ({"buckets": 2, "width": 8}, wb.ConfigError, "batching.both"),
        ({"answers": (4, 4)}, wb.ConfigError, "batching.answers"),
        ({"answers": (4, 4, 1, 4)}, wb.ConfigError, "batching.answers"),
    ],
)
def test_bad_input_is_refused(
    session: wb.Session, options: dict[str, Any], kind: type[wb.WorkbenchError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        session.batching(WORK, **options)
    assert caught.value.code == code


def test_speculation_and_batches_exclude_each_other(session: wb.Session) -> None:
    session.apply(speculation="prompt_lookup")
    try:
        with pytest.raises(wb.CapabilityError, match="single row"):
            session.batching(WORK)
        with pytest.raises(wb.ConfigError):
            session.scan("batch_size", [1, 2], workload=WORK)
    finally:
        session.apply(CONFIG)


def test_penalties_in_force_leave_the_tokens_alone(session: wb.Session) -> None:
    session.apply(repetition_penalty=1.8, no_repeat_ngram_size=2)
    try:
        found = session.batching(WORK.replace(new_tokens=8), ways=("padded", "packed", "continuous"), **QUICK)
        assert [way.tokens.differing for way in found.ways if way.tokens] == [0, 0, 0]
    finally:
        session.apply(CONFIG)


def test_beyond_the_context_is_refused_with_the_numbers_before_anything_runs(session: wb.Session) -> None:
    limit = session.facts.context_length
    with pytest.raises(wb.ConfigError) as caught:
        session.batching(WORK.replace(prompt_tokens=limit - 2))
    said = str(caught.value)
    assert str(limit + 2) in said
    assert f"holds {limit}" in said
    assert "at most 2 new tokens" in said


def test_an_empty_prompt_among_unequal_ones_is_refused() -> None:
    with pytest.raises(wb.ConfigError, match="empty prompt"):
        wb.Workload(prompts=["a long question about the sea", "  ", "hi"])


def test_prompts_of_a_file_are_the_requests_and_the_verb_prints_them(
    demo_home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text('"the sea"\n{"prompt": "a long walk along the shore, and back again before it is dark"}\n')
    words = ["batching", LLAMA, "--set", "dtype=float32", "--prompts", str(path), "--new-tokens", "3"]
    assert main([*words, "--ways", "padded,packed", "--precision", "0.9", "--budget", "1"]) == 0
    out = capfd.readouterr().out
    assert "2 requests of" in out
    assert "packed" in out


@pytest.mark.parametrize("count", [1, 2, 3, 8, 9])
def test_the_built_in_requests_mix_their_lengths(count: int) -> None:
    lengths = mixed_lengths(160, count)
    assert len(lengths) == count
    assert max(lengths) == 160
    if count > 2:
        assert min(lengths) == 10
        assert len(set(lengths)) == count
        assert lengths != sorted(lengths)


def test_stop_ends_continuous_batching_and_the_attention_is_back(session: wb.Session) -> None:
    session.apply(attention="eager")
    try:
        stopping = session.on(
            "progress", lambda event: event.data["what"].code == "progress.batching" and session.stop()
        )
        with pytest.raises(wb.Stopped):
            session.batching(WORK.replace(new_tokens=64), ways=("continuous",), **QUICK)
        stopping()
        assert session.resolved.attention == "eager"

        # the hook that counted is gone
        assert not session.model._forward_pre_hooks
    finally:
        session.apply(CONFIG)
