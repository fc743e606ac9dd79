"""What teams' own tools see of a session: a Prometheus exporter on loopback, alert rules and a Grafana dashboard."""

from workbench.monitor.files import THRESHOLDS, dashboard, rules, scrape_config
from workbench.monitor.monitor import PORT, Monitor

__all__ = ["PORT", "THRESHOLDS", "Monitor", "dashboard", "rules", "scrape_config"]
