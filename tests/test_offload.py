"""Layers that wait elsewhere: accelerate really moves them here too, from disk; read back, counted, measured."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import workbench as wb
from tests.knobs.test_knobs import A100, CUDA_TORCH, ask, machine, model
from workbench.catalog.random_names import parse
from workbench.charts import figure
from workbench.decoding.offload import offload
from workbench.engine.offloading import device_map
from workbench.engine.random_model import describe
from workbench.forecast import forecast
from workbench.results import Offload
from workbench.widgets.tables import show

CONFIG = wb.Config(dtype="float32", threads=1)
NAME = "random:deepseek-llm-7b-base?scale=tiny"
WORK = wb.Workload(prompt_tokens=8, new_tokens=4)


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session(NAME, config=CONFIG, host="inline") as session:
        yield session


@pytest.fixture(scope="module")
def found(session: wb.Session) -> Offload:
    return session.offload([0, 1, 3], WORK, precision=5.0, budget_s=1.0)


def test_layers_wait_on_disk_and_compute_the_same(session: wb.Session) -> None:
    before = session.generate("one two three", max_new_tokens=6)[0].token_ids
    whole, census = session.resolved, session.census()
    applied = session.apply(offloaded_layers=2)
    state = session.resolved
    assert applied.reloaded
    assert state.offloaded_layers == 2
    assert state.device == "cpu"
    assert state.differences(session.config) == ()
    assert set(state.device_map) == set(state.bytes_by_place) == {"cpu", "disk"}
    assert sum(state.device_map.values()) == sum(whole.device_map.values())
    assert sum(state.bytes_by_place.values()) == whole.bytes_by_place["cpu"]
    assert state.weight_bytes == whole.weight_bytes
    assert sorted(session.census().now, key=str) == sorted(census.now, key=str)
    assert all(each.is_meta for each in session.model.model.layers[2].parameters())
    assert not any(each.is_meta for each in session.model.model.layers[0].parameters())
    assert session.generate("one two three", max_new_tokens=6)[0].token_ids == before
    with pytest.raises(wb.CapabilityError, match="not on the device"):
        session.save_prefix(16, "away")
    session.apply(offloaded_layers=0)
    assert session.resolved.bytes_by_place == whole.bytes_by_place


def test_the_curve(found: Offload, session: wb.Session) -> None:
    assert [point.layers for point in found.points] == [0, 1, 3]
    held = [point.device_bytes for point in found.points]
    assert held == sorted(held, reverse=True)
    assert len({point.device_bytes + point.away_bytes for point in found.points}) == 1
    assert found.points[0].away_bytes == 0
    assert found.points[0].layer_s is None
    assert found.points[2].layer_s is not None
    assert found.points[2].layer_s > 0  # bringing weights takes time, whatever the machine
    assert (found.device, found.elsewhere, found.layers) == ("cpu", "disk", 3)
    assert all(point.rounds >= 3 for point in found.points)
    assert found.loads == 6  # there and back: the turning points are not loaded anew
    assert session.config == CONFIG
    assert Offload.from_dict(session.runs.list(kind="offload")[0]["result"]) == found


def test_the_forecast_counts_what_stays(session: wb.Session) -> None:
    plain, half = (forecast(session.facts, CONFIG.replace(offloaded_layers=away), WORK) for away in (0, 2))
    assert half.offloaded > 0
    session.apply(offloaded_layers=2)
    try:
        assert half.offloaded == pytest.approx(session.resolved.bytes_by_place["disk"], rel=0.01)
    finally:
        session.apply(offloaded_layers=0)
    assert half.weights == plain.weights - half.offloaded + half.offloaded // 2  # one layer is there while it computes
    assert plain.offloaded == 0


@pytest.mark.parametrize("values", [[0], [1, 0], [0, 0], [-1, 2], [0, True], [0, 1.5]])
def test_values_that_cannot_be_tried(session: wb.Session, values: list[int]) -> None:
    with pytest.raises(wb.ConfigError):
        session.offload(values)


def test_too_many_and_beside_others(session: wb.Session) -> None:
    with pytest.raises(wb.CapabilityError, match="has 3 layers"):
        session.apply(offloaded_layers=4)
    with pytest.raises(wb.ConfigError, match="compile"):
        wb.Config(offloaded_layers=1, compile="default")
    with pytest.raises(wb.ConfigError, match="quantization"):
        wb.Config(offloaded_layers=1, quantization="bnb-nf4")
    assert not ask("offloaded_layers", 1, machine(), model(checkpoint_quantization="fp8")).ok
    on_gpu = ask("offloaded_layers", 1, machine((A100,), CUDA_TORCH), model())
    on_cpu = ask("offloaded_layers", 1, machine(), model())
    assert [each.note and each.note.code for each in (on_gpu, on_cpu)] == [
        "capability.note.offload_cpu",
        "capability.note.offload_disk",
    ]


def test_the_map_beside_a_gpu_keeps_tables_and_head(demo_home: Path) -> None:
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        outline = AutoModelForCausalLM.from_config(describe(parse(NAME)))
    gpu = torch.device("cuda:0")
    places = device_map(outline, 2, gpu)
    assert places["model.layers.0"] == places["model.embed_tokens"] == places["lm_head"] == gpu
    assert places["model.layers.1"] == places["model.layers.2"] == "cpu"


def test_shown_and_drawn(found: Offload) -> None:
    table = show(found)
    assert [row[0] for row in table.rows] == ["0", "1", "3"]
    assert len(figure(found).data[0].x) == 3
    assert offload.__doc__


@pytest.mark.slow
@pytest.mark.model
def test_the_demo_from_its_files(demo_home: Path) -> None:
    with wb.Session("demo", config=wb.Config(dtype="bfloat16"), host="inline") as session:
        before = session.generate("Write a line about the sea.", max_new_tokens=8)[0].token_ids
        session.apply(offloaded_layers=30)
        assert session.resolved.offloaded_layers == 30
        assert session.generate("Write a line about the sea.", max_new_tokens=8)[0].token_ids == before
