"""Experts that were chosen, and those that changed, on tiny models of the real architectures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import workbench as wb
from workbench.probes.context import Context
from workbench.probes.quality import routing

pytestmark = pytest.mark.model

NOWHERE = Context(lambda _name, _data: None)
TEXTS = [list(range(5, 105)), list(range(300, 340))]


@pytest.fixture(scope="module", params=["deepseek-v2-lite", "deepseek-v3"])
def engine(request: pytest.FixtureRequest, demo_home: Path) -> Iterator[Any]:
    name = f"random:{request.param}?scale=tiny"
    with wb.Session(name, config=wb.Config(dtype="float32", threads=1), host="inline") as session:
        yield session._bench.host.engine  # type: ignore[union-attr]


def test_nothing_changes_against_itself(engine: Any) -> None:
    found = routing.record(engine, TEXTS, NOWHERE)
    assert found is not None
    config = engine.model.config
    assert found["shape"][1:] == [140, config.num_experts_per_tok]
    assert len(found["layers"]) == found["shape"][0] == config.num_hidden_layers - config.first_k_dense_replace
    assert routing.changed(found, routing.record(engine, TEXTS, NOWHERE)) == 0.0


def test_another_router_chooses_others_in_its_layer_alone(engine: Any) -> None:
    before = routing.record(engine, TEXTS, NOWHERE)
    name, gate = list(routing.gates(engine.model).items())[-1]
    kept = gate.weight.data
    gate.weight.data = -kept
    try:
        after = routing.record(engine, TEXTS, NOWHERE)
    finally:
        gate.weight.data = kept
    assert before is not None
    assert after is not None
    share = routing.changed(before, after)
    assert share is not None
    assert 0 < share <= 1 / len(before["layers"])
    own, other = routing._experts(before), routing._experts(after)
    assert torch.equal(own[:-1], other[:-1])
    assert name == before["layers"][-1]


def test_a_share_by_hand() -> None:
    def record(experts: list[list[list[int]]]) -> dict[str, Any]:
        tensor = torch.tensor(experts, dtype=torch.uint16)
        text = routing.base64.b64encode(tensor.numpy().tobytes()).decode()
        return {"layers": ["a"], "shape": list(tensor.shape), "experts": text}

    before = record([[[1, 2], [3, 4]]])
    assert routing.changed(before, record([[[1, 2], [3, 5]]])) == 0.25
    assert routing.changed(before, record([[[0, 1], [5, 6]]])) == 0.75  # 1 is kept, in another place
    assert routing.changed(before, record([[[1, 2]]])) is None
    assert routing.changed(None, before) is None


def test_a_dense_model_has_no_router(demo_home: Path) -> None:
    with wb.Session("random:deepseek-llm-7b-base?scale=tiny", host="inline") as session:
        assert routing.record(session._bench.host.engine, TEXTS, NOWHERE) is None  # type: ignore[union-attr]
