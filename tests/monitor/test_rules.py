"""The rules under `promtool`: each alert fires when it should, is silent when it should, and says what misleads."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.monitor.prometheus import promtool
from tests.monitor.queries import recorded, unknown_names
from workbench.errors import ConfigError
from workbench.metrics.hardware import THROTTLE
from workbench.monitor import THRESHOLDS, rules, scrape_config
from workbench.results.device import HEAT_OR_FAULT

GROUPS = yaml.safe_load(rules())["groups"]
ALERTS = {rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule}
Series = dict[str, str]

MINUTES = 40


def latency(name: str, under: int, over: int, bound: str = "0.5", origin: str = "generate") -> Series:
    """Answers a minute that take at most `bound` seconds, and ones that take up to 2.5."""
    labels = f'job="workbench",instance="a",origin="{origin}"'
    called, both = f"workbench_{name}_seconds", under + over
    return {
        f'{called}_bucket{{{labels},le="{bound}"}}': f"0+{under}x{MINUTES}",
        f'{called}_bucket{{{labels},le="2.5"}}': f"0+{both}x{MINUTES}",
        f'{called}_bucket{{{labels},le="+Inf"}}': f"0+{both}x{MINUTES}",
        f"{called}_count{{{labels}}}": f"0+{both}x{MINUTES}",
    }


def one(name: str, values: str, **labels: str) -> Series:
    told = {"job": "workbench", "instance": "a", **labels}
    return {f"{name}{{{','.join(f'{key}={json.dumps(value)}' for key, value in told.items())}}}": values}


def gpu_memory(used: int) -> Series:
    return one("workbench_gpu_memory_used_bytes", f"{used}x{MINUTES}", gpu="0") | one(
        "workbench_gpu_memory_total_bytes", f"100x{MINUTES}", gpu="0"
    )


def jobs(failed: int, done: int) -> Series:
    return one("workbench_jobs_total", f"0+{failed}x{MINUTES}", operation="generate", outcome="failed") | one(
        "workbench_jobs_total", f"0+{done}x{MINUTES}", operation="generate", outcome="done"
    )


def throttled(reason: str, values: str) -> Series:
    return one("workbench_gpu_throttled", values, gpu="0", reason=reason)


STEADY, ON, OFF = f"x{MINUTES}", f"1x{MINUTES}", f"0x{MINUTES}"
SPLIT = "workbench_allocator_inactive_split_ratio"
# alert -> (what makes it fire, all that must not)
CASES: dict[str, tuple[Series, tuple[Series, ...]]] = {
    "WorkbenchDown": (one("up", OFF), (one("up", ON), one("up", OFF, job="other"))),
    "WorkbenchModelNotResident": (
        one("workbench_model_resident", OFF),
        (one("workbench_model_resident", ON), one("workbench_model_resident", "1x38 0x1")),
    ),
    "WorkbenchTimeToFirstTokenHigh": (
        latency("time_to_first_token", 10, 10),
        (
            latency("time_to_first_token", 100, 1),
            latency("time_to_first_token", 0, 2),  # too few answers for a P95
            latency("time_to_first_token", 10, 10, origin="measure"),
        ),
    ),
    "WorkbenchTimePerOutputTokenHigh": (
        latency("time_per_output_token", 10, 10),
        (latency("time_per_output_token", 100, 1), latency("time_per_output_token", 0, 2)),
    ),
    "WorkbenchTokenGapsHigh": (
        latency("inter_token_latency", 90, 10, bound="1.0"),
        (latency("inter_token_latency", 1000, 1, bound="1.0"), latency("inter_token_latency", 0, 15, bound="1.0")),
    ),
    "WorkbenchJobsWait": (one("workbench_jobs_waiting", f"9{STEADY}"), (one("workbench_jobs_waiting", f"4{STEADY}"),)),
    "WorkbenchJobsFail": (jobs(1, 9), (jobs(1, 99), jobs(0, 0))),
    "WorkbenchGpuMemoryNearlyFull": (gpu_memory(95), (gpu_memory(90), gpu_memory(20))),
    "WorkbenchAllocatorRetries": (
        one("workbench_allocator_retries_total", f"0+1x{MINUTES}"),
        (one("workbench_allocator_retries_total", f"7{STEADY}"),),
    ),
    "WorkbenchMemoryFragments": (
        one(SPLIT, f"0.3+0.01x{MINUTES}"),
        (one(SPLIT, f"0.6{STEADY}"), one(SPLIT, f"0.1+0.004x{MINUTES}"), one(SPLIT, f"0.9-0.01x{MINUTES}")),
    ),
    "WorkbenchHostMemoryLow": (
        one("workbench_memory_available_bytes", f"5e8{STEADY}"),
        (one("workbench_memory_available_bytes", f"5e9{STEADY}"),),
    ),
    "WorkbenchGpuHeldBack": (
        throttled("hw_thermal_slowdown", ON),
        (throttled("sw_power_cap", ON), throttled("sync_boost", ON), throttled("hw_thermal_slowdown", OFF)),
    ),
    "WorkbenchGpuLost": (one("workbench_gpu_lost", ON, gpu="0"), (one("workbench_gpu_lost", OFF, gpu="0"),)),
}


def case(name: str, series: Series, alert: str, count: int) -> dict[str, Any]:
    asked = {
        "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})',
        "eval_time": f"{MINUTES}m",
        "exp_samples": [{"labels": "{}", "value": count}] if count else [],
    }
    given = [{"series": name, "values": values} for name, values in series.items()]
    return {"name": name, "interval": "1m", "input_series": given, "promql_expr_test": [asked]}


def checked(folder: Path, tests: list[dict[str, Any]], text: str | None = None) -> str:
    """What promtool complains of; "" where all is as expected."""
    (folder / "rules.yml").write_text(text or rules())
    whole = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}
    (folder / "tests.yml").write_text(json.dumps(whole))
    done = promtool("test", "rules", str(folder / "tests.yml"))
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_rules_as_they_are_and_with_other_thresholds(tmp_path: Path) -> None:
    for number, thresholds in enumerate(({}, {"ttft_p95": 1.25, "fragmentation": 0.7, "available_bytes": 2**33})):
        file = tmp_path / f"{number}.yml"
        file.write_text(rules(thresholds))
        done = promtool("check", "rules", str(file))
        assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "workbench_rules.yml").write_text(rules())
    (tmp_path / "prometheus.yml").write_text(scrape_config("127.0.0.1:1234"))
    done = promtool("check", "config", str(tmp_path / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_and_keeps_silent(tmp_path: Path) -> None:
    assert set(CASES) == set(ALERTS)
    tests = []
    for alert, (loud, quiet) in CASES.items():
        tests.append(case(f"{alert} fires", loud, alert, 1))
        tests += [case(f"{alert} is silent: {number}", series, alert, 0) for number, series in enumerate(quiet)]
    assert checked(tmp_path, tests) == ""
    wrong = [case("wrong", quiet[0], alert, 1) for alert, (_, quiet) in CASES.items()]
    assert checked(tmp_path, wrong).count("got:") == len(wrong)  # promtool does look


def test_a_threshold_moves_its_alert(tmp_path: Path) -> None:
    series = gpu_memory(95)
    assert (
        checked(tmp_path, [case("x", series, "WorkbenchGpuMemoryNearlyFull", 1)], rules({"memory_share": 0.94})) == ""
    )
    assert (
        checked(tmp_path, [case("x", series, "WorkbenchGpuMemoryNearlyFull", 0)], rules({"memory_share": 0.96})) == ""
    )


def test_a_busy_gpu_is_no_alarm(tmp_path: Path) -> None:
    busy = one("workbench_gpu_kernel_time_ratio", ON, gpu="0")
    asked = {"expr": "count(ALERTS)", "eval_time": f"{MINUTES}m", "exp_samples": []}
    given = [{"series": name, "values": values} for name, values in busy.items()]
    recording = {
        "expr": "workbench:gpu_kernel_time:avg5m",
        "eval_time": f"{MINUTES}m",
        "exp_samples": [
            {"labels": 'workbench:gpu_kernel_time:avg5m{job="workbench",instance="a",gpu="0"}', "value": 1}
        ],
    }
    test = {"name": "busy", "interval": "1m", "input_series": given, "promql_expr_test": [asked, recording]}
    assert checked(tmp_path, [test]) == ""
    assert not any("kernel_time" in rule["expr"] for rule in ALERTS.values())
    assert "85 %" in rules()  # the reason stands in the file


def test_percentiles_are_of_enough_answers(tmp_path: Path) -> None:
    p95 = {
        "expr": "workbench:time_to_first_token_seconds:p95",
        "eval_time": f"{MINUTES}m",
        "exp_samples": [
            {"labels": 'workbench:time_to_first_token_seconds:p95{job="workbench",instance="a"}', "value": 2.3}
        ],
    }
    p99 = {"expr": "workbench:time_to_first_token_seconds:p99", "eval_time": f"{MINUTES}m", "exp_samples": []}
    given = [
        {"series": name, "values": values} for name, values in latency("time_to_first_token", 5, 5).items()
    ]  # 50 in five minutes: enough for P95, too few for P99
    test = {"name": "few", "interval": "1m", "input_series": given, "promql_expr_test": [p95, p99]}
    assert checked(tmp_path, [test]) == ""


def test_what_an_alert_says_is_filled_in(tmp_path: Path) -> None:
    rule = ALERTS["WorkbenchGpuMemoryNearlyFull"]
    said = {**rule["annotations"], "summary": "GPU 0: 95% of its memory is in use"}
    expected = {
        "alertname": "WorkbenchGpuMemoryNearlyFull",
        "eval_time": f"{MINUTES}m",
        "exp_alerts": [
            {
                "exp_labels": {"severity": "info", "job": "workbench", "instance": "a", "gpu": "0"},
                "exp_annotations": said,
            }
        ],
    }
    given = [{"series": name, "values": values} for name, values in gpu_memory(95).items()]
    test = {"name": "said", "interval": "1m", "input_series": given, "alert_rule_test": [expected]}
    assert checked(tmp_path, [test]) == ""


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_it_means_and_when_it_misleads(alert: str) -> None:
    rule = ALERTS[alert]
    assert set(rule["annotations"]) == {"summary", "means", "misleads"}
    assert all(rule["annotations"].values())
    assert rule["labels"]["severity"] in ("info", "warning", "critical")


def test_every_expression_asks_for_what_exists() -> None:
    names = recorded(rules())
    for group in GROUPS:
        for rule in group["rules"]:
            assert unknown_names(rule["expr"], names) == set(), rule


def test_what_holds_a_gpu_back_is_the_workbenchs_own_list() -> None:
    (listed,) = re.findall(r'reason=~"([^"]+)"', ALERTS["WorkbenchGpuHeldBack"]["expr"])
    assert set(listed.split("|")) == HEAT_OR_FAULT <= set(THROTTLE)


def test_the_file_holds_the_defaults_of_the_thresholds() -> None:
    marked = re.findall(r"[<>] (\S+) # threshold: (\w+)", rules())
    assert {name: float(value) for value, name in marked} == {
        name: threshold.default for name, threshold in THRESHOLDS.items()
    }
    assert len(marked) == len(THRESHOLDS)
    changed = rules(dict.fromkeys(THRESHOLDS, 0.25))
    assert len(re.findall(r"[<>] 0\.25 # threshold", changed)) == len(THRESHOLDS)
    assert re.sub(r" \S+ # threshold", "", changed) == re.sub(r" \S+ # threshold", "", rules())


@pytest.mark.parametrize(
    "thresholds",
    [{"gpu_utilisation": 0.85}, {"memory_share": 90}, {"ttft_p95": -1}, {"ttft_p95": float("nan")}],
    ids=str,
)
def test_a_wrong_threshold_is_named(thresholds: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(thresholds))):
        rules(thresholds)
