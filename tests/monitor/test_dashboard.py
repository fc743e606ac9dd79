"""The Grafana dashboard: what Grafana needs is there, and every query asks for what is exported."""

import json
import re
from typing import Any

import pytest

from tests.monitor.queries import KNOWN, metrics, unknown_names
from workbench.monitor import dashboard

BOARD: dict[str, Any] = json.loads(dashboard())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
# Grafana's unit ids (packages/grafana-data/src/valueFormats/categories.ts)
UNITS = {"s", "short", "none", "percentunit", "bytes", "watt", "joule", "hertz", "celsius"}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def test_grafana_can_import_it() -> None:
    assert BOARD["id"] is None  # Grafana gives it
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", BOARD["uid"])
    assert BOARD["title"]
    assert BOARD["schemaVersion"] >= 36  # the first with data sources as objects everywhere
    assert BOARD["time"] == {"from": "now-30m", "to": "now"}
    source, instance = BOARD["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    assert (instance["name"], instance["type"], instance["datasource"]) == ("instance", "query", SOURCE)
    assert unknown_names(re.sub(r"label_values\((\w+), \w+\)", r"\1", instance["definition"]), set()) == set()
    numbers = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_panels_do_not_overlap_and_fit_the_page() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
def test_a_panel_asks_for_what_exists_in_its_unit(panel: dict[str, Any]) -> None:
    assert panel["type"] in ("timeseries", "state-timeline", "table")
    assert panel["datasource"] == SOURCE
    unit = panel["fieldConfig"]["defaults"]["unit"]
    assert unit in UNITS
    assert [target["refId"] for target in panel["targets"]] == list("ABCD")[: len(panel["targets"])]
    for target in panel["targets"]:
        assert target["datasource"] == SOURCE
        assert unknown_names(target["expr"], set()) == set()
        asked = metrics(target["expr"])
        assert asked
        assert target["expr"].count('instance=~"$instance"') == len(
            re.findall(r"workbench_\w+", target["expr"])
        )  # one monitor can be looked at alone
        counted = {name for name in asked if KNOWN[name].kind in ("counter", "histogram")}
        assert bool(counted) == bool(re.search(r"(rate|increase)\(", target["expr"]))
        shown = {"seconds": "s", "bytes": "bytes", "ratio": "percentunit", "hertz": "hertz", "watts": "watt"}
        units = {KNOWN[name].unit for name in asked if KNOWN[name].kind in ("gauge", "histogram")}
        if not target["expr"].startswith("sum by (instance) (increase("):
            assert {shown.get(each, unit) for each in units} <= {unit}


def test_utilisation_goes_by_its_true_name() -> None:
    (panel,) = [panel for panel in PANELS if "workbench_gpu_kernel_time_ratio" in panel["targets"][0]["expr"]]
    assert panel["title"] == "Time in which any kernel ran"
    assert "does not mean that the GPU is full" in panel["description"]
    assert not [panel["title"] for panel in PANELS if re.search("utili[sz]ation", panel["title"], re.IGNORECASE)]


def test_a_query_for_what_is_not_there_is_seen() -> None:
    assert unknown_names('rate(workbench_made_up_total{job="x"}[5m])', set()) == {"workbench_made_up_total"}
    assert unknown_names('workbench_jobs_total{reason="x"}', set()) == {"workbench_jobs_total{reason}"}
    assert unknown_names("sum by (job) (workbench_jobs)", set()) == {"workbench_jobs"}  # without its ending
