"""The GPU check: sections fail one by one, every page of a rehearsal says that it is one."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.nvml_standin import H100, T4, Standin
from workbench import machine as machines
from workbench.errors import CapabilityError, ConfigError, ModelError
from workbench.gpu_check import (
    SECTIONS,
    Report,
    attention,
    check,
    decoding,
    device,
    experts,
    guides,
    memory,
    quantisation,
    report,
    reuse,
    seven_b,
    spread,
)
from workbench.gpu_check.plan import Findings, Plan
from workbench.machine import doctor
from workbench.results import COMPILED_LOOP, TRANSFORMERS_LOOP, Gpu, Torch
from workbench.session import Session


@pytest.fixture(autouse=True)
def _on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the doctor keeps of this machine without its GPUs: asking torch again would only take time."""
    home = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(home))
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        doctor()
    return home / "machine.json"


@pytest.fixture
def known_home(workbench_home: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own in which the check reads what was kept instead of forgetting it."""
    shutil.copy(kept, workbench_home)
    monkeypatch.setattr(machines, "doctor", lambda refresh: doctor())
    return workbench_home


def test_an_unknown_section_is_named(workbench_home: Path) -> None:
    with pytest.raises(ConfigError, match="'swiches'"):
        check(["swiches"], allow_cpu=True)


def test_without_a_gpu_it_refuses(workbench_home: Path) -> None:
    with pytest.raises(CapabilityError, match="--allow-cpu"):
        check(["environment"])


def test_a_failed_section_keeps_the_others(known_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_plan: Any) -> dict[str, Any]:
        raise ModelError("model.no_such_path", path="lost | <b>model</b>")

    monkeypatch.setattr(attention, "switches", broken)
    report = check(["environment", "switches", "capabilities"], allow_cpu=True, out=tmp_path)
    assert [section.ok for section in report.sections] == [True, False, True]
    assert not report.ok
    assert "ModelError: There is nothing at lost" in (report.sections[1].error or "")
    page = (tmp_path / "gpu-check.md").read_text()
    assert "**failed**" in page
    assert "There is nothing at lost" in page
    assert page.index("## switches") < page.index("## capabilities")
    assert Report.from_json(report.to_json()) == report
    assert sorted(path.name for path in tmp_path.glob("gpu-check*")) == ["gpu-check.json", "gpu-check.md"]


def test_a_bug_of_ours_is_not_swallowed_and_loses_nothing_before_it(
    known_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(_plan: Any) -> dict[str, Any]:
        return {}["missing"]  # type: ignore[no-any-return]

    monkeypatch.setattr(attention, "switches", wrong)
    with pytest.raises(KeyError):
        check(["environment", "switches"], allow_cpu=True, out=tmp_path)
    kept = json.loads((tmp_path / "gpu-check.json").read_text())
    assert [section["name"] for section in kept["result"]["sections"]] == ["environment"]


def test_resuming_keeps_what_was_done_under_the_same_conditions(
    known_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []

    def counted(name: str, failed: bool) -> Callable[[Plan], dict[str, Any]]:
        def section(_plan: Plan) -> dict[str, Any]:
            runs.append(name)
            return {"rows": [], "skipped": [], "failed": [{"what": "x", "why": "y"}] if failed else []}

        return section

    monkeypatch.setattr(attention, "switches", counted("switches", failed=False))
    monkeypatch.setattr(attention, "kernels", counted("kernels", failed=True))
    wanted = ["switches", "kernels"]
    assert [section.ok for section in check(wanted, allow_cpu=True, out=tmp_path).sections] == [True, False]
    check(wanted, allow_cpu=True, out=tmp_path, resume=True)
    assert runs == ["switches", "kernels", "kernels"]
    kept = json.loads((tmp_path / "gpu-check.json").read_text())
    kept["versions"]["torch"] = "1.0"
    (tmp_path / "gpu-check.json").write_text(json.dumps(kept))
    check(["switches"], allow_cpu=True, out=tmp_path, resume=True)
    assert runs == ["switches", "kernels", "kernels", "switches"]


def test_parts_are_left_out_by_name_when_time_is_up(known_home: Path) -> None:
    plan = Plan(machine=doctor(), device="cpu", limit_s=1.0, ends_s=0.0)
    findings = Findings(plan)
    findings.each([("a part", lambda: {"found": 1})])
    assert (findings.rows, findings.failed) == ([], [])
    assert findings.skipped == [{"what": "a part", "why": "no time left of the section's 1 s"}]


def test_a_part_that_fails_is_its_own_failure(known_home: Path) -> None:
    def broken() -> dict[str, Any]:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    findings = Findings(Plan(machine=doctor(), device="cpu"))
    findings.each([("first", broken), ("second", lambda: {"found": 2})])
    assert [row["part"] for row in findings.rows] == ["second"]
    assert findings.failed[0]["what"] == "first"
    assert "illegal memory access" in findings.failed[0]["why"]


@pytest.mark.parametrize("count", [1, 2])
def test_one_gpu_is_too_few_to_spread_over(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Loading(Exception):
        pass

    def session(*_arguments: Any, **_named: Any) -> Any:
        raise Loading

    monkeypatch.setattr(spread, "Session", session)
    gpus = tuple(Gpu(index=at, name="GPU", memory_bytes=2**34) for at in range(count))
    where = doctor().model_copy(
        update={"gpus": gpus, "torch": Torch(version="2.13.0+cu130", cuda_runtime="13.0", cuda_available=True)}
    )
    if count > 1:
        with pytest.raises(Loading):
            spread.spread(Plan(where, "cuda"))
    else:
        assert "torch sees 1" in spread.spread(Plan(where, "cuda"))["skipped"][0]["why"]


@pytest.mark.model
@pytest.mark.timeout(900)
def test_a_rehearsal_does_every_section_for_real(tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for room in (
        attention,
        decoding,
        device,
        experts,
        guides,
        memory,
        reuse,
        seven_b,
    ):  # the other sections load in workers, as all do in a check
        monkeypatch.setattr(room, "Session", partial(Session, host="inline"))
    monkeypatch.setattr(attention, "_MODELS", attention._MODELS[:1])
    monkeypatch.setattr(attention, "_TOGGLES", 4)
    monkeypatch.setattr(device, "_LOOK_S", 0.5)
    monkeypatch.setattr(seven_b, "_changes", lambda _plan: [{"attention": "eager"}])  # compiling takes its minute
    wanted = [name for name in SECTIONS if name not in ("compiled", "caches", "judged")]
    monkeypatch.setattr(quantisation, "_FORMATS", ("bnb-nf4", "fp8"))
    seen: list[str] = []
    report = check(wanted, allow_cpu=True, model=tiny, budget_s=1, out=tmp_path, progress=seen.append)
    assert seen == wanted
    found = {section.name: section.found or {} for section in report.sections}
    assert report.ok, [(section.error, (section.found or {}).get("failed")) for section in report.sections]
    assert report.rehearsal
    toggled = found["switches"]["rows"]
    assert toggled
    assert all(row["same_tokens"] and row["to_s"] > 0 for row in toggled if "float32" in row["part"])
    assert {row["device"] for row in toggled} == {"cpu"}
    backends = {row["part"]: row["prefill"] for row in found["kernels"]["rows"]}
    assert any("eager" in part and "eager" in (backend or "") for part, backend in backends.items())
    assert any("sdpa" in part and "flash" in (backend or "") for part, backend in backends.items())
    assert any("flash_attention_2" in skipped["what"] for skipped in found["kernels"]["skipped"])
    assert {row["level"] for row in found["agreement"]["rows"]} <= {"same", "agrees", "rounding"}
    assert found["lengths"]["rows"][0]["scan"]["points"]
    ways = {row["part"]: row for row in found["spread"]["rows"]}
    assert {name: row["same_tokens"] == row["of"] for name, row in ways.items()} == {
        "device_map": True,
        "tp_plan": True,
    }
    assert all(row["crossings"] for row in ways.values())
    formats = {row["part"].rpartition(" ")[2]: row for row in found["quantised"]["rows"]}
    assert formats["bnb-nf4"]["ran"] == "bnb-nf4"
    assert formats["bnb-nf4"]["bytes"] < formats["full"]["bytes"]
    for row in formats.values():
        assert row["bytes"] < row["forecast_bytes"] < 1.3 * row["bytes"]  # cache and workspace of a short prompt
        assert row["forecast_to_peak"] == row["forecast_bytes"] / row["peak_bytes"]
        assert 0 < row["forecast_to_peak"] < 1  # the peak is the whole process's here
    skipped = {entry["what"].rpartition(" ")[2]: entry["why"] for entry in found["quantised"]["skipped"]}
    assert "CPU" in skipped["fp8"]
    _check_device(found)
    _check_guides(found)
    _check_models(found)
    page = (tmp_path / "gpu-check.md").read_text()
    assert page.startswith("# CPU rehearsal of the GPU check")
    assert "no number here is a GPU's" in page
    assert "Left out:" in page


def _check_device(found: dict[str, dict[str, Any]]) -> None:
    """What the sections about the device found on a CPU."""
    fields = {row["part"]: row for row in found["sampler"]["rows"]}
    assert fields["available_bytes"]["value"] > 0
    assert all((row["value"] is None) == (row["missing"] is not None) for row in fields.values())
    assert 0 < fields["cost of looking, share of one core"]["value"] < 1
    assert found["sampler"]["skipped"][0]["what"] == "GPU"
    rates = {row["part"]: row["value"] for row in found["ceilings"]["rows"]}
    assert rates["products of float32"] > 1e8
    assert any(part.startswith("memory bandwidth of cpu") for part in rates)
    assert 0 < rates["launch latency (call)"] < 1e-3
    assert "launch latency, alone and waited for" not in rates  # on a CPU nothing is waited for
    before, load, after = found["throttle"]["rows"]
    assert [row["part"] for row in (before, load, after)] == ["before the load", "under load", "after the load"]
    assert before["looks"] >= 2
    assert load["looks"] >= 2
    assert load["decode_tps"] > 0
    assert "throttle" not in load
    assert [left["what"] for left in found["throttle"]["skipped"]] == ["what holds clocks back"]
    (kept,) = found["memory"]["rows"]
    assert kept["requests"] >= 1
    assert kept["need_bytes"] > 0
    assert 0 <= kept["unused_share"] < 1
    assert [left["what"] for left in found["memory"]["skipped"]] == ["a request that no memory holds"]


def _check_guides(found: dict[str, dict[str, Any]]) -> None:
    """Limits, advice and the race, on a tiny model."""
    floors = {row["part"]: row for row in found["limits"]["rows"]}
    assert floors["decode, memory"]["floor_s"] > 0
    assert floors["prefill, compute"]["floor_s"] > 0
    assert all(row["took_s"] > 0 for row in floors.values())
    rules = {row["part"]: row for row in found["advice"]["rows"]}
    assert rules["eager"]["change"] == "{'attention': 'sdpa'}"
    assert rules["eager, cured"]["got"] > 0
    *points, verdict = found["swept"]["rows"]
    assert {row["state"] for row in points} >= {"best"}
    assert verdict["said"]
    assert any("flash_attention_2" in left["what"] for left in found["swept"]["skipped"])
    assert {row["part"]: row["verdict"] for row in found["tips"]["rows"]} == {
        "S1-4": "does not hold",
        "S4-11": "does not hold",
        "S0-29": "holds",
    }


def _check_models(found: dict[str, dict[str, Any]]) -> None:
    """The 7B's section and that of the experts, on tiny models."""
    default, rows, eager, best = found["seven_b"]["rows"]
    assert default["share_of_limit"] > 0
    assert rows["scan"]["points"]
    assert eager["decode_tps"] > 0
    assert best["best"] == ["attention=eager"]
    assert best["pairs"] >= 1
    assert len(best["verdict"]) == 2
    cache, *ways, summary = found["experts"]["rows"]
    assert 1 <= cache["forecast_to_held"] < 1.01  # the last token is never in the cache
    assert [way["part"] for way in ways] == ["eager", "batched_mm", "grouped_mm"]
    assert all((way["prefill"], way["decode"]) == (way["part"], way["part"]) for way in ways)
    assert 0 < summary["step_bytes"] < 1.1 * summary["weight_bytes"]


@pytest.mark.model
def test_a_gpu_that_nvml_tells_of_is_in_the_sections_about_the_device(
    tiny: str, nvml: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "Session", partial(Session, host="inline"))
    monkeypatch.setattr(device, "_LOOK_S", 0.5)
    hot = 0x40  # nvmlClocksEventReasonHwThermalSlowdown
    nvml.play(gpus=[H100, T4 | {"reasons": hot, "power_mw": 60_000}])
    plan = Plan(machine=doctor(), device="cpu", model=tiny, budget_s=1)
    fields = {row["part"]: row for row in device.sampler(plan)["rows"]}
    assert fields["GPU 0 sm_clock_mhz"]["value"] > 0
    assert fields["GPU 1 power_w"]["value"] == 60
    assert fields["GPU 1 throttle"]["value"] == ["hw_thermal_slowdown"]
    assert fields["GPU 1 sm_active_share"]["missing"] == "not_supported"  # a T4 has no GPM
    assert {(row["value"] is None) == bool(row["missing"]) for row in fields.values()} == {True}
    found = device.throttle(plan)
    load = found["rows"][1]
    assert load["GPU 1 throttle"] == ["hw_thermal_slowdown 1"]
    assert (load["GPU 1 throttled"], load["GPU 0 throttled"]) == (True, False)
    assert load["GPU 1 power_mean_w"] == pytest.approx(60)
    assert found["skipped"] == []


def test_every_section_is_a_function_that_says_what_it_does() -> None:
    for name, module in SECTIONS.items():
        section = getattr(import_module(f"workbench.gpu_check.{module}"), name)
        assert section.__doc__, name
        assert section.__name__ == name


def test_a_card_that_is_too_small_for_the_7b_is_told_so(known_home: Path) -> None:
    machine = doctor()
    small = machine.model_copy(update={"gpus": (Gpu(index=0, name="small", memory_bytes=8 << 30),)})
    found = seven_b.seven_b(Plan(machine=small, device="cuda"))
    assert found["rows"] == []
    assert found["skipped"][0]["why"].startswith("needs 18 GB of GPU memory")


def test_rows_of_another_kind_begin_another_table() -> None:
    alike = [{"part": "a", "x": 1.0, "y": [1.0, 2.0], "seconds": 1.0}, {"part": "b", "x": None, "z": 3}]
    other = {"part": "c", "u": 1, "v": {"a": "document"}, "w": "|", "x": 2.0, "seconds": 2.0}
    lines = report._rows([*alike, other])
    assert lines[0] == "| part | x | y | seconds | z |"
    assert lines[3] == "| b |  |  |  | 3 |"
    assert lines[5] == "| part | u | w | x | seconds |"
    assert "document" not in "".join(lines)


LOOPS = {"compiled": COMPILED_LOOP, "caches": TRANSFORMERS_LOOP}


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.parametrize("section", ["compiled", "caches"])
def test_the_decoding_sections_for_real(tiny: str, section: str) -> None:
    report = check([section], allow_cpu=True, model=tiny, budget_s=4)
    found = report.sections[0].found or {}
    assert found["failed"] == []
    assert found["rows"][0]["same_tokens"] == "32 of 32"  # later ones round otherwise: random weights have near-ties
    assert {row["loop"] for row in found["rows"][1:]} == {LOOPS[section]}


@pytest.mark.slow
@pytest.mark.model
def test_every_format_and_its_quality_for_real(demo_home: Path) -> None:
    report = check(["quantised", "judged"], allow_cpu=True, model="demo", budget_s=2)
    quantised, judged = ((section.found or {}) for section in report.sections)
    assert report.ok, (quantised.get("failed"), judged.get("failed"))
    bytes_of = {row["part"].partition(" ")[2]: row["bytes"] for row in quantised["rows"]}
    assert bytes_of["bnb-nf4"] < bytes_of["bnb-int8"] < bytes_of["in full"]
    kld = {row["part"].partition(" ")[2]: row["kld_mean"] for row in judged["rows"]}
    assert kld["none"] < kld["torchao-int8-weight"] < kld["bnb-nf4"]
