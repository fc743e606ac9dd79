"""The speed chart says what was measured and nothing else."""

import math
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go
import pytest

from tests.charts.samples import HOSTILE, measurement, run
from workbench.charts import DARK, EITHER, LIGHT, Run, Theme, speed
from workbench.charts.runs import changes, label, runs_of
from workbench.config import Config
from workbench.results import Workload

EAGER = Config(attention="eager")


def traces(spec: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    return tuple(spec["data"])


def test_points_are_the_means_and_bars_the_intervals() -> None:
    _, now, _ = traces(speed([run(decode_tps=16.0)], LIGHT))
    assert now["y"] == [16.0]
    assert now["error_y"]["array"] == pytest.approx([0.75])
    assert now["error_y"]["arrayminus"] == pytest.approx([0.5])
    assert "n = 7" in now["hovertext"][0]


def test_an_unknown_interval_draws_no_bar() -> None:
    for ci95 in ({}, {"decode_tps": (-math.inf, math.inf)}):
        _, now, _ = traces(speed([run(ci95=ci95)], LIGHT))
        assert now["error_y"]["array"] == [None]
        assert "interval not measured" in now["hovertext"][0]


def test_filled_points_are_those_of_the_config_in_force() -> None:
    runs = [run(decode_tps=16.0), run(EAGER, decode_tps=15.0), run(decode_tps=17.0)]
    other, now, _ = traces(speed(runs, LIGHT, in_force=EAGER))
    assert (other["x"], now["x"]) == ([1, 3], [2])
    assert other["marker"]["symbol"] != now["marker"]["symbol"]
    other, now, _ = traces(speed(runs, LIGHT, in_force=Config(dtype="bfloat16")))
    assert (other["x"], now["x"]) == ([1, 2, 3], [])


def test_each_run_has_the_limit_of_its_own_config() -> None:
    runs = [run(decode_tps=16.0, decode_limit_share=0.25), run(EAGER, decode_tps=30.0, decode_limit_share=0.25)]
    *_, limit = traces(speed(runs, LIGHT))
    assert limit["y"] == [64.0, 64.0, 120.0, 120.0]
    assert limit["line"]["dash"] == "dash"


def test_a_limit_that_was_not_measured_is_not_drawn_as_one() -> None:
    spec = speed([run(decode_limit_share=None)], LIGHT)
    assert traces(spec)[2]["y"] == [None, None]
    assert "not measured" in spec["layout"]["title"]["text"]
    *_, limit = traces(speed([run(decode_limit_share=None)], LIGHT, limit_tps=61.0))
    assert limit["y"] == [61.0, 61.0]


def test_prefill_is_another_symbol_another_colour_and_has_no_bandwidth_limit() -> None:
    """The forecast's limit is decode's; prefill's is that of its products, from its own share."""
    decode, prefill = speed([run()], LIGHT), speed([run()], LIGHT, "prefill_tps", limit_tps=61.0)
    assert traces(prefill)[1]["y"] == [512.0]
    assert traces(prefill)[2]["y"] == [None, None]
    assert "not measured" in prefill["layout"]["title"]["text"]
    known = speed([run(prefill_limit_share=0.5)], LIGHT, "prefill_tps", limit_tps=61.0)
    assert traces(known)[2]["y"] == [1024.0, 1024.0]
    assert traces(known)[2]["line"]["dash"] == "dash"
    assert traces(known)[2]["name"].startswith("limit of products, 1")
    assert "limit of this device's products" in traces(known)[1]["hovertext"][0]
    for key in ("symbol", "color"):
        assert traces(decode)[1]["marker"][key] != traces(prefill)[1]["marker"][key]
    assert decode["layout"]["title"]["text"] != prefill["layout"]["title"]["text"]
    assert "tokens/s" in prefill["layout"]["yaxis"]["title"]["text"]


def test_labels_tell_what_changed() -> None:
    longer = Workload(prompt_tokens=512, new_tokens=64)
    runs = [run(), run(EAGER), run(EAGER), run(workload=longer)]
    assert [changes(before, after) for before, after in pairwise(runs)] == [
        ("attention sdpa→eager",),
        (),
        ("attention eager→sdpa", "work 256+64→512+64"),
    ]
    shown = speed(runs, LIGHT)["layout"]["xaxis"]["ticktext"]
    assert shown[:3] == ["1<br>first", "2<br>attention<br>sdpa→eager", "3<br>again"]


def test_many_changes_and_many_runs_stay_readable() -> None:
    far = Config(attention="eager", cache="static", dtype="float16", threads=1)
    assert label([run(), run(far)], 1).endswith("+2 more")
    many = [run(EAGER if index % 2 else None) for index in range(60)]
    spec = speed(many, LIGHT)
    assert len(spec["layout"]["xaxis"]["ticktext"]) == 40
    assert spec["layout"]["xaxis"]["ticktext"][-1] == "40"
    (*_, newest) = traces(spec)[1]["customdata"]
    assert newest == 59  # what a click asks for is a place among all runs, not among those shown


def test_no_run_yet_says_what_to_do() -> None:
    spec = speed([], LIGHT)
    assert "Press Measure" in spec["layout"]["annotations"][0]["text"]
    assert speed([run()], LIGHT)["layout"]["annotations"][0]["visible"] is False


@pytest.mark.parametrize("theme", [LIGHT, DARK, EITHER])
def test_plotly_takes_the_figure_and_its_ground_is_transparent(theme: Theme) -> None:
    figure = go.Figure(speed([run(), run(EAGER)], theme))
    assert figure.layout.template.layout.paper_bgcolor == "rgba(0, 0, 0, 0)"
    assert figure.layout.template.layout.plot_bgcolor == "rgba(0, 0, 0, 0)"
    assert len(figure.data) == 3


@pytest.mark.parametrize(("theme", "ground"), [(LIGHT, 0xFFFFFF), (DARK, 0x111111), (EITHER, 0xFFFFFF), (EITHER, 0)])
def test_text_is_readable_on_its_ground(theme: Theme, ground: int) -> None:
    for colour in (theme.text, theme.muted):
        assert contrast(int(colour[1:], 16), ground) >= 4.5  # WCAG 2.1, level AA


def test_hostile_values_are_text() -> None:
    before = Run(config={"attention": "sdpa"}, measurement=measurement())
    after = Run(config={"attention": HOSTILE}, measurement=measurement())
    spec = speed([before, after], LIGHT, in_force={"attention": HOSTILE})
    for shown in (spec["layout"]["xaxis"]["ticktext"][1], traces(spec)[1]["hovertext"][0]):
        assert "<img" not in shown
        assert "\x1b" not in shown
        assert len(shown) < 400


def test_runs_are_put_in_the_order_they_were_measured() -> None:
    first, second = (Run(config={}, measurement=measurement(), id=number) for number in (1, 2))
    assert runs_of([second, first]) == [first, second]


def contrast(first: int, second: int) -> float:
    """WCAG 2.1 contrast ratio."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: int) -> float:
    parts = [((colour >> shift) & 0xFF) / 255 for shift in (16, 8, 0)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
