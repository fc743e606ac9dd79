"""What only CUDA can show of attention: which kernel runs for which mask, format and head size, and that all agree."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.config import Config
from workbench.errors import CapabilityError
from workbench.knobs import KNOBS
from workbench.results import Workload
from workbench.session import Session

pytestmark = [pytest.mark.gpu, pytest.mark.model]

PLAIN = Workload(prompt_tokens=64, new_tokens=4)
PADDED = Workload(
    prompts=("The sea", "The sea is never still, and neither is the light that falls on it"), batch_size=2, new_tokens=4
)
MODELS = {
    "mha": "random:deepseek-llm-7b-base?layers=2",
    "gqa": "random:deepseek-r1-distill-qwen-1.5b?layers=2",
    "mla": "random:deepseek-v2-lite?layers=2",
}
PACKAGES = ("flash_attention_2", "flash_attention_3", "flash_attention_4", "flex_attention")


@pytest.fixture(scope="module", params=MODELS.values(), ids=MODELS)
def session(demo_home: Path, request: pytest.FixtureRequest) -> Iterator[Session]:
    with Session(request.param, config=Config(device="cuda", dtype="bfloat16")) as opened:
        yield opened


@pytest.fixture
def dense(session: Session) -> Session:
    if session.facts.model_type.startswith("deepseek"):
        pytest.skip("MLA's keys and values differ in width: other tests")
    return session


def put(session: Session, **knobs: object) -> None:
    """These knobs and otherwise the defaults, in bfloat16 unless they say so."""
    session.apply(Config(device="cuda", **{"dtype": "bfloat16", **knobs}))


def needs(session: Session, attention: str) -> None:
    config = {**session.config, "attention": attention}
    capability = KNOBS["attention"].capability(attention, session.machine, session.facts, config)
    if not capability.ok:
        pytest.skip(str(capability.reason))


@pytest.mark.parametrize("backend", ["flash", "efficient", "cudnn", "math"])
def test_the_asked_sdpa_kernel_is_the_one_that_ran(dense: Session, backend: str) -> None:
    put(dense, sdpa_backend=backend)
    assert dense.resolved.sdpa_backend == backend
    trace = dense.trace(PLAIN)
    assert trace.backend["prefill"] is not None
    assert backend in trace.backend["prefill"]
    assert trace.differences == ()


def test_float32_shuts_the_flash_kernel_out(dense: Session) -> None:
    dense.apply(dtype="float32")
    with pytest.raises(CapabilityError, match="flash"):
        dense.apply(sdpa_backend="flash")
    assert dense.config.sdpa_backend == "auto"


def test_mla_shuts_the_flash_kernel_out(session: Session) -> None:
    if not session.facts.model_type.startswith("deepseek"):
        pytest.skip("a model without MLA")
    put(session)
    assert "flash" not in (session.trace(PLAIN).backend["prefill"] or "")


def test_a_zero_in_the_mask_shuts_the_flash_kernel_out_and_is_told(dense: Session) -> None:
    put(dense)
    plain, padded = dense.trace(PLAIN), dense.trace(PADDED)
    assert "flash" in (plain.backend["prefill"] or "")
    assert "flash" not in (padded.backend["prefill"] or "")
    assert padded.differences or padded.notes


@pytest.mark.parametrize("attention", ["eager", "sdpa", *PACKAGES])
def test_every_attention_agrees_with_eager(session: Session, attention: str) -> None:
    put(session)
    needs(session, attention)
    found = session.agreement({"attention": "eager"}, {"attention": attention})
    assert found.level != "wrong", str(found.verdict)


@pytest.mark.parametrize("attention", PACKAGES)
def test_a_package_runs_its_own_kernel(session: Session, attention: str) -> None:
    put(session)
    needs(session, attention)
    session.apply(attention=attention)
    trace = session.trace(PLAIN)
    assert trace.attention_kernels
    assert trace.differences == ()
    assert trace.prefill.unrecognised == {} or trace.backend["prefill"] is not None


def test_a_gpu_trace_has_launches_and_idle_time(session: Session) -> None:
    put(session)
    trace = session.trace(PLAIN)
    assert trace.device.startswith("cuda")
    assert trace.launches_per_token > 10
    assert trace.gpu_idle_fraction is not None
    assert 0 <= trace.gpu_idle_fraction < 1
    assert trace.time_by_category["decode"]["linear"] > 0


def test_a_static_cache_does_not_compile_by_itself(session: Session) -> None:
    put(session, cache="static")
    assert session.trace(PLAIN).decode.compiled_regions == 0


def test_tf32_changes_float32_products_and_is_put_back(dense: Session) -> None:
    put(dense, dtype="float32")
    found = dense.agreement({"tf32": False}, {"tf32": True})
    assert found.prefill.max_logit_diff > 1e-4
    dense.apply(tf32=False)
    assert dense.resolved.tf32 is False
