"""The comparison chart: b as a speed, with interval and floor; times turned over; seen and not seen told apart."""

import plotly.graph_objects as go
import pytest

from tests.charts.samples import comparison, measurement, trace
from workbench.charts import DARK, EITHER, LIGHT, figure
from workbench.charts.compare import ROWS, compare, speed_ratio
from workbench.results import Comparison


def traces(found: Comparison | None) -> tuple[dict, dict, dict]:
    band, _equal, seen, rest = compare(found, LIGHT)["data"]
    return band, seen, rest


def test_what_was_seen_stands_apart_from_what_was_not() -> None:
    found = comparison(prefill=1.3, decode=1.0)
    band, seen, rest = traces(found)
    assert set(found.seen) >= {"prefill_tps"}
    assert seen["x"][0] == pytest.approx(1.3, rel=0.02)
    assert seen["y"][0] == len(ROWS)  # prefill is the uppermost row
    assert seen["marker"]["symbol"] != rest["marker"]["symbol"]
    assert seen["marker"]["color"] != rest["marker"]["color"]
    assert rest["x"][0] == pytest.approx(1.0, rel=0.02)
    low, high, gap = band["x"][:3]
    assert low == pytest.approx(1 / high)
    assert gap is None
    assert high == found.noise_floor["prefill_tps"]


def test_the_bar_is_the_interval_and_the_hover_the_verdict() -> None:
    found = comparison()
    _, seen, _ = traces(found)
    low, high = found.ci95["prefill_tps"]
    assert seen["x"][0] + seen["error_x"]["array"][0] == pytest.approx(high)
    assert seen["x"][0] - seen["error_x"]["arrayminus"][0] == pytest.approx(low)
    assert seen["hovertext"][0] == str(found.verdict["prefill_tps"])
    assert "[" in seen["text"][0]


def test_a_time_is_turned_over_so_that_right_is_faster() -> None:
    found = comparison(prefill=2.0, decode=2.0)
    assert found.ratio["e2e_s"] < 1
    value, bounds = speed_ratio(found, "e2e_s")
    assert value == pytest.approx(1 / found.ratio["e2e_s"])
    assert bounds is not None
    assert bounds[0] < value < bounds[1]


def test_every_interval_and_floor_is_within_the_axis() -> None:
    for prefill in (0.2, 1.0, 6.0):
        spec = compare(comparison(prefill=prefill), LIGHT)
        low, high = (10**end for end in spec["layout"]["xaxis"]["range"])
        assert low < prefill < high
        band = [value for value in spec["data"][0]["x"] if value is not None]
        assert low < min(band)
        assert max(band) < high


def test_an_estimate_is_called_no_verdict() -> None:
    assert "no verdict" in compare(comparison(quick=True), LIGHT)["layout"]["title"]["text"]
    assert "no verdict" not in compare(comparison(), LIGHT)["layout"]["title"]["text"]


def test_unknown_floors_and_intervals_are_left_out() -> None:
    band, seen, rest = traces(comparison(noise_floor={}, ci95={}))
    assert band["x"] == []
    assert set(seen["error_x"]["array"] + rest["error_x"]["array"]) == {None}


def test_without_a_comparison_it_says_what_to_do() -> None:
    spec = compare(None, DARK)
    assert "press Compare" in spec["layout"]["annotations"][0]["text"]
    go.Figure(spec)


def test_a_figure_for_each_kind_of_proof_and_none_for_others() -> None:
    for found in (comparison(), trace()):
        made = figure(found)
        assert isinstance(made, go.Figure)
        assert made.layout.template.layout.font.color == EITHER.text
    with pytest.raises(TypeError, match="Measurement"):
        figure(measurement())
