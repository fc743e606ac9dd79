"""Which layers a quantisation hurts, on a tiny model with one layer damaged on purpose."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import workbench as wb
from workbench.errors import CapabilityError, ModelError, Stopped
from workbench.probes.context import Context
from workbench.probes.quality import sensitivity
from workbench.probes.quality.twins import in_full
from workbench.results import Sensitivity
from workbench.suites import Passage

pytestmark = pytest.mark.model

NAME = "random:deepseek-llm-7b-base?scale=tiny"
DAMAGED = "model.layers.1.mlp.down_proj"
TOKENS = 12
TEXTS = ("The old clock in the hall struck seven, and nobody came.", "先听后动手，这是他常说的话。")
PASSAGES = [Passage(domain="english", text=text, tokens=TOKENS).to_dict() for text in TEXTS]


def nowhere(stop: threading.Event | None = None) -> Context:
    return Context(lambda _name, _data: None, stop)


def run(engine: Any, budget_s: float = 600.0) -> Sensitivity:
    return sensitivity.run(engine, {"passages": PASSAGES, "budget_s": budget_s}, nowhere())


def logits(engine: Any) -> torch.Tensor:
    with torch.inference_mode():
        out: torch.Tensor = engine.model(torch.tensor([list(range(9, 40))])).logits
    return out


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    config = wb.Config(dtype="float32", threads=1, quantization="torchao-int8-weight")
    with wb.Session(NAME, config=config, host="inline") as session:
        yield session


@pytest.fixture(scope="module")
def engine(session: wb.Session) -> Any:
    return session._bench.host.engine  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def found(engine: Any) -> Sensitivity:
    """Of the model with one layer's scales three times too large."""
    scale = engine.model.get_submodule(DAMAGED).weight.scale
    before = logits(engine)
    kept = scale.clone()
    scale.mul_(3)
    try:
        found = run(engine)
    finally:
        scale.copy_(kept)
    assert torch.equal(logits(engine), before)
    assert all("forward" not in vars(module) for module in engine.model.modules())
    return found


def test_the_damaged_layer_is_named(found: Sensitivity) -> None:
    errors = {group.label: group.error for group in found.groups}
    assert errors[DAMAGED] == pytest.approx(2.0, abs=0.05)  # three times an output is off by twice of it
    assert max((label for label in errors if label.startswith("model.")), key=lambda label: errors[label]) == DAMAGED
    best = found.groups[0]
    assert best.label in (DAMAGED, "layers.1", "mlp.down_proj")
    assert found.suggestion
    assert any(name in DAMAGED for name in found.suggestion)


def test_what_it_gains_is_measured(found: Sensitivity) -> None:
    by = {group.label: group for group in found.groups}
    with_it, other = by[DAMAGED], by["self_attn.q_proj"]
    assert with_it.kld_without is not None
    assert other.kld_without is not None
    assert with_it.kld_without < 0.05 * found.kld
    assert other.kld_without > 0.5 * found.kld
    assert with_it.gain_ci95 is not None
    assert with_it.gain_ci95[0] > 0
    assert found.suggestion_kld is not None
    assert found.suggestion_kld <= with_it.kld_without
    assert "unquantised: KLD" in str(found.sentence)
    assert found.positions == 2 * TOKENS


def test_bytes_are_those_of_the_formats(found: Sensitivity, engine: Any) -> None:
    values = engine.model.get_submodule(DAMAGED).weight.numel()
    rows = engine.model.get_submodule(DAMAGED).weight.shape[0]
    more = next(group.more_bytes for group in found.groups if group.label == DAMAGED)
    scales = 3 * values - more  # float32 for int8, less the scales that are no longer needed
    assert 4 * rows <= scales <= 16 * rows
    assert found.suggestion_more_bytes <= sensitivity.LARGEST_SUGGESTION * found.weight_bytes


def test_groups_cover_every_quantised_layer_twice(found: Sensitivity) -> None:
    labels = {group.label for group in found.groups}
    assert {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"} <= labels
    assert {"mlp.gate_proj", "mlp.up_proj", "mlp.down_proj", "layers.0", "layers.1", "layers.2"} <= labels


def test_a_layer_in_full_is_as_the_knob_leaves_it(session: wb.Session, engine: Any) -> None:
    """The KLD with a group in full is that of a model which is really loaded with this group left out."""
    ids = torch.tensor([list(range(50, 90))])

    def log_p() -> torch.Tensor:
        with torch.inference_mode():
            out: torch.Tensor = engine.model(ids).logits[0].log_softmax(-1)
        return out

    twins = engine.twins()
    with in_full(twins):
        whole = log_p()
    with in_full([twin for twin in twins if twin.name.endswith("mlp.down_proj")]):
        without = log_p()
    as_is = log_p()
    session.apply(skip_modules=("mlp.down_proj",))
    assert {type(engine.model.get_submodule(DAMAGED).weight)} == {torch.nn.Parameter}
    assert torch.allclose(without, log_p(), atol=1e-5)
    assert not torch.allclose(as_is, without, atol=1e-4)
    session.apply(quantization="none", skip_modules="auto")
    assert torch.allclose(whole, log_p(), atol=1e-5)
    with pytest.raises(CapabilityError) as refused:
        run(engine)
    assert refused.value.code == "sensitivity.not_quantized"
    session.apply(quantization="torchao-int8-weight")


def test_what_there_was_no_time_for_is_not_measured(engine: Any) -> None:
    found = run(engine, budget_s=0.0)
    measured = [group for group in found.groups if group.kld_without is not None]
    assert len(measured) == 1
    assert all(group.gain_ci95 is None for group in found.groups if group.kld_without is None)
    assert any(flag.code == "sensitivity.budget" for flag in found.flags)


def test_stop_leaves_the_model_as_it_was(engine: Any) -> None:
    before = logits(engine)
    stop = threading.Event()

    def emit(name: str, data: Any) -> None:
        if name == "progress" and data["done"] == 1:
            stop.set()

    with pytest.raises(Stopped):
        sensitivity.run(engine, {"passages": PASSAGES, "budget_s": 600.0}, Context(emit, stop))
    assert torch.equal(logits(engine), before)


def test_logits_that_are_no_numbers_are_named(engine: Any) -> None:
    scale = engine.model.get_submodule(DAMAGED).weight.scale
    kept = scale.clone()
    scale.fill_(float("nan"))
    try:
        with pytest.raises(ModelError, match="have NaN or Inf"):
            run(engine)
    finally:
        scale.copy_(kept)


def test_an_attached_model_has_no_weights_in_full(engine: Any) -> None:
    with wb.Session.attach(engine.model, engine.tokenizer) as session, pytest.raises(CapabilityError) as refused:
        run(session._bench.host.engine)  # type: ignore[union-attr]
    assert refused.value.code == "sensitivity.attached"
