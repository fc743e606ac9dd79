"""The census through a session: by its worker's road, told and kept."""

import pytest

import workbench as wb
from workbench.results import Census


@pytest.mark.model
def test_a_session_counts_its_model(tiny_mla: str) -> None:
    config = wb.Config(device="cpu", dtype="bfloat16", quantization="bnb-nf4")
    with wb.Session(tiny_mla, config=config, host="inline") as session:
        told = []
        session.on("result", told.append)
        found = session.census()
        assert isinstance(found, Census)
        assert (found.asked, found.ran) == ("bnb-nf4", "bnb-nf4")
        assert found.bytes == session.resolved.weight_bytes
        assert found.quantized_share == pytest.approx(session.resolved.quantized_share)
        assert {share.role for share in found.loaded} == {share.role for share in found.now}
        assert [left.why.code for left in found.left if left.role == "experts"] == ["census.why.fused_experts"]
        assert "the routed experts" in str(found.sentence)
        assert session.last["census"] == found
        session.apply(quantization="none")
        assert session.census().sentence.code == "census.full"
    assert [event.data["kind"] for event in told] == ["census", "census"]
