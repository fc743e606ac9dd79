"""The latency-over-time chart: points, percentiles, stutters told apart without colour, nothing in it markup."""

from typing import Any

import plotly.graph_objects as go
import pytest

from tests.charts.samples import resolved
from workbench.charts import DARK, EITHER, LIGHT, Theme, figure, latency
from workbench.charts.latency import SYMBOLS
from workbench.config import Config
from workbench.results import (
    CauseShare,
    ColdStart,
    DeviceWindow,
    Drift,
    LatencyPoint,
    LatencyRun,
    Percentiles,
    Stutter,
    StutterCause,
    Workload,
)
from workbench.widgets.tables import show

BARE = Percentiles(n=60, units=60, p50=0.02, p90=0.03, ci95={"p50": (0.019, 0.021)}, needed={"p99": 100, "p90": 70})


def stutter(cause: str, phase: str = "decode", **changes: Any) -> Stutter:
    values = {"at_s": 3.0, "seconds": 0.2, "excess_s": 0.19, "request": 3, "phase": phase, **changes}
    return Stutter(causes=(StutterCause(cause=cause, seconds=0.1 if cause == "gc" else None),), **values)


def found(**changes: Any) -> LatencyRun:
    values: dict[str, Any] = {
        "workload": Workload(),
        "resolved": resolved(),
        "config": Config().to_dict(),
        "seconds": 10.0,
        "every_s": None,
        "vary": False,
        "requests": 60,
        "unserved": 0,
        "requests_per_s": 6.0,
        "tokens_per_s": 96.0,
        "ttft": BARE,
        "itl": BARE.model_copy(update={"n": 900}),
        "tpot": BARE.model_copy(update={"p99": 0.04}),
        "e2e": BARE,
        "series": tuple(
            LatencyPoint(at_s=float(at), requests=6, ttft_s=0.02, tpot_s=0.021, slowest_gap_s=0.03) for at in range(10)
        ),
        "drift": {
            "ttft_s": Drift(percent_per_minute=1.0, ci95=(-1.0, 3.0), smallest=2.0),
            "tpot_s": Drift(percent_per_minute=-9.0, ci95=(-12.0, -6.0), seen=True, smallest=3.0, last_over_first=0.8),
        },
        "stutters": (),
        "stutter_count": 0,
        "stutter_s": 0.0,
        "stutter_from_s": {"prefill": 0.04, "decode": 0.04},
        "causes": (),
        "totals": {"gc_pauses": 3, "gc_s": 0.01, "grown_bytes": 2 << 20},
        "cold_start": ColdStart(),
        "device": DeviceWindow(seconds=10.0, looks=100),
        "stopped_by": "time",
        **changes,
    }
    return LatencyRun(**values)


def stuttering() -> LatencyRun:
    stutters = (stutter("gc"), stutter("unseen"), stutter("page_in", "prefill", seconds=0.05))
    causes = (CauseShare(cause="gc", stutters=1, share=0.5), CauseShare(cause="unseen", stutters=1, share=0.5))
    return found(stutters=stutters, stutter_count=3, stutter_s=0.5, causes=causes)


def test_points_in_ms_and_the_percentiles_there_are() -> None:
    spec = latency(found(), LIGHT)
    ttft, p50, p90, tpot, *lines = spec["data"]
    assert ttft["y"] == [20.0] * 10
    assert ttft["x"][-1] == 9.0
    assert tpot["y"] == [21.0] * 10
    assert (ttft["yaxis"], tpot["yaxis"]) == ("y", "y2")
    assert [(line["name"], line["showlegend"]) for line in lines] == [("p50", False), ("p90", False), ("p99", True)]
    assert (p50["y"], p90["line"]["dash"]) == ([20.0, 20.0], "dash")
    assert "n = 60 requests" in p50["hovertext"][0]
    assert "[19.0, 21.0]" in p50["hovertext"][0]
    assert "median of n = 6 requests" in ttft["hovertext"][0]
    assert spec["layout"]["yaxis"]["rangemode"] == "tozero"


def test_a_stutter_is_where_it_was_with_what_was_beside_it() -> None:
    spec = latency(stuttering(), LIGHT)
    gc, paged, unseen = spec["data"][-3:]
    assert (gc["x"], gc["y"], gc["yaxis"]) == ([3.0], [200.0], "y2")
    assert (paged["y"], paged["yaxis"]) == ([50.0], "y")
    assert "garbage collection, 100\u2009ms of it" in gc["hovertext"][0]
    assert "cause not seen" in unseen["hovertext"][0]
    assert [each["name"] for each in (gc, unseen)] == ["stutter: garbage collection", "stutter: cause not seen"]


def test_colour_is_not_all_that_tells_causes_apart() -> None:
    symbols = [symbol for symbol, _place in SYMBOLS.values()]
    assert len(set(symbols)) == len(symbols)
    assert not {"circle", "square-open"} & set(symbols)
    for symbol in symbols:
        go.scatter.Marker(symbol=symbol)


def test_a_stutter_far_above_makes_the_scale_logarithmic() -> None:
    layout = latency(stuttering(), LIGHT)["layout"]
    assert (layout["yaxis2"]["type"], layout["yaxis"].get("type")) == ("log", None)
    assert "200" in layout["yaxis2"]["ticktext"]


@pytest.mark.parametrize("theme", [LIGHT, DARK, EITHER], ids=lambda theme: theme.name)
@pytest.mark.parametrize("shown", [None, found(), stuttering()], ids=["empty", "calm", "stutters"])
def test_plotly_takes_it(shown: LatencyRun | None, theme: Theme) -> None:
    spec = latency(shown, theme)
    go.Figure(spec)
    said = spec["layout"]["annotations"][0]
    assert said["visible"] == (shown is None)
    if shown is not None:
        assert len(figure(shown, theme).data) == len(spec["data"])


def test_all_of_it_is_said_in_words_too() -> None:
    said = repr(show(stuttering()))
    assert "20.0\u2009ms [19.0, 21.0]" in said
    assert "30.0\u2009ms (interval from 70 requests)" in said
    assert "needs 100" in said
    assert "(TTFT): no drift seen; 2.0\u2009%/min would have been seen" in said.replace(" %/min", "\u2009%/min")
    assert "(TPOT) drifted by -9.00 %/min [-12.0, -6.0]; the last minute took 0.800× of the first" in said
    assert "stutters: 3" in said
    assert "garbage collection 50.0\u2009% (1), cause not seen 50.0\u2009% (1)" in said
    assert "3 garbage collections, 10.0\u2009ms in them, resident memory grew by 2.00\u2009MiB" in said
    assert "cold start: not measured" in said
    assert "no stutters" in repr(show(found()))
    assert show(found())._repr_html_()


def test_a_cold_start_is_told_by_its_parts() -> None:
    start = ColdStart(measured="now", start_s=6.0, import_s=5.0, load_s=2.0, first_token_s=0.5, cached_share=None)
    said = repr(show(found(cold_start=start)))
    assert (
        "worker 6.00\u2009s (importing libraries 5.00\u2009s of it), load 2.00\u2009s, first token 500\u2009ms" in said
    )
    assert "page cache before: unknown" in said
    assert "page cache before: 25.0\u2009%" in repr(
        show(found(cold_start=start.model_copy(update={"cached_share": 0.25})))
    )
