"""The roofline: roofs where they belong, points with their intervals, on every ground, and hostile names as text."""

from typing import Any

import plotly.graph_objects as go
import pytest

from tests.charts.samples import HOSTILE, measurement, resolved
from tests.test_limits import HALF, WORK, ceilings, dense
from workbench.charts import DARK, EITHER, LIGHT, Theme, figure, roofline
from workbench.config import Config
from workbench.limits import limits_of, work_of
from workbench.results import LimitPoint, Limits, MatmulRate
from workbench.roofline import points_of


def found(**changes: Any) -> Limits:
    work = work_of(dense(), HALF, WORK)
    limits = limits_of(work, ceilings(), HALF)
    ran = measurement(4.0, workload=WORK, work=work, resolved=HALF, prefill_tps=20.0, ci95={"decode_tps": (3.0, 6.0)})
    values: dict[str, Any] = {
        "device": "cpu",
        "threads": 1,
        "format": "bfloat16",
        "workload": WORK,
        "config": Config().to_dict(),
        "resolved": HALF,
        "prefill": limits["prefill"],
        "decode": limits["decode"],
        "ceilings": ceilings(),
        "points": points_of([ran], None, ceilings())[0],
        **changes,
    }
    return Limits(**values)


def traces(limits: Limits | None, theme: Theme = LIGHT) -> dict[str, dict[str, Any]]:
    return {trace["name"]: trace for trace in roofline(limits, theme)["data"]}


def test_roofs_meet_where_memory_and_products_take_the_same_time() -> None:
    slope, float32, bfloat16, *_ = roofline(found(), LIGHT)["data"]
    assert (slope["name"], bfloat16["name"]) == (
        "memory bandwidth 0.000100\u2009GB/s",
        "bfloat16 products 0.00100\u2009GFLOP/s",
    )
    assert slope["x"] == [0.1, 30.0]  # up to the ridge of the fastest format: 3 MFLOP/s ÷ 100 kB/s
    assert slope["y"] == [1e4, 3e6]
    assert (bfloat16["x"], bfloat16["y"]) == ([10.0, 1000.0], [1e6, 1e6])
    assert (float32["x"][0], float32["y"][0]) == (30.0, 3e6)
    assert bfloat16["line"]["width"] > float32["line"]["width"]  # of the format in force
    assert len({slope["line"]["dash"], float32["line"]["dash"], bfloat16["line"]["dash"]}) == 3
    assert not any("int8" in trace["name"] for trace in roofline(found(), LIGHT)["data"])  # which it cannot do


def test_points_stand_at_their_intensity_with_their_intervals() -> None:
    limits = found()
    prefill, decode = limits.points
    drawn = traces(limits)
    assert drawn["one decode step"]["x"] == [decode.intensity]
    assert drawn["one decode step"]["y"] == [decode.flops_per_s]
    assert decode.ci95 is not None
    assert drawn["one decode step"]["error_y"]["array"] == [decode.ci95[1] - decode.flops_per_s]
    assert drawn["one decode step"]["error_y"]["arrayminus"] == pytest.approx([decode.flops_per_s - decode.ci95[0]])
    assert drawn["prefill"]["error_y"]["array"] == [None]  # whose interval is not known
    assert drawn["prefill"]["y"] == [prefill.flops_per_s]
    assert "of the roof" in drawn["prefill"]["hovertext"][0]
    for key in ("symbol", "color"):
        assert drawn["prefill"]["marker"][key] != drawn["one decode step"]["marker"][key]


def test_axes_have_units_and_reach_every_point() -> None:
    far = LimitPoint(
        phase="prefill",
        of="scan",
        label="batch_size 64",
        batch_size=64,
        prompt_tokens=256,
        tokens_per_s=1.0,
        intensity=5e4,
        flops_per_s=9e5,
    )
    spec = roofline(found(points=(far,)), LIGHT)
    assert (spec["layout"]["xaxis"]["type"], spec["layout"]["yaxis"]["type"]) == ("log", "log")
    assert "FLOP per byte" in spec["layout"]["xaxis"]["title"]["text"]
    assert "FLOP/s" in spec["layout"]["yaxis"]["title"]["text"]
    low, high = spec["layout"]["xaxis"]["range"]
    assert 10**low <= 0.1
    assert 10**high == pytest.approx(1e5)
    assert traces(found(points=(far,)))["prefill, scan"]["y"] == [9e5]


def test_a_bar_that_reaches_zero_keeps_an_end_on_a_logarithmic_axis() -> None:
    point = found().points[1].model_copy(update={"ci95": (0.0, 1e9)})
    bar = traces(found(points=(point,)))["one decode step"]["error_y"]["arrayminus"][0]
    assert 0 < bar < point.flops_per_s


def test_no_run_and_no_limits_say_what_to_do() -> None:
    assert "session.limits()" in roofline(None, LIGHT)["layout"]["annotations"][0]["text"]
    assert "measure or scan" in roofline(found(points=()), LIGHT)["layout"]["annotations"][0]["text"]
    assert roofline(found(), LIGHT)["layout"]["annotations"][0]["visible"] is False


def test_without_bandwidth_or_rates_the_other_roofs_stand() -> None:
    assert [trace["name"].split()[0] for trace in roofline(found(ceilings=ceilings(bandwidth=None)), LIGHT)["data"]][
        :2
    ] == ["float32", "bfloat16"]
    assert "memory bandwidth 0.000100\u2009GB/s" in traces(found(ceilings=ceilings(matmul=())))


@pytest.mark.parametrize("theme", [LIGHT, DARK, EITHER], ids=lambda theme: theme.name)
def test_plotly_takes_it_and_nothing_in_it_is_markup(theme: Theme) -> None:
    hostile = found().points[0].model_copy(update={"label": HOSTILE})
    named = ceilings(matmul=(*ceilings().matmul, MatmulRate(format=HOSTILE, flops_per_s=1e6)))
    limits = found(points=(hostile,), ceilings=named, device="cpu", format=HOSTILE, resolved=resolved())
    drawn = figure(limits, theme)
    assert isinstance(drawn, go.Figure)
    assert "<img" not in drawn.to_json()
    assert drawn.layout.template.layout.paper_bgcolor == "rgba(0, 0, 0, 0)"
