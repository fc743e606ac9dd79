"""The ready files: alert rules with a person's own thresholds, the dashboard, what Prometheus needs to scrape."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ConfigError

_HERE = Path(__file__).parent
_MARK = re.compile(r"(?<=[<>] )(\S+)(?= # threshold: (\w+)$)", re.MULTILINE)


@dataclass(frozen=True)
class Threshold:
    """A number in the rules that a person may set. `help` says what is compared with it; shares go from 0 to 1."""

    name: str
    default: float
    help: str
    share: bool = False


THRESHOLDS: dict[str, Threshold] = {
    each.name: each
    for each in (
        Threshold("ttft_p95", 0.5, "P95 of the time to first token, seconds"),
        Threshold("tpot_p95", 0.5, "P95 of the time per output token, seconds"),
        Threshold("itl_p99", 1.0, "P99 of the gap between two tokens, seconds"),
        Threshold("jobs_waiting", 4, "jobs that wait"),
        Threshold("failed_share", 0.05, "share of jobs that failed", share=True),
        Threshold("memory_share", 0.9, "share of the GPU's memory in use", share=True),
        Threshold("allocator_retries", 0, "refusals of the driver in ten minutes"),
        Threshold("fragmentation", 0.3, "inactive_split ÷ reserved, and growing", share=True),
        Threshold("available_bytes", 1e9, "memory left on the machine, bytes"),
        Threshold("throttled_share", 0.1, "share of time held back by heat or a fault", share=True),
    )
}


def rules(thresholds: Mapping[str, float] | None = None) -> str:
    """The rules file (YAML) with these thresholds in place of its own. ConfigError for a wrong name or value."""
    given = dict(thresholds or {})
    for name, value in given.items():
        if name not in THRESHOLDS:
            raise ConfigError("monitor.unknown_threshold", name=repr(name), known=", ".join(THRESHOLDS))
        if not math.isfinite(value) or value < 0 or (THRESHOLDS[name].share and value > 1):
            raise ConfigError("monitor.bad_threshold", name=name, value=value, what=THRESHOLDS[name].help)
    template = (_HERE / "rules.yml").read_text(encoding="utf-8")
    return _MARK.sub(lambda mark: f"{given[mark[2]]:.15g}" if mark[2] in given else mark[1], template)


def dashboard() -> str:
    """The Grafana dashboard (JSON, classic model): import it and choose the Prometheus data source."""
    return (_HERE / "dashboard.json").read_text(encoding="utf-8")


def scrape_config(target: str | None = None) -> str:
    """A prometheus.yml that scrapes `target` (host:port)."""
    template = (_HERE / "prometheus.yml").read_text(encoding="utf-8")
    return template if target is None else template.replace("127.0.0.1:9464", target)
