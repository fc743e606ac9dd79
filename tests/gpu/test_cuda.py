"""What only CUDA can show: loading there, precision, the same answers from two kernels, memory that comes back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.config import Config
from workbench.errors import OutOfMemory
from workbench.results import Workload
from workbench.session import Session

pytestmark = [pytest.mark.gpu, pytest.mark.model]

WORK = Workload(prompt_tokens=32, new_tokens=8)


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[Session]:
    with Session("demo", config=Config(device="cuda", dtype="bfloat16")) as opened:
        yield opened


def test_the_model_is_on_the_gpu_in_the_precision_asked_for(session: Session) -> None:
    session.apply(dtype="bfloat16")
    assert set(session.resolved.device_map) == {"cuda:0"}
    assert session.resolved.dtype == "bfloat16"
    assert session.resolved.differences(session.config) == ()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_every_precision_loads_and_answers(session: Session, dtype: str) -> None:
    applied = session.apply(dtype=dtype)
    assert applied.resolved.dtype == dtype
    assert len(session.generate("The sea is", max_new_tokens=4, chat=False)[0].token_ids) == 4


def test_eager_and_sdpa_say_the_same(session: Session) -> None:
    session.apply(dtype="float32")
    answers = {}
    for attention in ("eager", "sdpa"):
        applied = session.apply(attention=attention)
        assert applied.resolved.attention == attention
        assert not applied.reloaded
        answers[attention] = session.generate("The sea is", max_new_tokens=16, chat=False)[0].token_ids
    assert answers["eager"] == answers["sdpa"]


def test_the_static_cache_says_the_same_as_the_dynamic_one(session: Session) -> None:
    session.apply(dtype="float32", attention="sdpa")
    answers = {}
    for cache in ("dynamic", "static"):
        assert session.apply(cache=cache).resolved.cache == cache
        answers[cache] = session.generate("The sea is", max_new_tokens=16, chat=False)[0].token_ids
    session.apply(cache="dynamic")
    assert answers["dynamic"] == answers["static"]


def test_memory_comes_back_after_a_reload(session: Session) -> None:
    session.apply(dtype="float32")
    base = session.apply(dtype="bfloat16").memory_after
    for dtype in ("float32", "bfloat16"):
        applied = session.apply(dtype=dtype)
        assert applied.residue_bytes is not None
        assert applied.residue_bytes < 0.05 * session.resolved.weight_bytes
    assert applied.memory_after == pytest.approx(base, rel=0.05)


def test_half_the_precision_is_half_the_bytes(session: Session) -> None:
    session.apply(dtype="float32")
    whole = session.resolved.weight_bytes
    session.apply(dtype="bfloat16")
    assert session.resolved.weight_bytes == pytest.approx(whole / 2, rel=0.02)


def test_out_of_memory_is_survived_by_the_same_worker(session: Session) -> None:
    before = session.config
    pid = session.pid
    with pytest.raises(OutOfMemory):
        session.measure(WORK.replace(prompt_tokens=8000, batch_size=100_000), budget_s=5)
    assert session.pid == pid
    assert session.config == before
    assert session.generate("The sea is", max_new_tokens=4)


def test_a_measurement_names_its_device_and_reads_the_allocators_peak(session: Session) -> None:
    session.apply(dtype="bfloat16", attention="sdpa")
    measured = session.measure(WORK, budget_s=20)
    assert measured.resolved.device == "cuda:0"
    assert measured.peak_bytes > session.resolved.weight_bytes
    assert "max_memory_allocated" in measured.peak_method
    assert measured.decode_limit_share is not None
    assert 0 < measured.decode_limit_share < 1.2
    assert measured.own_share < 0.01
    assert "flag.peak_sampled" not in {flag.code for flag in measured.flags}


def test_mla_with_experts_runs(tiny_mla: str) -> None:
    with Session(tiny_mla, config=Config(device="cuda", dtype="bfloat16")) as session:
        assert set(session.resolved.device_map) == {"cuda:0"}
        for attention in ("eager", "sdpa"):
            assert session.apply(attention=attention).resolved.attention == attention
            assert session.generate("The sea is", max_new_tokens=4)
