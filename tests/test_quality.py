"""Quality of the resident model against a stored reference: made once, believed only when whole, and damage is seen."""

import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tokenizers import decoders

import workbench as wb
from tests.conftest import workers
from workbench import references
from workbench.results import QualityDiff
from workbench.runs import artifact
from workbench.runs.references import logits_name
from workbench.suites import suite

pytestmark = pytest.mark.model

TINY = "random:deepseek-llm-7b-base?scale=tiny"
FULL = wb.Config(dtype="float32")


@pytest.fixture(scope="module")
def home(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home of this module's own, so that references are made here."""
    own = tmp_path_factory.mktemp("quality-home")
    (own / "models").symlink_to(demo_home / "models", target_is_directory=True)
    (own / "machine.json").write_bytes((demo_home / "machine.json").read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(own))
        yield own


@pytest.fixture(scope="module")
def text(home: Path) -> Path:
    """A person's own text: one passage, so that it is quick."""
    path = home / "own.txt"
    path.write_text(" ".join(f"The {number}th wave was larger than the one before it." for number in range(1, 30)))
    return path


@pytest.fixture(scope="module")
def bench(home: Path, text: Path) -> Iterator[wb.Session]:
    """A tiny model in float32, in this process, whose reference over `text` is on disk."""
    with wb.Session(TINY, host="inline", config=FULL) as session:
        session.quality(suite=text)
        yield session


@pytest.fixture
def restored(bench: wb.Session) -> Iterator[wb.Session]:
    """The same, its weights and tokenizer put back afterwards."""
    whole = {name: tensor.clone() for name, tensor in bench.model.state_dict().items()}
    yield bench
    bench.model.load_state_dict(whole)


def stored(session: wb.Session, text: Path) -> Path:
    """The logits of the reference that `session.quality(suite=text)` uses."""
    bench, read = session._bench, suite(text)
    return artifact(logits_name(references.wanted(bench, read).key))


def codes(found: QualityDiff) -> set[str]:
    return {flag.code for flag in found.flags}


def test_the_model_against_itself_shows_no_difference(bench: wb.Session) -> None:
    found = bench.quality(suite="default")
    assert found.verdict.code == "quality.no_difference"
    assert found.overall.kld.mean_ci95[0] <= found.noise_floor.kld_mean < 1e-5
    assert set(found.noise_floor.by) == {"storage", "attention", "batch", "padding"}
    assert found.reference_seconds > 0
    assert found.choices is not None
    assert found.choices.flips == 0
    assert found.same_top == 1
    assert found.ppl_ratio == pytest.approx(1, abs=1e-5)
    assert found.first_divergence is None
    assert found.decode_path is not None
    assert found.decode_path.kld.mean < 1e-5
    assert list(found.by_domain) == [
        "chinese", "chinese_punctuation", "mathematics", "code", "english", "long_context"
    ]  # fmt: skip
    assert sum(block.positions for block in found.by_domain.values()) == found.overall.positions
    assert bench.config == FULL
    assert bench.resolved.attention == "sdpa"
    assert bench.last["quality"] == found
    assert bench.runs.list(kind="quality")
    assert QualityDiff.from_json(found.to_json()) == found


def test_a_shuffled_layer_is_caught_by_kld(restored: wb.Session, text: Path) -> None:
    weight = restored.model.model.layers[0].mlp.down_proj.weight
    with torch.no_grad():
        weight.copy_(weight.flatten()[torch.randperm(weight.numel(), generator=torch.manual_seed(0))].view_as(weight))
    found = restored.quality(suite=text)
    assert found.kld_mean > 0.05
    assert found.same_top < 0.8
    assert found.decode_path is not None
    assert found.decode_path.kld.mean > 0.05
    assert found.first_divergence is not None
    assert found.degeneration is not None


def test_a_round_trip_through_16_bits_is_small_and_above_the_floor(restored: wb.Session, text: Path) -> None:
    with torch.no_grad():
        for parameter in restored.model.parameters():
            parameter.copy_(parameter.bfloat16().float())
    found = restored.quality(suite=text)
    assert 5 * found.noise_floor.kld_mean < found.kld_mean_ci95[0]
    assert found.kld_mean < 0.01
    assert 0.9 < found.same_top < 1
    assert found.verdict.code == "quality.nearly_lossless"


def test_a_dropped_token_is_caught_by_the_largest_kld(restored: wb.Session, text: Path) -> None:
    # the 60th token of a text is lost; what comes before it is untouched, what answers say too
    def drop(_module: object, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        if output.shape[1] > 90:
            output[:, 59] = 0
        return output

    handle = restored.model.get_input_embeddings().register_forward_hook(drop)
    try:
        found = restored.quality(suite=text)
    finally:
        handle.remove()
    spread = found.overall.kld.percentiles
    assert spread["10"] < 1e-5  # what stands before it
    assert spread["max"] > 0.05
    assert found.overall.delta_p is not None
    assert found.decode_path is not None
    assert found.decode_path.kld.mean < 1e-5


def test_wrong_padding_is_caught_by_the_decode_path_alone(bench: wb.Session, text: Path) -> None:
    before = bench.config
    try:
        bench.apply(attention_mask="ones")
        found = bench.quality(suite=text)
    finally:
        bench.apply(before)
    assert found.verdict.code == "quality.decode_only"
    assert found.decode_path is not None
    assert found.decode_path.kld.mean > 1e-3


def test_nan_is_counted_named_and_never_averaged(bench: wb.Session, text: Path) -> None:
    # at some positions only: in the hidden states it would reach them all, since 0 × NaN is NaN
    def overflow(_module: object, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        if output.shape[1] > 100:
            output[:, 5:8, 3] = math.inf
        return output

    handle = bench.model.get_output_embeddings().register_forward_hook(overflow)
    try:
        found = bench.quality(suite=text)
    finally:
        handle.remove()
    assert found.overall.bad_positions > 0
    assert found.overall.bad_positions % 3 == 0
    assert "quality.bad_positions" in codes(found)
    assert found.overall.kld.mean < 1e-5  # of the others


def test_nothing_but_nan_is_an_error(restored: wb.Session, text: Path) -> None:
    with torch.no_grad():
        restored.model.get_output_embeddings().weight[3] = math.inf
    with pytest.raises(wb.ModelError) as caught:
        restored.quality(suite=text)
    assert caught.value.code == "quality.all_bad"


def test_a_tokenizer_that_loses_text_gives_no_numbers(restored: wb.Session, text: Path) -> None:
    backend = restored.tokenizer.backend_tokenizer
    decoder = backend.decoder
    try:
        backend.decoder = decoders.Sequence([decoder, decoders.Replace(" ", "")])
        with pytest.raises(wb.ModelError) as caught:
            restored.quality(suite=text)
    finally:
        backend.decoder = decoder
    assert caught.value.code == "tokenizer.round_trip"


def test_a_reference_of_another_vocabulary_is_refused_by_name(bench: wb.Session, text: Path) -> None:
    description = stored(bench, text).with_suffix(".json")
    before = description.read_text(encoding="utf-8")
    description.write_text(json.dumps(json.loads(before) | {"vocabulary": 50_000}), encoding="utf-8")
    with pytest.raises(wb.ModelError) as caught:
        bench.quality(suite=text)
    description.write_text(before, encoding="utf-8")
    assert caught.value.code == "quality.vocabulary"
    assert "50000" in str(caught.value)
    assert bench.config == FULL


def test_a_reference_cut_short_is_made_again_and_says_so(bench: wb.Session, text: Path) -> None:
    path = stored(bench, text)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = bench.quality(suite=text)
    assert "quality.reference_remade" in codes(found)
    assert found.reference_seconds > 0
    assert found.verdict.code == "quality.no_difference"
    assert "quality.reference_remade" not in codes(bench.quality(suite=text))


def test_the_most_likely_tokens_alone_hide_no_more_than_they_say(
    restored: wb.Session, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = wb.Config(dtype="float32")
    with monkeypatch.context() as patch:
        patch.setattr("workbench.runs.references.MOST_BYTES", 8 * 2**20)
        restored.quality(reference=given, suite=text)
    with torch.no_grad():
        for parameter in restored.model.parameters():
            parameter.copy_(parameter.bfloat16().float())
    whole, few = restored.quality(suite=text), restored.quality(reference=given, suite=text)
    assert whole.overall.tail_bound == 0
    assert "quality.tail" in codes(few)
    assert few.reference["attention"] == "sdpa"
    assert few.kld_mean < 1.02 * whole.kld_mean
    assert whole.kld_mean < 1.02 * few.kld_mean + few.overall.tail_bound


def test_without_live_ways_the_model_makes_room_and_comes_back(bench: wb.Session, text: Path) -> None:
    half = FULL.replace(dtype="bfloat16")
    with wb.Session(TINY, host="inline", config=half) as session:
        path = stored(session, text)
        assert path == stored(bench, text)  # the same weights, text and reference: one file
        path.unlink()
        assert session.quality_cost(suite=text).reference == "alternating"
        found = session.quality(suite=text)
        assert session.config == half
        assert session.resolved.dtype == "bfloat16"
        assert session.quality_cost(suite=text).reference == "stored"
        assert found.reference["dtype"] == "float32"
        assert found.reference_bytes == pytest.approx(2 * found.weight_bytes, rel=0.05)
        assert "0.5" not in str(found.verdict).partition(",")[0]  # memory is told against 16 bits, not 32
        assert found.kld_mean > found.noise_floor.kld_mean
        path.unlink()
        session.tokenizer.backend_tokenizer.decoder = decoders.Replace(" ", "")
        with pytest.raises(wb.ModelError):
            session.quality(suite=text)
        assert session.resolved.dtype == "bfloat16"  # also after an error


def test_a_second_worker_makes_it_and_stop_ends_it(home: Path, text: Path) -> None:
    half = FULL.replace(dtype="bfloat16")
    made = threading.Event()
    with wb.Session(TINY, config=half) as session:
        for suffix in (".safetensors", ".json"):
            stored(session, text).with_suffix(suffix).unlink(missing_ok=True)
        assert session.quality_cost(suite=text).reference == "two_engines"
        session.on("progress", lambda event: made.set() if event.data["what"].code == "progress.quality_text" else None)
        future = session.submit("quality", suite=text)
        assert made.wait(120)
        session.stop()
        with pytest.raises(wb.Stopped):
            future.result(60)
        assert session.config == half
        assert not stored(session, text).with_suffix(".json").exists()
        found = session.quality(suite=text)
        assert len(workers()) == 1
        assert session.config == half
        assert stored(session, text).exists()
        assert found.kld_mean > found.noise_floor.kld_mean
        assert found.decode_path is not None


def test_an_attached_model_is_its_own_reference_and_says_so(bench: wb.Session, text: Path) -> None:
    with wb.Session.attach(bench.model, bench.tokenizer) as session:
        found = session.quality(suite=text)
        assert "quality.reference_attached" in codes(found)
        with pytest.raises(wb.CapabilityError) as caught:
            session.quality(reference=wb.Config(dtype="float16"), suite=text)
        assert caught.value.code == "quality.attached_reference"


@pytest.mark.parametrize("given", [{"dtype": "float32"}, "float32"])
def test_a_reference_that_is_no_config_is_refused(bench: wb.Session, given: object) -> None:
    with pytest.raises(wb.ConfigError) as caught:
        bench.quality(reference=given)  # type: ignore[arg-type]
    assert caught.value.code == "quality.bad_reference"


def test_a_prompt_that_leaves_no_room_for_an_answer_is_refused(bench: wb.Session, home: Path) -> None:
    path = home / "long.jsonl"
    path.write_text(json.dumps("word " * bench.facts.context_length), encoding="utf-8")
    with pytest.raises(wb.ConfigError) as caught:
        bench.quality(suite=path)
    assert caught.value.code == "probe.too_long"
