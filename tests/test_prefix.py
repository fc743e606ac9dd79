"""Session.prefix: a kept KV cache continued, against the whole prompt computed anew; and such caches on disk."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import workbench as wb
from workbench.charts import figure
from workbench.errors import StoreError
from workbench.probes import kv
from workbench.probes.prefix import Prefix
from workbench.results import PrefixReuse
from workbench.runs.artifacts import artifact
from workbench.runs.prefixes import differing
from workbench.widgets.tables import show

CONFIG = wb.Config(dtype="float32", threads=1)
TEXT = "The quick brown fox jumps over the lazy dog. " * 3
QUICK = {"precision": 5.0, "budget_s": 30.0, "new_tokens": 6}  # six pairs reach the precision


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session("random:deepseek-llm-7b-base?scale=tiny&layers=2", config=CONFIG, host="inline") as session:
        yield session


@pytest.fixture(scope="module")
def found(session: wb.Session) -> PrefixReuse:
    return session.prefix([16, 64], **QUICK)


@pytest.mark.parametrize("model", ["deepseek-v2-lite", "deepseek-v3", "deepseek-r1-distill-qwen-7b"])
def test_latent_and_grouped_caches_are_continued_too(demo_home: Path, model: str) -> None:
    with wb.Session(f"random:{model}?scale=tiny&layers=2", config=CONFIG, host="inline") as session:
        point = session.prefix(32, **QUICK).points[0]
        held = 32 * session.facts.kv_bytes_per_token
    assert (point.tokens, point.reused, point.prompt_tokens, point.computed) == (32, 32, 48, 16)
    assert point.level in ("same", "agrees", "rounding")
    assert point.cache_bytes == held


def test_only_what_follows_is_computed_and_the_answers_stay(found: PrefixReuse, session: wb.Session) -> None:
    assert [point.computed for point in found.points] == [16, 16]
    assert [point.proportion for point in found.points] == [0.5, 0.2]
    for point in found.points:
        assert point.level in ("same", "agrees")
        assert point.first_divergence is None
        assert point.pairs == len(point.samples) >= 6
        assert 0 < point.copy_s < 1
        assert point.gain_share == pytest.approx((1 - point.ratio) / (1 - point.proportion))
    stored = session.runs.list(kind="prefix")[0]
    assert PrefixReuse.from_dict(stored["result"]) == found


def test_a_wrong_cache_is_not_the_same_answer(session: wb.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    right = kv.copied

    def wrong(bench: object, cache: object, tokens: int) -> object:
        copy = right(bench, cache, tokens)  # type: ignore[arg-type]
        for layer in copy.layers:
            layer.values = layer.values.flip(-2)
        return copy

    monkeypatch.setattr(kv, "copied", wrong)
    point = session.prefix(32, **QUICK).points[0]
    assert point.level == "wrong"
    assert str(point.agreement).startswith("WRONG")


def test_a_text_whose_last_token_joins_the_next_is_reused_up_to_it() -> None:
    prefix = Prefix(torch.tensor([[1, 2, 3]]), (), None)
    assert prefix.reused(torch.tensor([[1, 2, 9, 4]])) == 2
    assert prefix.reused(torch.tensor([[1, 2, 3]])) == 2  # one token at least is computed
    assert prefix.reused(torch.tensor([[7, 2, 3]])) == 0


def test_several_prompts_follow_one_text(session: wb.Session) -> None:
    found = session.prefix(TEXT, ["Why?", " And then it slept all day."], **QUICK)
    assert found.prompts == 2
    assert found.points[0].level in ("same", "agrees")


def test_a_saved_prefix_is_taken_and_another_model_named(session: wb.Session) -> None:
    saved = session.save_prefix(TEXT, "fox")
    assert saved.cache_bytes == saved.tokens * session.facts.kv_bytes_per_token
    point = session.prefix(saved="fox", **QUICK).points[0]
    assert (point.tokens, point.build_s) == (saved.tokens, None)
    assert point.load_s is not None
    assert point.level in ("same", "agrees")
    try:
        session.apply(attention="eager")
        with pytest.raises(wb.CapabilityError, match="attention was sdpa, now eager"):
            session.prefix(saved="fox", **QUICK)
    finally:
        session.apply(attention="sdpa")
    with torch.no_grad():
        weight = session.model.model.layers[1].mlp.up_proj.weight
        before = weight[3, 5].clone()
        weight[3, 5] += 1
    try:
        with pytest.raises(wb.CapabilityError, match="weights was"):
            session.prefix(saved="fox", **QUICK)
    finally:
        with torch.no_grad():
            weight[3, 5] = before
    session.prefix(saved="fox", **QUICK)


def test_a_file_cut_short_or_changed_is_refused(session: wb.Session) -> None:
    session.save_prefix(24, "cut")
    path = artifact("prefix-cut.safetensors")
    whole = path.read_bytes()
    path.write_bytes(whole[:-8])
    with pytest.raises(StoreError, match="cut short"):
        session.prefix(saved="cut", **QUICK)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(StoreError, match="not what was written"):
        session.prefix(saved="cut", **QUICK)
    path.write_bytes(whole)
    description = artifact("prefix-cut.json")
    description.write_text(json.dumps({**json.loads(description.read_text()), "tokens": "many"}))
    with pytest.raises(StoreError, match="not what was written"):
        session.prefix(saved="cut", **QUICK)
    with pytest.raises(StoreError, match="no saved prefix"):
        session.prefix(saved="never", **QUICK)
    with pytest.raises(StoreError):
        session.save_prefix(24, "../out")


def test_what_differs_is_named_whichever_side_lacks_it() -> None:
    assert differing({"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"}) == {"b": ("2", "3"), "c": ("-", "4")}


@pytest.mark.parametrize("asked", [0, -3, "", [], True, 1.5, [8, None]])
def test_what_is_no_prefix(session: wb.Session, asked: object) -> None:
    with pytest.raises(wb.ConfigError):
        session.prefix(asked, **QUICK)  # type: ignore[arg-type]


def test_limits_come_before_the_run(session: wb.Session) -> None:
    with pytest.raises(wb.ConfigError, match="context"):
        session.prefix(session.facts.context_length - 4, **QUICK)
    with pytest.raises(wb.ConfigError, match="more than the"):
        session.save_prefix(64, "large", most_bytes=1000)
    assert not artifact("prefix-large.safetensors").exists()
    with pytest.raises(wb.ConfigError, match="Both"):
        session.prefix(16, saved="fox")
    session.apply(cache="static")
    try:
        with pytest.raises(wb.CapabilityError, match="cache='static'"):
            session.prefix(16, **QUICK)
    finally:
        session.apply(cache="dynamic")


def test_shown_and_drawn(found: PrefixReuse) -> None:
    table = show(found)
    assert [row[0] for row in table.rows] == ["16", "64"]
    assert any("In proportion" in each or "in proportion" in each for each in table.remarks)
    drawn = figure(found)
    assert list(drawn.data[1].y) == [0.5, 0.2]
