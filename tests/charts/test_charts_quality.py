"""Charts of one quality diff, of a census and of sensitivity: bars that are the numbers, told apart without colour."""

from typing import Any

import plotly.graph_objects as go
import pytest

from tests.charts.quality_samples import MIB, census, quality, sensitivity, statistics
from tests.charts.samples import HOSTILE
from workbench.charts import DARK, EITHER, LIGHT, Theme, figure
from workbench.charts import census as census_chart
from workbench.charts import quality as quality_chart
from workbench.charts import sensitivity as sensitivity_chart
from workbench.charts.sensitivity import MOST_GROUPS
from workbench.results import Result, Sensitive


def test_domains_stand_from_worst_to_best_with_their_intervals() -> None:
    found = quality(0.3)
    _floor, domains, whole = quality_chart(found, LIGHT)["data"]
    names = quality_chart(found, LIGHT)["layout"]["yaxis"]["ticktext"]
    assert names[0] == "Chinese, full-width punctuation"
    assert names[-2:] == ["all text", "decode path"]
    assert domains["x"] == sorted(domains["x"], reverse=True)
    assert domains["x"][0] == pytest.approx(0.54)
    assert domains["error_x"]["array"][0] == pytest.approx(0.054)
    assert whole["x"] == pytest.approx([0.3, 0.27])
    assert whole["y"] == [6, 7]
    assert domains["marker"]["pattern"]["shape"] != whole["marker"]["pattern"]["shape"]
    assert "same top token 55.0\u2009%" in domains["hovertext"][0]
    assert str(found.verdict) in quality_chart(found, LIGHT)["layout"]["title"]["text"]


def test_the_floor_is_a_band_and_every_bar_and_its_end_is_within_the_axis() -> None:
    spec = quality_chart(quality(1e-4), LIGHT)
    assert spec["data"][0]["x"] == [0, 2e-4, 2e-4, 0]
    assert spec["layout"]["xaxis"]["range"][1] > 2e-4


def test_without_a_decode_path_there_is_no_row_for_it() -> None:
    assert quality_chart(quality(decode_path=None), LIGHT)["layout"]["yaxis"]["ticktext"][-1] == "all text"


def test_bytes_are_stacked_by_format_and_what_was_asked_otherwise_is_striped() -> None:
    spec = census_chart(census(), LIGHT)
    bars = {trace["name"]: dict(zip(trace["y"], trace["x"], strict=True)) for trace in spec["data"]}
    assert set(bars) == {"bfloat16", "bfloat16, though bnb-nf4 was asked", "nf4"}
    assert bars["bfloat16, though bnb-nf4 was asked"]["experts"] == pytest.approx(400_000_000 / MIB)
    assert bars["bfloat16"]["experts"] == 0
    assert bars["bfloat16"]["embedding"] == pytest.approx(20_000_000 / MIB)
    assert sum(sum(part.values()) for part in bars.values()) == pytest.approx(census().bytes / MIB)
    patterns = {trace["name"]: trace["marker"]["pattern"]["shape"] for trace in spec["data"]}
    assert patterns["bfloat16, though bnb-nf4 was asked"] == "/" != patterns["bfloat16"]
    nf4 = next(trace for trace in spec["data"] if trace["name"] == "nf4")
    assert "4.50 bits each" in nf4["hovertext"][nf4["y"].index("attention")]


def test_a_role_that_the_model_has_not_has_no_bar() -> None:
    assert "output head" not in census_chart(census(), LIGHT)["layout"]["yaxis"]["categoryarray"]


def test_the_suggested_group_stands_apart_and_what_was_not_measured_has_no_point() -> None:
    rest, spared, rest_kld, spared_kld, as_is = sensitivity_chart(sensitivity(), LIGHT)["data"]
    assert (spared["y"], spared["x"]) == ([0], [21.0])
    assert rest["x"] == pytest.approx([11.0, 9.0])
    assert rest_kld["x"] == [0.26]
    assert spared_kld["x"] == [0.12]
    assert spared_kld["text"][0].endswith("+40.0\u2009MiB")
    assert as_is["x"] == [0.31, 0.31]
    assert rest["marker"]["pattern"]["shape"] != spared["marker"]["pattern"]["shape"]
    assert rest_kld["marker"]["symbol"] != spared_kld["marker"]["symbol"]
    assert "not measured" in rest["hovertext"][1]


def test_of_many_groups_the_first_are_shown() -> None:
    groups = tuple(
        Sensitive(names=(f"layers.{n}",), label=f"layers.{n}", error=0.1, kld_without=0.3, more_bytes=1)
        for n in range(40)
    )
    spec = sensitivity_chart(sensitivity(groups=groups, suggestion=()), LIGHT)
    assert len(spec["layout"]["yaxis"]["ticktext"]) == MOST_GROUPS


HOSTILE_ONES: list[Result] = [
    quality(by_domain={HOSTILE: statistics()}, suite=HOSTILE),
    census(ran=HOSTILE, asked=HOSTILE),
    sensitivity(groups=(Sensitive(names=(HOSTILE,), label=HOSTILE, error=0.1, kld_without=0.3, more_bytes=1),)),
]


@pytest.mark.parametrize("theme", [LIGHT, DARK, EITHER], ids=lambda theme: theme.name)
@pytest.mark.parametrize(
    "result", [quality(), census(), sensitivity(), *HOSTILE_ONES], ids=lambda result: type(result).__name__
)
def test_plotly_takes_it_and_nothing_in_it_is_markup(result: Result, theme: Theme) -> None:
    made = figure(result, theme)
    assert isinstance(made, go.Figure)
    assert "<img" not in made.to_json()


@pytest.mark.parametrize("draw", [quality_chart, census_chart, sensitivity_chart], ids=lambda draw: draw.__name__)
def test_an_empty_chart_says_what_to_press(draw: Any) -> None:
    spec = draw(None, LIGHT)
    go.Figure(spec)
    assert "Press" in spec["layout"]["annotations"][0]["text"]
