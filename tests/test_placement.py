"""Layers that the libraries place: in memory and on disk here; read back, forecast, traced, refused before a load."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

import workbench as wb
from tests.knobs.test_knobs import A100, CUDA_TORCH, machine
from workbench.advice.placement import offloaded
from workbench.catalog.random_names import parse
from workbench.cli.trace import lines
from workbench.engine.placing import inferred, kept_budgets
from workbench.engine.random_model import describe
from workbench.forecast import forecast
from workbench.forecast.places import places_of
from workbench.forecast.plan import Plan
from workbench.forecast.shape import shape_of
from workbench.forecast.target import target_of
from workbench.forecast.weights import WeightBytes
from workbench.limits import work_of
from workbench.results import Gpu, Trace

NAME = "random:deepseek-llm-7b-base?scale=tiny"
CONFIG = wb.Config(dtype="float32", threads=1)
WORK = wb.Workload(prompt_tokens=8, new_tokens=4)
TABLE, LAYER, NORM = 49152 * 128 * 4, 656_384 + 1024, 128 * 4  # bytes of the tiny model in float32
TIGHT = f"cpu={2 * TABLE + LAYER + LAYER // 2}"  # the table, room for the head, one layer of three


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session(NAME, config=CONFIG, host="inline") as session:
        yield session


@pytest.fixture(scope="module")
def traced(session: wb.Session) -> Iterator[Trace]:
    session.apply(device_map="auto", max_memory=TIGHT)
    yield session.trace(WORK)
    session.apply(CONFIG)


def test_what_finds_no_room_is_read_from_disk_and_computes_the_same(session: wb.Session) -> None:
    before, whole = session.generate("one two three", max_new_tokens=6)[0].token_ids, session.resolved
    assert session.apply(device_map="auto", max_memory=TIGHT).reloaded
    state = session.resolved
    assert state.module_map["model.embed_tokens"] == state.module_map["model.layers.0"] == "cpu"
    assert state.module_map["model.layers.1"] == state.module_map["lm_head"] == "disk"
    assert state.boundaries == ("model.layers.1: cpu > disk",)
    assert state.offloaded_layers == 2
    assert set(state.bytes_by_place) == {"cpu", "disk"}
    assert sum(state.bytes_by_place.values()) == whole.bytes_by_place["cpu"]
    assert state.device == "cpu"
    assert state.differences(session.config) == ()
    assert session.generate("one two three", max_new_tokens=6)[0].token_ids == before
    session.apply(CONFIG)
    assert session.resolved.module_map == {}


def test_where_all_fits_nothing_is_moved(session: wb.Session) -> None:
    session.apply(device_map="balanced")
    assert (session.resolved.offloaded_layers, session.resolved.boundaries) == (0, ())
    assert set(session.resolved.bytes_by_place) == {"cpu"}
    session.apply(CONFIG)


def test_a_budget_that_cannot_hold_the_model_is_refused_while_the_old_one_stays(session: wb.Session) -> None:
    before = session.generate("one", max_new_tokens=3)[0].token_ids
    loaded = session.model
    with pytest.raises(wb.CapabilityError, match=r"needs at least 48\.0.MiB"):
        session.apply(device_map="auto", max_memory="cpu=47MiB")
    assert session.model is loaded
    assert session.config == CONFIG
    assert session.generate("one", max_new_tokens=3)[0].token_ids == before


def test_a_budget_that_was_not_kept_is_told(session: wb.Session) -> None:
    asked = CONFIG.replace(device_map="auto", max_memory="0=2B,cpu=10B")
    assert kept_budgets(asked, {"cuda:0": 2, "cpu": 7}) == ("0=2B", "cpu=10B")
    assert kept_budgets(asked, {"cuda:0": 3, "cpu": 7}) == ("0=3B", "cpu=10B")
    session.apply(device_map="auto", max_memory=TIGHT)
    asked = session.config.replace(max_memory="cpu=1MiB")
    over = session.resolved.model_copy(update={"max_memory": ("cpu=24MiB",)})
    session.apply(CONFIG)
    assert [each.knob for each in over.differences(asked)] == ["max_memory"]


def test_every_byte_that_crosses_is_counted(traced: Trace) -> None:
    """Two layers, the last norm and the head are read for each pass; a layer in its nine tensors."""
    for phase in traced.phases.values():
        found = {crossing.where: crossing for crossing in phase.crossings}
        assert set(found) == {"model.layers.1", "model.layers.2", "model.norm", "lm_head"}
        assert {each.what for each in found.values()} == {"weights"}
        assert {(each.source, each.target) for each in found.values()} == {("disk", "cpu")}
        assert found["lm_head"].bytes == TABLE
        assert found["model.norm"].bytes == NORM
        layer = traced_layer_bytes()
        assert found["model.layers.1"].bytes == found["model.layers.2"].bytes == layer
        assert found["model.layers.1"].times == 9
        assert all(each.seconds > 0 for each in found.values())
    written = "\n".join(lines(traced))
    assert "weights to model.layers.1" in written
    assert "20.0 crossings of" in written


def traced_layer_bytes() -> int:
    with torch.device("meta"):
        outline = AutoModelForCausalLM.from_config(describe(parse(NAME)), dtype=torch.float32)
    return sum(parameter.nbytes for parameter in outline.model.layers[1].parameters())


def test_hooks_are_left_as_they_were(traced: Trace, session: wb.Session) -> None:
    hooks = [module._hf_hook for module in session.model.modules() if hasattr(module, "_hf_hook")]
    assert hooks
    assert not any("pre_forward" in vars(hook) for hook in hooks)


def test_advice_puts_them_back(traced: Trace, session: wb.Session) -> None:
    from workbench.advice.evidence import Evidence

    seen = Evidence.__new__(Evidence)
    values = {
        "resolved": session.resolved,
        "facts": session.facts,
        "config": session.config,
        "machine": session.machine,
    }
    for name, value in values.items():
        object.__setattr__(seen, name, value)
    found = offloaded(seen)
    assert found is not None
    assert found.change == {"device_map": "none", "max_memory": "auto"}


def test_from_files(demo_home: Path, tmp_path: Path, session: wb.Session) -> None:
    """Nothing is written for what lies in safetensors already: it is read from there."""
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4}
    torch.manual_seed(0)
    made = AutoModelForCausalLM.from_config(LlamaConfig(**shape, vocab_size=49152, max_position_embeddings=256))
    made.save_pretrained(tmp_path / "m")
    session._bench.live("tokenizer").save_pretrained(tmp_path / "m")
    with wb.Session(str(tmp_path / "m"), config=CONFIG, host="inline") as own:
        before = own.generate("a b c", max_new_tokens=4)[0].token_ids
        own.apply(device_map="sequential", max_memory=f"cpu={2 * 49152 * 64 * 4 + 200_000}")
        assert own.resolved.offloaded_layers == 2
        assert own.generate("a b c", max_new_tokens=4)[0].token_ids == before

        snippet = own.export("transformers")
    snippet.save(tmp_path)
    (tmp_path / "ask.py").write_text(
        "import load_model as m\nt, model = m.load()\n"
        "print('IDS', m.generate(t, model, ['a b c'], 4)[0], sorted(set(map(str, model.hf_device_map.values()))))\n"
    )
    ran = subprocess.run([sys.executable, "ask.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert f"IDS {list(before)} ['cpu', 'disk']" in ran.stdout


def test_the_least_work_of_a_rank_is_its_part(session: wb.Session) -> None:
    one = work_of(session.facts, session.resolved, WORK)["decode"]
    part = work_of(session.facts, session.resolved.model_copy(update={"tp_size": 2}), WORK)["decode"]
    assert part.weight_flops == one.weight_flops / 2
    assert part.attention_flops == one.attention_flops / 2
    assert part.weight_bytes == one.weight_bytes  # counted in the rank itself


BIG = "deepseek-llm-7b-base"


def _gpus(*sizes: int) -> tuple[Gpu, ...]:
    return tuple(A100.model_copy(update={"index": at, "memory_bytes": size}) for at, size in enumerate(sizes))


@pytest.mark.parametrize("slug", [BIG, "deepseek-r1-distill-qwen-1.5b"])
@pytest.mark.parametrize("word", ["auto", "balanced_low_0", "sequential"])
@pytest.mark.parametrize(
    "budgets",
    [
        "0=10GiB,1=10GiB,cpu=8GiB",
        "0=40GiB,1=40GiB",
        "0=6GiB,1=6GiB,cpu=8GiB",
        "0=4GiB,1=4GiB,cpu=4GiB",
        "0=20GiB,1=20GiB",
        "cpu=9GiB",
    ],
)
def test_the_forecast_places_layers_as_the_library_does(slug: str, word: str, budgets: str) -> None:
    config = wb.Config(device_map=word, max_memory=budgets, dtype="bfloat16")
    where = machine(_gpus(80 << 30, 80 << 30), CUDA_TORCH)
    with torch.device("meta"):
        outline = AutoModelForCausalLM.from_config(describe(parse(f"random:{slug}")), dtype=torch.bfloat16)
    theirs = inferred(outline, config)
    at = {}
    for layer in range(int(shape_of(slug).config["num_hidden_layers"])):
        name = f"model.layers.{layer}"
        place = next(theirs[prefix] for prefix in (name, "model.layers", "model", "") if prefix in theirs)
        at.setdefault(f"cuda:{place}" if isinstance(place, int) else place, []).append(layer)
    shape, target = shape_of(slug), target_of(config, where, None, 0)
    ours = places_of(config, shape, WeightBytes.of(shape, Plan.of(config, shape, target)), where)
    assert {place.place: place.layers for place in ours if place.layers} == {
        name: len(found) for name, found in at.items()
    }


def test_the_forecast_says_what_fits_where() -> None:
    where = machine(_gpus(8 << 30, 8 << 30), CUDA_TORCH)
    spread = forecast(BIG, wb.Config(device_map="auto", dtype="bfloat16"), WORK, where)
    assert [place.place for place in spread.places] == ["cuda:0", "cuda:1", "cpu"]
    assert sum(place.weights for place in spread.places) == spread.weights + spread.offloaded
    whole = forecast(BIG, wb.Config(dtype="bfloat16"), WORK, where)
    assert whole.places == ()
    assert not whole.fits
    assert forecast(
        BIG, wb.Config(device_map="auto", dtype="bfloat16"), WORK, machine(_gpus(16 << 30, 16 << 30), CUDA_TORCH)
    ).fits


def test_the_forecast_of_ranks_is_that_of_one() -> None:
    where = machine(_gpus(16 << 30, 16 << 30), CUDA_TORCH)
    cut = forecast(BIG, wb.Config(tp_plan="auto", dtype="bfloat16"), WORK, where)
    whole = forecast(BIG, wb.Config(dtype="bfloat16"), WORK, where)
    assert [place.place for place in cut.places] == ["0 cuda:0", "1 cuda:1"]
    assert cut.weights == pytest.approx(whole.weights / 2, abs=1)
    assert cut.fits
