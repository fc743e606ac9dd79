"""Two kept records beside each other: ratios with intervals, refusals, caveats, and what differs."""

from pathlib import Path
from typing import Any

import pytest

from tests.runs.records import measured, record
from workbench.charts import runs_of
from workbench.errors import ConfigError, StoreError
from workbench.runs import Runs


@pytest.fixture
def runs(tmp_path: Path) -> Any:
    with Runs(tmp_path / "s") as store:
        yield store


def test_a_difference_is_told_with_its_interval_and_that_it_is_not_paired(runs: Runs) -> None:
    a = runs.add(measured(decode_tps=100.0, ttft_s=0.2, prefill_tps=50.0, attention="eager"))
    b = runs.add(measured(decode_tps=125.0, ttft_s=0.3, prefill_tps=50.5, attention="sdpa"))
    found = runs.compare(a, b)
    decode, first, prefill = (found.metrics[name] for name in ("decode_tps", "ttft_s", "prefill_tps"))
    assert (decode.a, decode.b, decode.ratio, decode.seen) == (100.0, 125.0, 1.25, "faster")
    assert decode.ci95 is not None
    assert decode.ci95[0] == pytest.approx(1.25 * 0.986, rel=1e-3)
    assert decode.ci95[1] == pytest.approx(1.25 * 1.0142, rel=1e-3)
    assert f"run {b} is 1.25× faster than run {a} at decode [1.23, 1.27]" in str(decode.verdict)
    assert first.seen == "slower"  # less is better there
    assert prefill.seen == "none"
    assert "no difference seen at prefill" in str(prefill.verdict)
    assert found.paired is False
    assert "not paired" in str(found.note)
    assert (found.refused, found.caveats) == (None, ())
    turned = runs.compare(b, a)
    assert turned.metrics["decode_tps"].seen == "slower"
    assert turned.metrics["decode_tps"].ratio == pytest.approx(0.8)
    assert "1.25× slower" in str(turned.metrics["decode_tps"].verdict)


def test_memory_has_a_ratio_and_no_verdict(runs: Runs) -> None:
    found = runs.compare(measured(peak_bytes=100), measured(peak_bytes=150)).metrics["peak_bytes"]
    assert (found.ratio, found.ci95, found.seen) == (1.5, None, "unknown")
    assert "without an interval" in str(found.verdict)


def test_too_few_repeats_give_no_verdict(runs: Runs) -> None:
    once = measured(decode_tps=500.0)
    once["result"]["ci95"] = {}
    assert runs.compare(measured(decode_tps=1.0), once).metrics["decode_tps"].seen == "unknown"
    wide = measured(decode_tps=500.0)
    wide["result"]["ci95"]["decode_tps"] = [0.0, 1000.0]
    found = runs.compare(measured(decode_tps=1.0), wide).metrics["decode_tps"]
    assert (found.ci95, found.seen) == (None, "unknown")


def test_other_work_has_no_verdict_and_no_ratio(runs: Runs) -> None:
    found = runs.compare(measured(), measured(workload={"batch_size": 4}, decode_tps=9000.0))
    assert found.metrics == {}
    assert found.refused is not None
    assert "different work" in str(found.refused)


def test_a_disturbed_run_has_ratios_and_no_verdict(runs: Runs) -> None:
    busy = measured(decode_tps=9000.0, flags=[{"code": "flag.shared", "params": {"cores": "1.4"}}])
    found = runs.compare(measured(), busy)
    assert found.metrics["decode_tps"].ratio > 1
    assert {metric.seen for metric in found.metrics.values()} == {"unknown"}
    assert "during b, other processes used 1.4 cores" in str(found.refused)
    assert runs.compare(busy, measured()).refused is not None


def test_what_else_is_not_the_same_is_named(runs: Runs) -> None:
    other = measured(machine="big iron", model="theirs", versions={"torch": "9.9"})
    told = [str(caveat) for caveat in runs.compare(measured(), other).caveats]
    assert any("big iron" in line for line in told)
    assert any(line.endswith("→ 9.9") for line in told)
    assert any("theirs" in line for line in told)
    assert len(told) == 3


def test_only_measurements_are_compared(runs: Runs) -> None:
    with pytest.raises(ConfigError, match="Only measurements"):
        runs.compare(measured(), record(kind="quality"))
    with pytest.raises(ConfigError, match="no measurement that this version reads"):
        runs.compare(record(), measured())
    with pytest.raises(StoreError, match="no run 7"):
        runs.compare(7, measured())


def test_a_diff_tells_every_part(runs: Runs) -> None:
    a = measured(attention="eager", decode_tps=100.0)
    b = measured(attention="sdpa", decode_tps=110.0, versions={"torch": "9.9"}, workload={"seed": 3})
    b["machine"]["cpu"] = {**b["machine"]["cpu"], "cores": 99, "available_bytes": 1}
    b["resolved"]["bytes_by_dtype"] = {"float32": 5}
    del a["config"]["allocator"]  # from before there was one
    found = runs.diff(runs.add(a), runs.add(b))
    assert found.config == {"attention": ("eager", "sdpa")}
    assert found.versions == {"torch": (a["versions"]["torch"], "9.9")}
    assert found.workload == {"seed": (0, 3)}
    assert found.machine == {"cpu.cores": (a["machine"]["cpu"]["cores"], 99)}
    assert found.resolved["bytes_by_dtype.float32"][1] == 5
    assert found.resolved["bytes_by_dtype.bfloat16"][1] is None
    assert found.metrics["decode_tps"] == (100.0, 110.0)
    assert "prefill_tps" not in found.metrics
    assert found.comparison is not None
    same = runs.diff(1, 1)
    parts = (same.config, same.resolved, same.workload, same.versions, same.machine, same.metrics)
    assert parts == ({},) * 6


def test_a_diff_of_other_kinds_has_no_comparison(runs: Runs) -> None:
    found = runs.diff(record(kind="quality", attention="eager"), {"schema": "workbench.endpoint/1", "result": None})
    assert found.comparison is None
    assert found.config["attention"] == ("eager", None)
    assert runs.diff(record(1), record(2)).metrics == {"number": (1, 2)}


def test_charts_have_runs_in_the_order_they_were_measured(runs: Runs) -> None:
    later = {**measured(), "id": 1, "time": "2026-03-02T00:00:00.000+00:00"}
    earlier = {**measured(), "id": 2, "time": "2026-03-01T00:00:00.000+00:00"}  # imported afterwards
    assert [run.id for run in runs_of([later, earlier])] == [2, 1]
