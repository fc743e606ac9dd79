"""The engine on a tiny Llama: what changes live, what reloads, and that a failure leaves the old state."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from workbench.catalog.sources import find
from workbench.config import Config
from workbench.engine.demo import gguf_file
from workbench.engine.engine import Engine
from workbench.errors import CapabilityError, ConfigError, ModelError, OutOfMemory, Stopped
from workbench.probes import timing
from workbench.probes.context import Context
from workbench.results import MatmulRate, Workload, of_bandwidth

pytestmark = pytest.mark.model

TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=2"


def context(stop: threading.Event | None = None) -> Context:
    return Context(lambda _name, _data: None, stop)


@pytest.fixture
def engine(demo_home: Path) -> Iterator[Engine]:
    before = torch.get_num_threads()
    engine = Engine()
    engine.open(find(TINY), Config(dtype="float32"), context())
    yield engine
    engine.close()
    torch.set_num_threads(before)


def logits(engine: Engine) -> torch.Tensor:
    with torch.inference_mode():
        return engine.model(torch.arange(1, 33)[None]).logits


def test_attention_switches_on_the_resident_model(engine: Engine) -> None:
    model, weights = engine.model, engine.model.get_input_embeddings().weight
    before = logits(engine)
    applied = engine.apply(engine.config.replace(attention="eager"), context())
    assert (applied.cost, applied.reloaded) == ("live", False)
    assert engine.resolved().attention == "eager"
    assert engine.model is model
    assert engine.model.get_input_embeddings().weight is weights
    torch.testing.assert_close(logits(engine), before, atol=1e-3, rtol=1e-3)


def test_dtype_reloads_and_is_read_back(engine: Engine) -> None:
    before = engine.resolved().weight_bytes
    applied = engine.apply(engine.config.replace(dtype="bfloat16"), context())
    assert (applied.cost, applied.resolved.dtype) == ("reload", "bfloat16")
    assert applied.resolved.weight_bytes == pytest.approx(before / 2, rel=0.01)
    assert applied.residue_bytes is not None
    assert engine.resolved().differences(engine.config) == ()


def test_cache_is_what_the_generation_used(engine: Engine) -> None:
    assert engine.resolved().cache == "dynamic"
    engine.apply(engine.config.replace(cache="static"), context())
    assert engine.resolved().cache == "static"
    assert type(engine.model.generate(torch.ones((1, 2), dtype=torch.long), max_new_tokens=1)).__name__ == "Tensor"


def test_tokens_reach_model_and_tokenizer_and_auto_brings_the_originals_back(engine: Engine) -> None:
    pad, eos = engine.tokenizer.pad_token_id, engine.model.generation_config.eos_token_id
    engine.apply(engine.config.replace(pad_token=7, eos_token_ids=(3, 5), padding_side="right"), context())
    resolved = engine.resolved()
    assert (resolved.pad_token_id, resolved.eos_token_ids, resolved.padding_side) == (7, (3, 5), "right")
    assert engine.tokenizer.pad_token_id == 7
    engine.apply(Config(dtype="float32"), context())
    assert engine.tokenizer.pad_token_id == pad
    assert engine.resolved().eos_token_ids == ((eos,) if isinstance(eos, int) else tuple(eos or (2,)))


def test_threads_are_set_in_the_computing_thread(engine: Engine) -> None:
    engine.apply(engine.config.replace(threads=2), context())
    assert (torch.get_num_threads(), engine.resolved().threads) == (2, 2)
    engine.apply(engine.config.replace(threads=1), context())
    assert torch.get_num_threads() == 1


def test_an_id_beyond_the_vocabulary_is_refused_and_the_old_state_stays(engine: Engine) -> None:
    before = engine.resolved()
    with pytest.raises(ConfigError, match="beyond the vocabulary of 49152"):
        engine.apply(engine.config.replace(attention="eager", pad_token=49152), context())
    assert engine.resolved() == before
    assert engine.model.config._attn_implementation == "sdpa"


def test_a_failed_load_brings_the_old_model_back(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    load = engine._checkpoint.model  # type: ignore[union-attr]

    def no_room_in_bfloat16(config: Config, device: torch.device, way: Any) -> Any:
        if config.dtype == "bfloat16":
            raise torch.OutOfMemoryError("Tried to allocate 20.00 GiB")
        return load(config, device, way)

    monkeypatch.setattr(engine._checkpoint, "model", no_room_in_bfloat16)
    with pytest.raises(OutOfMemory, match=r"20\.00 GiB"):
        engine.apply(engine.config.replace(dtype="bfloat16"), context())
    assert engine.resolved().dtype == "float32"
    assert engine.generate(context(), ["The sea"], 2)[0].finish_reason in ("length", "eos")


def test_stop_before_a_reload_keeps_the_model(engine: Engine) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        engine.apply(engine.config.replace(dtype="bfloat16"), context(stop))
    assert engine.resolved().dtype == "float32"


def test_stop_lands_between_two_layers_of_a_prefill(engine: Engine) -> None:
    stop = threading.Event()
    layers_run = []
    for index, layer in enumerate(engine.model.model.layers):
        layer.register_forward_hook(lambda *_args, index=index: (layers_run.append(index), stop.set()))
    with pytest.raises(Stopped):
        engine.generate(context(stop), ["The sea " * 50], 4)
    assert layers_run == [0]


def test_stop_lands_between_two_tokens(engine: Engine) -> None:
    stop = threading.Event()
    tokens = []

    def emit(name: str, data: Any) -> None:
        if name == "token":
            tokens.append(data)
            if len(tokens) == 3:
                stop.set()

    engine.apply(engine.config.replace(eos_token_ids=(49151,)), context())
    with pytest.raises(Stopped):
        engine.generate(Context(emit, stop), ["The sea"], 50)
    assert [chunk.finish_reason for chunk in tokens] == [None, None, None, "stopped"]


def test_chunks_add_up_to_the_completion(engine: Engine) -> None:
    pieces: dict[int, str] = {0: "", 1: ""}
    ids: dict[int, list[int]] = {0: [], 1: []}

    def emit(name: str, data: Any) -> None:
        if name == "token":
            pieces[data.row] += data.text
            ids[data.row].append(data.token_id)

    completions = engine.generate(Context(emit), ["海は青い。", "A longer prompt about the sea"], 24)
    for row, completion in enumerate(completions):
        assert tuple(ids[row]) == completion.token_ids
        assert completion.text.startswith(pieces[row])


@pytest.mark.parametrize("prompts", [[""], ["fine", "   "]])
def test_an_empty_prompt_is_named(engine: Engine, prompts: list[str]) -> None:
    with pytest.raises(ConfigError, match=f"Prompt {len(prompts) - 1} is empty"):
        engine.generate(context(), prompts, 4)


def test_a_prompt_beyond_the_context_is_refused_before_the_run(engine: Engine) -> None:
    limit = engine.facts.context_length
    workload = Workload(prompt_tokens=limit, new_tokens=4)
    with pytest.raises(ConfigError, match=f"beyond the context of {limit}"):
        engine.probe(timing.run, {"workload": workload.to_dict()}, context())
    with pytest.raises(ConfigError, match=f"beyond the context of {limit}"):
        engine.generate(context(), ["sea"], limit)


def test_measure_counts_what_it_says(engine: Engine) -> None:
    workload = Workload(prompt_tokens=24, new_tokens=6, batch_size=2)
    rate = MatmulRate(format=engine.resolved().dtype, flops_per_s=1e12, ci95=(9e11, 1.1e12))
    ceilings = of_bandwidth("cpu:1", 1e10).model_copy(update={"matmul": (rate,)})
    parameters = {"workload": workload.to_dict(), "precision": 0.5, "ceilings": ceilings.to_dict()}
    result = engine.probe(timing.run, parameters, context())
    assert result.repeats >= timing.MIN_REPEATS
    assert result.itl_s.n == result.repeats * 5
    for ttft, tpot, e2e in zip(*(result.samples[name] for name in ("ttft_s", "tpot_s", "e2e_s")), strict=True):
        assert e2e == pytest.approx(ttft + 5 * tpot)
    assert result.samples["decode_tps"][0] == pytest.approx(2 / result.samples["tpot_s"][0])
    assert result.samples["prefill_tps"][0] == pytest.approx(2 * 24 / result.samples["ttft_s"][0])
    low, high = result.ci95["decode_tps"]
    assert low < result.decode_tps < high
    step, prompt = result.work["decode"], result.work["prefill"]
    assert result.decode_limit_share == pytest.approx(step.bytes / 1e10 / result.tpot_s)
    assert result.prefill_limit_share == pytest.approx(prompt.flops / 1e12 / result.ttft_s)
    assert result.peak_bytes > result.resolved.weight_bytes
    assert "model.random_weights" in [flag.code for flag in result.flags]
    assert result.itl_s.p99 is None or result.itl_s.n >= 100


def test_an_end_token_does_not_shorten_a_measurement(engine: Engine) -> None:
    with torch.inference_mode():
        first = int(engine.model(torch.ones((1, 8), dtype=torch.long)).logits[0, -1].argmax())
    engine.apply(engine.config.replace(eos_token_ids=(first,)), context())
    result = engine.probe(
        timing.run, {"workload": Workload(prompt_tokens=8, new_tokens=8).to_dict(), "precision": 9.0}, context()
    )
    assert result.itl_s.n == result.repeats * 7


def test_an_implementation_that_transformers_refuses_keeps_the_old_one(engine: Engine) -> None:
    from workbench.engine import live

    with pytest.raises(CapabilityError, match="nonsense"):
        live.set_attention(engine.model, "nonsense")
    assert engine.model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/no/such/folder", "There is nothing at"),
        ("", "is not a model name"),
        ("a b c", "is not a model name"),
        ("random:no-such-model", "no-such-model"),
    ],
)
def test_names_that_lead_nowhere(demo_home: Path, name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Engine().open(find(name), Config(), context())


def write_model(folder: Path, **config: Any) -> Path:
    import json

    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_folder_with_pickled_weights_is_refused_unread(tmp_path: Path) -> None:
    write_model(tmp_path, model_type="llama")
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    with pytest.raises(ModelError, match="only as a pickle"):
        Engine().open(find(str(tmp_path)), Config(), context())


def test_a_folder_that_needs_its_own_code_is_refused(tmp_path: Path, engine: Engine) -> None:
    engine.model.save_pretrained(tmp_path)
    engine.tokenizer.save_pretrained(tmp_path)
    write_model(
        tmp_path,
        model_type="made_up",
        auto_map={"AutoConfig": "configuration_x.C", "AutoModelForCausalLM": "modeling_x.M"},
    )
    (tmp_path / "configuration_x.py").write_text("raise SystemExit('ran')")
    with pytest.raises(ModelError, match="needs code from its own repository"):
        Engine().open(find(str(tmp_path)), Config(), context())


def test_a_cut_off_weight_file_is_named(tmp_path: Path, engine: Engine) -> None:
    engine.model.save_pretrained(tmp_path)
    engine.tokenizer.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelError, match="damaged"):
        Engine().open(find(str(tmp_path)), Config(), context())


def test_a_local_folder_loads_and_its_path_stays_out_of_the_facts(tmp_path: Path, engine: Engine) -> None:
    folder = tmp_path / "my model"
    engine.model.save_pretrained(folder)
    engine.tokenizer.save_pretrained(folder)
    other = Engine()
    other.open(find(str(folder)), Config(), context())
    assert other.facts.name == "my model"
    torch.testing.assert_close(logits(other), logits(engine))


def test_a_gguf_file_loads_with_its_weights_unpacked(demo_home: Path) -> None:
    engine = Engine()
    engine.open(find(str(gguf_file())), Config(dtype="bfloat16"), context())
    assert engine.facts.parameters == 134_515_008
    assert engine.resolved().dtype == "bfloat16"
    assert engine.generate(context(), ["Write one sentence about the sea."], 3)[0].text.startswith("The")
    engine.close()
