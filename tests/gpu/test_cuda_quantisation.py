"""What only CUDA can show of quantisation: its kernels there, memory that follows the bytes, FP8 that stays FP8."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from workbench.catalog.quantized import lacking
from workbench.config import Config
from workbench.errors import CapabilityError
from workbench.knobs import refusals
from workbench.knobs.formats import FORMATS
from workbench.machine.child import run_module
from workbench.results import Workload
from workbench.session import Session

pytestmark = [pytest.mark.gpu, pytest.mark.model]

BASE = Config(device="cuda", dtype="bfloat16")
# the demo's rows of 576 are no multiple of the 128 that FP8's blocks take: that one has a model of its own below
MADE_WHILE_LOADING = [name for name, entry in FORMATS.items() if not entry.calibrated and name != "fp8"]


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[Session]:
    with Session("demo", config=BASE) as opened:
        yield opened


@pytest.mark.parametrize("quantization", MADE_WHILE_LOADING)
def test_each_format_is_in_force_and_smaller_or_refused_with_a_reason(session: Session, quantization: str) -> None:
    config = BASE.replace(quantization=quantization)
    refused = refusals(config, session.machine, session.facts)
    if refused:
        assert all(each.reason and each.remedy for each in refused.values())
        pytest.skip(str(next(iter(refused.values())).reason))
    full = session.apply(BASE).resolved.weight_bytes
    resolved = session.apply(config).resolved
    assert (resolved.quantization, resolved.differences(config)) == (quantization, ())
    assert set(resolved.device_map) == {"cuda:0"}
    assert len(session.generate("The sea is", max_new_tokens=8, chat=False)[0].token_ids) == 8
    counted = session.census()
    assert counted.ran == quantization
    assert counted.bytes < (0.8 if FORMATS[quantization].bits == 8 else 0.6) * full


@pytest.mark.parametrize(("quantization", "most"), [("bnb-int8", 0.2), ("torchao-int8-weight", 0.05)])
def test_eight_bits_part_little_from_sixteen(session: Session, quantization: str, most: float) -> None:
    session.apply(BASE.replace(quantization=quantization))
    found = session.quality(suite="short")
    assert 0 < found.kld_mean < most
    assert found.decode_path is not None


def test_memory_on_the_device_follows_the_bytes(session: Session) -> None:
    full = session.apply(BASE)
    small = session.apply(BASE.replace(quantization="bnb-nf4"))
    saved = full.resolved.weight_bytes - small.resolved.weight_bytes
    assert full.memory_after - small.memory_after == pytest.approx(saved, rel=0.1)


@pytest.fixture(scope="module")
def large(demo_home: Path) -> Iterator[Session]:
    """3.3 GB in bfloat16, so that what CUDA's libraries take from the allocator for themselves weighs little."""
    with Session("random:deepseek-llm-7b-base?layers=4", config=BASE) as opened:
        yield opened


@pytest.mark.parametrize("quantization", ["none", *MADE_WHILE_LOADING])
def test_the_forecast_is_what_the_allocator_shows(large: Session, quantization: str) -> None:
    config = BASE.replace(quantization=quantization)
    refused = refusals(config, large.machine, large.facts)
    if refused:
        pytest.skip(str(next(iter(refused.values())).reason))
    work = Workload(prompt_tokens=512, new_tokens=16)
    large.apply(config)
    found = large.forecast(config, workload=work)
    taken = large.measure(work, precision=0.5, budget_s=10)
    assert taken.peak_method == "torch.cuda.max_memory_allocated"
    assert found.weights == pytest.approx(large.census().bytes, rel=0.02)
    assert found.total == pytest.approx(taken.peak_bytes, rel=0.1)


def test_double_quantisation_takes_less_than_without(session: Session) -> None:
    """On a CPU the scales are expanded again; here they stay."""
    config = BASE.replace(quantization="bnb-nf4")
    plain = session.apply(config).resolved.weight_bytes
    double = session.apply(config.replace(bnb_double_quant=True)).resolved
    assert double.weight_bytes < plain
    assert double.differences(session.config) == ()


def test_weights_in_full_become_fp8_where_that_runs(demo_home: Path) -> None:
    config = BASE.replace(quantization="fp8")
    with Session("random:deepseek-llm-7b-base?layers=1", config=BASE) as session:
        refused = refusals(config, session.machine, session.facts)
        if refused:
            pytest.skip(str(next(iter(refused.values())).reason))
        full = session.resolved.weight_bytes
        resolved = session.apply(config).resolved
        assert (resolved.quantization, resolved.differences(config)) == ("fp8", ())
        assert resolved.weight_bytes < full
        assert session.generate("The sea is", max_new_tokens=4)


@pytest.fixture
def fp8_files(demo_home: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "tiny-v3-fp8"
    assert run_module("workbench.engine.fp8_files", [str(folder)]).problem is None
    return folder


def test_fp8_files_stay_fp8_or_are_refused_in_words(fp8_files: Path) -> None:
    """The same greedy tokens as dequantised would be too much to ask: its activations are rounded to FP8 as well."""
    with Session(str(fp8_files), config=BASE.replace(quantization="none")) as session:
        full = session.resolved
        assert full.quantization == "none"
        assert session.facts.checkpoint_quantization == "fp8"
        if torch.cuda.get_device_capability() < (8, 9):
            told = session.apply(quantization="auto").resolved.differences(session.config)
            assert [each.knob for each in told] == ["quantization"]
            return
        if refusals(BASE, session.machine, session.facts):
            with pytest.raises(CapabilityError):
                session.apply(quantization="auto")
            return
        kept = session.apply(quantization="auto").resolved
        assert kept.quantization == "fp8"
        assert kept.weight_bytes < 0.8 * full.weight_bytes
        assert session.generate("The sea is", max_new_tokens=4)


@pytest.fixture
def own_models(workbench_home: Path) -> None:
    """A folder of models that only this test writes to."""
    (workbench_home / "models").mkdir()


@pytest.mark.skipif(bool(lacking("gptq")), reason="needs pip install " + " ".join(lacking("gptq")))
@pytest.mark.parametrize("method", ["gptq", "awq"])
def test_a_calibrated_copy_is_made_on_the_gpu_and_opens_there(
    own_models: None, own_demo_home: Path, method: str
) -> None:
    import workbench as wb

    made = wb.quantize("demo", method)
    with Session(str(made.folder), config=BASE) as session:
        assert session.resolved.quantization == method
        assert session.resolved.quantized_share > 0.7
        assert session.generate("The sea is", max_new_tokens=4)
