"""Session.ceilings and Session.experts: real runs on a CPU, kept, and the model left as it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import workbench as wb
from workbench.probes import experts as probe
from workbench.probes import matmuls
from workbench.results import Ceilings, Experts

pytestmark = pytest.mark.model

CONFIG = wb.Config(dtype="float32", threads=1)
WORK = wb.Workload(prompt_tokens=12, new_tokens=6)


@pytest.fixture(scope="module")
def mixture(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session("random:deepseek-v2-lite?scale=tiny&layers=2", config=CONFIG, host="inline") as session:
        yield session


def test_ceilings_are_measured_beside_the_model_and_kept(mixture: wb.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matmuls, "_BUDGET_S", 0.02)
    found = mixture.ceilings(refresh=True)
    assert (found.device, found.threads) == ("cpu", 1)
    assert found.bandwidth is not None
    assert found.bandwidth.key == "cpu:1"
    assert found.launch is not None
    assert found.whole
    assert [rate.format for rate in found.matmul][:2] == ["float32", "bfloat16"]
    stored = mixture.runs.list(kind="ceilings")[0]
    assert stored["schema"] == "workbench.ceilings/1"
    assert Ceilings.from_dict(stored["result"]) == found == mixture.last["ceilings"]


def test_each_way_to_compute_experts_runs_as_itself_with_the_same_tokens(mixture: wb.Session) -> None:
    mixture.model.set_experts_implementation("batched_mm")  # no round ends with it
    before = mixture.model.get_experts_implementation()
    found = mixture.experts(WORK, budget_s=2)
    assert [way.name for way in found.ways] == list(probe.WAYS)
    for way in found.ways:
        assert (way.prefill, way.decode, way.problem) == (way.name, way.name, None)
        assert way.same_tokens == WORK.new_tokens
        assert way.repeats >= 1
        assert way.decode_tps
    assert len({way.repeats for way in found.ways}) == 1
    assert found.by_default == before[""]
    assert mixture.model.get_experts_implementation() == before
    # two layers, one of them dense: attention's cache of every token but the last
    assert found.cache_bytes == mixture.facts.kv_bytes_per_token * (WORK.prompt_tokens + WORK.new_tokens - 1)
    assert found.step_bytes < found.weight_bytes + found.cache_bytes
    stored = mixture.runs.list(kind="experts")[0]
    assert Experts.from_dict(stored["result"]) == found


def test_a_way_that_fails_says_so_and_the_others_go_on(mixture: wb.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "WAYS", ("eager", "nowhere_mm", "grouped_mm"))
    before = mixture.model.get_experts_implementation()
    eager, nowhere, grouped = mixture.experts(WORK, budget_s=0.1).ways
    assert "nowhere_mm" in (nowhere.problem or "")
    assert (nowhere.decode_tps, nowhere.same_tokens, nowhere.repeats) == (None, None, 0)
    assert eager.repeats == grouped.repeats >= 1
    assert (eager.ci95 == {}) is (eager.repeats == 1)  # one round has no interval
    assert mixture.model.get_experts_implementation() == before


def test_what_cannot_be_is_refused_in_words(mixture: wb.Session, tiny: str) -> None:
    with wb.Session(tiny, config=CONFIG, host="inline") as dense, pytest.raises(wb.CapabilityError) as caught:
        dense.experts(WORK)
    assert caught.value.code == "experts.none"
    mixture.apply(compile="default")
    with pytest.raises(wb.CapabilityError) as caught:
        mixture.experts(WORK)
    assert caught.value.code == "experts.compiled"
    mixture.apply(CONFIG)
    with pytest.raises(wb.ConfigError):
        mixture.experts(WORK, budget_s=0)
