"""The demo model in a worker: 8 and 4 bits and back, what it holds then, and Stop while it is quantised."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import workbench as wb
from workbench.errors import ConfigError, Stopped

pytestmark = pytest.mark.model

SHARE = 106_168_320 / 134_515_008  # the linear layers of the 30 blocks, of all weights
PROMPT = "Write one sentence about the sea."


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session("demo", config=wb.Config(dtype="bfloat16", quantization="bnb-nf4")) as opened:
        yield opened


def said(session: wb.Session) -> str:
    return session.generate(PROMPT, 12)[0].text


def test_a_session_opens_quantised(session: wb.Session) -> None:
    assert (session.resolved.quantization, session.resolved.dtype) == ("bnb-nf4", "bfloat16")
    assert session.resolved.quantized_share == pytest.approx(SHARE)
    assert "sea" in said(session).lower()


@pytest.mark.parametrize("name", ["bnb-int8", "torchao-int8-weight"])
def test_8_bits(session: wb.Session, name: str) -> None:
    applied = session.apply(quantization=name)
    resolved = applied.resolved
    assert (applied.cost, resolved.quantization, resolved.dtype) == ("reload", name, "bfloat16")
    assert resolved.quantized_share == pytest.approx(SHARE)
    assert 155 * 2**20 < resolved.weight_bytes < 157 * 2**20  # 101.25 MiB of int8, 54 of the embedding, and scales
    assert session.facts.parameters == 134_515_008
    assert "sea" in said(session).lower()


def test_to_16_bits_to_4_and_back(session: wb.Session) -> None:
    full = session.apply(quantization="none")
    assert full.resolved.weight_bytes == pytest.approx(2 * 134_515_008, rel=1e-4)
    text = said(session)
    packed = session.apply(quantization="bnb-nf4")
    # 50.6 MiB of nf4, 54 of the embedding, 3.2 or 6.3 of scales: 2 bytes or 4 for each 64 weights
    assert 107 * 2**20 < packed.resolved.weight_bytes < 112 * 2**20
    saved = full.resolved.weight_bytes - packed.resolved.weight_bytes
    assert full.memory_after - packed.memory_after > 0.6 * saved  # what quantising needed for a moment is gone too
    session.apply(quantization="none")
    assert said(session) == text


def test_a_tied_head_becomes_a_copy_and_the_table_stays(session: wb.Session) -> None:
    full = session.apply(quantization="none", dtype="bfloat16")
    whole = session.facts.weight_bytes
    held = session.apply(quantization="torchao-int8-weight", quantize_head=True).resolved
    table = 49152 * 576
    shares = {(share.role, share.format): share for share in session.census().now}
    assert shares["embedding", "bfloat16"].values == shares["head", "int8"].values == table
    assert held.quantized_share == pytest.approx((106_168_320 + table) / (134_515_008 + table))
    assert session.facts.parameters == 134_515_008  # the copy is the same numbers once more
    assert session.forecast(session.config).weights == pytest.approx(held.weight_bytes, rel=1e-4)
    assert session.facts.weight_bytes == pytest.approx(held.weight_bytes - 2 * table, rel=1e-4)  # looked up, not read
    assert session.facts.weight_bytes < 0.51 * whole
    assert "sea" in said(session).lower()
    back = session.apply(quantization="none", quantize_head=False).resolved
    assert back.weight_bytes == full.resolved.weight_bytes
    assert session.facts.weight_bytes == whole


def test_a_wrong_name_leaves_the_session_as_it_was(session: wb.Session) -> None:
    session.apply(quantization="none")
    with pytest.raises(ConfigError, match="near it: down_proj"):
        session.apply(quantization="bnb-nf4", skip_modules=("down_prj",))
    assert session.config.quantization == session.resolved.quantization == "none"
    assert session.config.skip_modules == "auto"
    assert "sea" in said(session).lower()


@pytest.mark.slow
def test_stop_while_quantising_brings_the_last_config_back(session: wb.Session) -> None:
    session.apply(quantization="none")
    worker = session._bench.host._worker
    future = session.submit("apply", session.config.replace(quantization="bnb-nf4"))
    while not worker._killable:  # from dropping the old model to the first token of the new one
        time.sleep(0.001)
    time.sleep(0.2)
    session.stop()
    with pytest.raises(Stopped):
        future.result(timeout=120)
    assert session.config.quantization == session.resolved.quantization == "none"
    assert "sea" in said(session).lower()
