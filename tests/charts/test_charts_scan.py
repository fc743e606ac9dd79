"""The scan chart shows the scan's points, its limit and its ends, told apart without colour."""

import math
from typing import Any

import plotly.graph_objects as go
import pytest

from tests.charts.samples import HOSTILE, resolved
from workbench.charts import DARK, EITHER, LIGHT, Theme, scan
from workbench.config import Config
from workbench.results import Knee, PhaseWork, Scan, ScanEnd, ScanLine, ScanPoint, Workload
from workbench.words import say


def point(line: int, value: int, decode: float, **changes: Any) -> ScanPoint:
    values: dict[str, Any] = {
        "rounds": 4,
        "mean": {"prefill_tps": 10 * decode, "decode_tps": decode},
        "ci95": {"prefill_tps": (9 * decode, 11 * decode), "decode_tps": (decode - 1, decode + 2)},
        "ratio": {"prefill_tps": 1.2, "decode_tps": 1.1} if line else {},
        "ratio_ci95": {"decode_tps": (1.05, 1.15)} if line else {},
        "peak_bytes": 1 << 30,
        "limit_tps": 100.0 - value / 64,
        "prefill_limit_tps": 1000.0,
        "work": {
            "prefill": PhaseWork(tokens=500, weight_bytes=1.0, kv_bytes=1.0, weight_flops=1.0, attention_flops=1.0),
            "decode": PhaseWork(tokens=2, weight_bytes=1.0, kv_bytes=1.0, weight_flops=1.0, attention_flops=1.0),
        },
        "resolved": resolved(),
        **changes,
    }
    return ScanPoint(line=line, value=value, **values)


def found(label: str = "sdpa", **changes: Any) -> Scan:
    values: dict[str, Any] = {
        "parameter": "prompt_tokens",
        "values": (64, 128),
        "lines": (ScanLine(label="eager", config=Config().to_dict()), ScanLine(label=label, config=Config().to_dict())),
        "points": (point(0, 64, 20.0), point(1, 64, 22.0), point(1, 128, 21.0)),
        "ends": (ScanEnd(line=0, value=128, reason=say("scan.out_of_memory", problem="full")),),
        "ended_by": "values",
        "ended": say("scan.all_values"),
        "workload": Workload(),
        "seconds": 3.0,
        **changes,
    }
    return Scan(**values)


def test_a_line_for_each_configuration_in_each_pane_and_the_limit() -> None:
    spec = scan(found(), LIGHT)
    prefill_eager, prefill_sdpa, decode_eager, decode_sdpa, prefill_limit, limit = spec["data"]
    assert prefill_eager["y"] == [200.0]
    assert decode_sdpa["x"] == [64, 128]
    assert decode_sdpa["y"] == [22.0, 21.0]
    assert decode_sdpa["error_y"]["array"] == [2.0, 2.0]
    assert decode_sdpa["error_y"]["arrayminus"] == [1.0, 1.0]
    assert (prefill_sdpa["xaxis"], decode_eager["xaxis"]) == ("x", "x2")
    assert [trace["showlegend"] for trace in spec["data"][:4]] == [True, True, False, False]
    assert limit["line"]["dash"] == "dash"
    assert limit["y"] == [99.0]
    assert (prefill_limit["y"], prefill_limit["yaxis"], prefill_limit["line"]["dash"]) == ([1000.0], "y", "dash")
    assert (limit["mode"], limit["marker"]["symbol"]) == ("markers", "line-ew-open")  # of one place
    assert [prefill_limit["name"], limit["name"]] == ["prefill limit: products", "decode limit: bandwidth"]
    assert "1.10× of the first line [1.05, 1.15]" in decode_sdpa["hovertext"][0]
    assert "of the first line" not in decode_eager["hovertext"][0]


def test_colour_is_not_all_that_tells_the_lines_apart() -> None:
    first, second, *_ = scan(found(), LIGHT)["data"]
    assert first["marker"]["symbol"] != second["marker"]["symbol"]
    assert first["marker"]["color"] != second["marker"]["color"]


def test_where_memory_ends_a_line_it_says_so() -> None:
    layout = scan(found(), LIGHT)["layout"]
    assert [shape["x0"] for shape in layout["shapes"]] == [128]
    mark = layout["annotations"][-1]
    assert mark["text"] == "memory ends eager"
    assert mark["x"] == pytest.approx(math.log10(128))


def test_an_unknown_interval_draws_no_bar_and_an_unknown_limit_no_line() -> None:
    bare = found(points=(point(0, 64, 20.0, ci95={}, limit_tps=None, prefill_limit_tps=None),))
    *lines, prefill_limit, limit = scan(bare, LIGHT)["data"]
    assert lines[0]["error_y"]["array"] == [None]
    assert [(each["x"], each["showlegend"]) for each in (prefill_limit, limit)] == [([], False)] * 2


@pytest.mark.parametrize("theme", [LIGHT, DARK, EITHER], ids=lambda theme: theme.name)
@pytest.mark.parametrize("shown", [None, found(), found(label=HOSTILE)], ids=["empty", "two lines", "hostile"])
def test_plotly_takes_it_and_nothing_in_it_is_markup(shown: Scan | None, theme: Theme) -> None:
    spec = scan(shown, theme)
    figure = go.Figure(spec)
    assert len(figure.data) == (6 if shown else 2)
    assert "<img" not in figure.to_json()
    if shown is None:
        assert "Scan a parameter" in spec["layout"]["annotations"][0]["text"]


def test_over_the_batch_throughput_stands_above_both_latencies_with_the_knee() -> None:
    metrics = {"prefill_tps": 90.0, "decode_tps": 20.0, "tpot_s": 0.05, "ttft_s": 0.4}
    points = tuple(point(0, rows, 20.0, mean=metrics, ci95={}) for rows in (1, 2, 4))
    knee = Knee(line=0, value=2, low=1, high=4, largest=40, said=say("scan.all_values"))
    line = ScanLine(label="", config=Config().to_dict())
    spec = scan(
        found(parameter="batch_size", values=(1, 2, 4), lines=(line,), points=points, ends=(), knees=(knee,)), LIGHT
    )
    assert [trace["y"][0] for trace in spec["data"][:3]] == [20.0, 0.05, 0.4]
    assert [trace["yaxis"] for trace in spec["data"]] == ["y", "y2", "y3", "y", "y2", "y3"]
    limits = [trace["y"] for trace in spec["data"][3:]]
    assert {trace["mode"] for trace in spec["data"][3:]} == {"lines"}
    assert limits[0] == [100 - 1 / 64, 100 - 2 / 64, 100 - 4 / 64]
    assert limits[1] == pytest.approx([2 / each for each in limits[0]])  # two rows a step
    assert limits[2] == [0.5] * 3
    assert [trace["showlegend"] for trace in spec["data"][3:]] == [True, False, False]
    assert "Time per output token" in spec["layout"]["yaxis2"]["title"]["text"]
    assert [shape["x0"] for shape in spec["layout"]["shapes"]] == [2]
    assert spec["layout"]["annotations"][-1]["text"] == "knee 2 (1 – 4)"
    go.Figure(spec)
