"""Session.ceilings and Session.limits on real models: kept, measured again when they must be, no run above a limit."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from workbench.cli import main
from workbench.cli.limits import lines
from workbench.export import limits as told
from workbench.forecast import step_bytes
from workbench.probes import ceilings as probe
from workbench.probes import matmuls
from workbench.probes.context import Context
from workbench.results import Ceilings, Experts, Limits, Measurement
from workbench.widgets.tables import show

pytestmark = pytest.mark.model

CONFIG = wb.Config(dtype="float32", threads=1)
TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=1"
WORK = wb.Workload(prompt_tokens=24, new_tokens=8)
ROWS = WORK.replace(batch_size=4)


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Short samples: these tests count and compare, and state no speed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matmuls, "_BUDGET_S", 0.05)
        patch.setattr(probe, "_BUDGET_S", 0.2)
        yield


@pytest.fixture(scope="module")
def mixture(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session("random:deepseek-v2-lite?scale=tiny&layers=2", config=CONFIG, host="inline") as session:
        yield session


@pytest.fixture(scope="module")
def demo(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session("demo", config=CONFIG, host="inline") as session:
        yield session


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ceilings that are measured from now on, by name."""
    seen: list[str] = []

    def spied(name: str) -> Any:
        real = getattr(probe, name)

        def call(*arguments: Any, **options: Any) -> Any:
            seen.append(name)
            return real(*arguments, **options)

        return call

    for name in ("copy_bandwidth", "matmul_rates", "launch_latency"):
        monkeypatch.setattr(probe, name, spied(name))
    return seen


def below(taken: Measurement, limits: Limits) -> None:
    """No phase is faster than its limit by more than both intervals allow."""
    for limit, metric in ((limits.prefill, "prefill_tps"), (limits.decode, "decode_tps")):
        known = [floor for floor in limit.floors if floor.seconds is not None]
        assert known
        for floor in known:
            least_s = floor.ci95[0] if floor.ci95 else floor.seconds
            assert least_s is not None
            assert taken.ci95[metric][0] <= limit.work.tokens / least_s, (floor.bound, metric)


def test_what_is_kept_is_not_measured_again_and_what_lacks_is(own_demo_home: Path, parts: list[str]) -> None:
    with wb.Session(TINY, config=CONFIG, host="inline") as session:
        taken = session.measure(WORK, budget_s=0.5)
        assert parts == ["copy_bandwidth", "matmul_rates"]
        assert [rate.format for rate in session.machine.ceilings["cpu:1"].matmul] == ["float32"]
        assert taken.decode_limit_share is not None
        assert taken.prefill_limit_share is not None
        session.measure(WORK, budget_s=0.5)
        assert len(parts) == 2
        found = session.ceilings()
        assert parts[2:] == ["matmul_rates", "launch_latency"]  # all formats now; bandwidth is known
        assert found.whole
        assert found.versions["torch"] == session.machine.torch.version
        assert session.ceilings() == session.limits(WORK).ceilings == found
        assert len(parts) == 4
        assert session.runs.count(kind="ceilings") == 1
    with wb.Session(TINY, config=CONFIG, host="inline") as session:  # and in the next session neither
        assert session.ceilings() == found
        session.measure(WORK, budget_s=0.5)
        assert len(parts) == 4
        again = session.ceilings(refresh=True)
        assert parts[4:] == ["copy_bandwidth", "matmul_rates", "launch_latency"]
        assert again.bandwidth is not None
        assert again.bandwidth.samples
        assert session.machine.ceilings["cpu:1"] == again.lean()
    file = own_demo_home / "machine.json"
    document = json.loads(file.read_text())
    assert document["sections"]["ceilings"]["key"]["torch"]
    document["sections"]["ceilings"]["key"]["torch"] = "2.0.0"
    file.write_text(json.dumps(document))
    with wb.Session(TINY, config=CONFIG, host="inline") as session:
        assert session.machine.ceilings == {}
        session.ceilings()
    assert parts[7:] == ["copy_bandwidth", "matmul_rates", "launch_latency"]


def test_threads_have_ceilings_of_their_own(mixture: wb.Session) -> None:
    import torch

    before = torch.get_num_threads()
    found = mixture.ceilings(threads=2)
    assert (found.key, torch.get_num_threads()) == ("cpu:2", before)
    assert mixture.machine.copy_bandwidth.keys() >= {"cpu:2"}
    with pytest.raises(wb.ConfigError):
        mixture.ceilings(threads=0)


def test_probing_is_told_and_ends_with_stop(mixture: wb.Session) -> None:
    said: list[str] = []
    off = mixture.on("progress", lambda event: said.append(event.data["what"].code))
    mixture.ceilings(refresh=True)
    mixture._dispatcher.flush()
    off()
    assert said == ["phase.bandwidth", "phase.matmuls", "phase.launches"]
    kept = mixture.machine.ceilings["cpu:1"]

    def stop(event: Any) -> None:
        if event.data["what"].code == "phase.matmuls":
            mixture.stop()

    off = mixture.on("progress", stop)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matmuls, "_BUDGET_S", 60.0)
        patch.setattr(matmuls, "_MOST_SAMPLES", 10**9)
        with pytest.raises(wb.Stopped):
            mixture.ceilings(refresh=True)
    off()
    assert mixture.machine.ceilings["cpu:1"] == kept


@pytest.mark.parametrize("part", probe.PARTS)
def test_each_part_hears_stop_by_itself(mixture: wb.Session, part: str) -> None:
    stop = threading.Event()
    context = Context(lambda name, _data: stop.set() if name == "progress" else None, stop)
    with pytest.raises(wb.Stopped):
        mixture._bench.host.engine.probe(probe.run, {"parts": (part,)}, context)


def test_experts_are_counted_in_the_run_and_rows_that_are_alike_choose_the_same(mixture: wb.Session) -> None:
    config = mixture.facts.config
    chosen, there = config["num_experts_per_tok"], config["n_routed_experts"]
    expected = mixture.limits(ROWS)
    assert [source.code for source in expected.decode.work.sources][1] == "limits.experts_expected"
    taken = mixture.measure(ROWS, budget_s=1.0)
    assert taken.routed is not None
    assert (taken.routed.decode, taken.routed.layers, taken.routed.per_layer) == (chosen, 1, there)
    assert taken.routed.steps == 3  # of the warm-up
    assert chosen <= taken.routed.prefill <= min(there, WORK.prompt_tokens * chosen)
    found = mixture.limits(ROWS)
    assert found.decode.work == taken.work["decode"]
    assert [source.code for source in found.decode.work.sources][1] == "limits.experts_counted"
    assert found.decode.work.weight_bytes < expected.decode.work.weight_bytes  # four rows as if they were different
    below(taken, found)
    assert not any(module._forward_hooks for module in mixture.model.modules())


def test_mla_is_read_as_the_loaded_model_keeps_it(mixture: wb.Session) -> None:
    found = mixture.limits(WORK)
    assert [source.code for source in found.decode.work.sources][-1] == "limits.kv_latent"
    config = mixture.facts.config
    each = 4 * 2 * (config["kv_lora_rank"] + config["qk_rope_head_dim"])  # float32, two layers
    assert found.decode.work.kv_bytes == each * (WORK.prompt_tokens + WORK.new_tokens / 2)


def test_the_ways_of_experts_count_what_they_read(mixture: wb.Session) -> None:
    found = mixture.experts(WORK, budget_s=0.1)
    assert found.routed is not None
    assert found.routed.decode == mixture.facts.config["num_experts_per_tok"]
    assert Experts.from_dict(found.to_dict()) == found


def test_launches_count_where_a_trace_has_counted_them(mixture: wb.Session) -> None:
    mixture.apply(attention="eager")
    try:
        before = mixture.limits(WORK).decode.floor("launches")
        assert (before.seconds, before.missing.code) == (None, "limits.no_trace")  # type: ignore[union-attr]
        traced = mixture.trace(WORK)
        taken = mixture.measure(WORK, budget_s=1.0)
        found = mixture.limits(WORK)
        launches = found.decode.floor("launches")
        assert launches.amount == traced.launches_per_token
        assert launches.seconds == pytest.approx(launches.amount * found.ceilings.launch.seconds)  # type: ignore[union-attr]
        below(taken, found)
    finally:
        mixture.apply(CONFIG)


def test_the_demo_stays_below_its_limits_and_both_ways_to_one_agree(demo: wb.Session) -> None:
    demo.trace(WORK)
    runs = [demo.measure(WORK, budget_s=1.5), demo.measure(ROWS, budget_s=1.5)]
    for taken, work in zip(runs, (WORK, ROWS), strict=True):
        found = demo.limits(work)
        below(taken, found)
        assert taken.decode_limit_share is not None
        assert taken.prefill_limit_share is not None
        assert 0 < taken.decode_limit_share < 1
        assert 0 < taken.prefill_limit_share < 1
        assert found.decode.tps("memory") == pytest.approx(work.batch_size / (taken.decode_limit_share * taken.tpot_s))
        prompts = work.batch_size * work.prompt_tokens
        assert found.prefill.tps("compute") == pytest.approx(prompts / (taken.prefill_limit_share * taken.ttft_s))
        assert found.decode.tps("memory") == pytest.approx(demo.forecast(workload=work).decode_limit_tps, rel=1e-3)
        assert found.decode.work.bytes == pytest.approx(step_bytes(demo.facts, "float32", work))
    assert {point.batch_size for point in found.points} == {1, 4}
    assert all(point.share is not None and 0 < point.share < 1 for point in found.points)
    default = demo.limits()
    assert default.workload == runs[-1].workload  # of the last run
    demo.scan("batch_size", [1, 2], workload=WORK, new_tokens=4, precision=0.9, budget_s=60.0)
    scanned = [point for point in demo.limits().points if point.of == "scan"]
    assert [(point.phase, point.batch_size) for point in scanned] == [
        ("prefill", 1),
        ("decode", 1),
        ("prefill", 2),
        ("decode", 2),
    ]
    stored = demo.runs.list(kind="limits")[0]
    assert stored["schema"] == "workbench.limits/1"
    assert Limits.from_dict(stored["result"]) == demo.last["limits"]


def test_limits_are_shown_as_a_table_and_as_a_figure(demo: wb.Session) -> None:
    found = demo.limits()
    page = str(show(found))
    for words in ("by memory bandwidth", "by products", "by launches", "FLOP per byte", "run 1", "tok/s"):
        assert words in page
    assert "weights as they are stored" in page
    assert len(wb.charts.figure(found).data) >= 5
    reached = str(show(demo.ceilings()))
    assert "GB/s" in reached
    assert "float32 products" in reached
    assert "launch latency" in reached
    assert told.limits(found).heading == ("prefill", "one decode step")


def test_an_older_measurement_and_ceilings_still_load(demo: wb.Session) -> None:
    taken = demo.last["measurement"].to_dict()
    for name in ("prefill_limit_share", "work", "routed"):
        del taken[name]
    assert Measurement.from_dict(taken).prefill_limit_share is None
    reached = demo.ceilings().to_dict()
    for name in ("launch", "versions", "complete"):
        del reached[name]
    assert Ceilings.from_dict(reached).launch is None


def test_the_command_line_says_the_same(tiny: str, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["limits", tiny, "--prompt-tokens", "16", "--new-tokens", "4", "--measure", "--budget", "1"]
    assert main([*words, "--json"]) == 0
    said = capfd.readouterr()
    document = json.loads(said.out)
    assert document["schema"] == "workbench.limits/1"
    found = Limits.from_dict(document["result"])
    assert found.decode.floor("launches").amount
    assert [point.phase for point in found.points] == ["prefill", "decode"]
    page = "\n".join(lines(found))
    assert "memory bandwidth" in page
    assert "limit, the lowest of them" in page
    assert "note: " in page
