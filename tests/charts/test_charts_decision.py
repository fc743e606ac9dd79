"""The decision: what is joined from the store and what is not, and a chart on which every configuration has a label."""

from itertools import pairwise
from math import log10
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest

from tests.charts.quality_samples import MACHINE, MIB, NF4, REFERENCE, facts, judged, timed
from tests.charts.samples import HOSTILE, comparison, resolved
from workbench.charts import DARK, EITHER, LIGHT, Decision, Theme, decision, decision_of
from workbench.charts.decision import CLASSES, class_of
from workbench.charts.labels import LINE, Mark, Pane, labels
from workbench.config import Config
from workbench.decisions import decision_from
from workbench.results import QualityFloor, Workload, recorded
from workbench.runs import Runs

FULL = Config(dtype="float32")
HALF = Config(dtype="bfloat16")
INT8 = HALF.replace(quantization="bnb-int8")


def found(**changes: Any) -> Decision:
    quality = [
        judged(8, NF4, 0.3, "bnb-nf4", weight_bytes=110 * MIB),
        judged(7, NF4.replace(bnb_double_quant=True), 0.31, "bnb-nf4", weight_bytes=106 * MIB),
        judged(6, INT8, 0.024, "bnb-int8", weight_bytes=155 * MIB),
        judged(5, HALF, 0.0015, weight_bytes=257 * MIB),
        judged(4, FULL, 1e-7, weight_bytes=513 * MIB),
    ]
    speeds = [timed(3, NF4, 18.0), timed(2, HALF, 16.0), timed(1, REFERENCE, 15.0)]
    return decision_from(quality, speeds, facts(**changes))


def shown(spec: dict[str, Any], pane: int) -> dict[str, tuple[float, float]]:
    """Candidate's label -> (x, y) in that pane."""
    axis = "x2" if pane else "x"
    names = [each.label for each in found().candidates]
    return {
        names[place]: (x, y)
        for trace in spec["data"][2:]
        if trace["xaxis"] == axis
        for place, x, y in zip(trace["customdata"], trace["x"], trace["y"], strict=True)
    }


def compared(a: Config, b: Config, ran: tuple[str, str], **changes: Any) -> dict[str, Any]:
    sides = {"a": a.to_dict(), "b": b.to_dict()}
    states = {f"resolved_{side}": resolved(quantization=word) for side, word in zip("ab", ran, strict=True)}
    return recorded("demo", MACHINE, comparison(1.0, 0.8, **sides, **states, **changes), config=b)


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (compared(HALF, NF4, ("none", "bnb-nf4")), True),
        (compared(NF4, HALF, ("bnb-nf4", "none")), True),
        (compared(INT8, NF4, ("bnb-int8", "bnb-nf4")), False),
        (compared(HALF, NF4, ("none", "bnb-nf4"), quick=True), False),
        (compared(FULL, HALF, ("none", "none")), False),
    ],
    ids=["full against it", "it against full", "another format", "an estimate", "others"],
)
def test_a_speed_in_words_is_a_paired_verdict_against_full_weights(record: dict[str, Any], told: bool) -> None:
    made = decision_from([judged(1, NF4, 0.3, "bnb-nf4")], [], facts(), [record])
    (candidate,) = [each for each in made.candidates if not each.reference]
    assert (candidate.speed is not None) is told
    assert "decode" in str(candidate.speed) or not told
    assert candidate.verdict is not None


def test_quality_and_speed_are_joined_by_configuration_and_the_best_comes_first() -> None:
    candidates = {each.label: each for each in found().candidates}
    assert list(candidates) == [
        "float32, eager (reference)",
        "float32",
        "bfloat16",
        "bnb-int8",
        "bnb-nf4",
        "bnb-nf4, bnb_double_quant on",
    ]
    assert candidates["bnb-nf4"].decode_tps == 18.0
    assert candidates["bnb-nf4"].decode_ci95 == (17.5, 18.75)
    assert candidates["bnb-int8"].decode_tps is None
    reference = candidates["float32, eager (reference)"]
    assert (reference.kld, reference.kld_ci95, reference.weight_bytes, reference.decode_tps) == (0, None, 513 * MIB, 15)
    assert [class_of(each) for each in candidates.values()] == ["reference", "full", "full", "eight", "four", "four"]
    said = [str(remark) for remark in found().remarks]
    assert said == [
        "beside each other, but no difference seen between float32 and bfloat16; "
        "bnb-nf4 and bnb-nf4, bnb_double_quant on",
        "speed not measured at this work: float32, bnb-int8, bnb-nf4, bnb_double_quant on",
    ]


def test_the_latest_record_of_a_configuration_counts() -> None:
    quality = [judged(2, NF4, 0.4, "bnb-nf4"), judged(1, NF4, 0.3, "bnb-nf4")]
    made = decision_from(quality, [timed(4, NF4, 20.0), timed(3, NF4, 10.0)], facts())
    assert [each.kld for each in made.candidates] == [0.0, 0.4]
    assert made.candidates[1].decode_tps == 20.0


@pytest.mark.parametrize("other", [{"suite_hash": "else"}, {"reference": HALF.to_dict()}], ids=["text", "reference"])
def test_what_was_judged_against_something_else_is_left_out_and_counted(other: dict[str, Any]) -> None:
    quality = [judged(2, NF4, 0.3, "bnb-nf4"), judged(1, INT8, 0.02, "bnb-int8", **other)]
    made = decision_from(quality, [], facts())
    assert [each.format for each in made.candidates] == ["none", "bnb-nf4"]
    assert "left out, because judged against another reference or text: 1" in map(str, made.remarks)


def test_speeds_of_another_workload_are_no_speeds_of_this_one() -> None:
    long = {"workload": Workload(prompt_tokens=1024, new_tokens=64)}
    quality = [judged(9, NF4, 0.3, "bnb-nf4"), judged(8, HALF, 0.0015)]
    speeds = [timed(3, NF4, 5.0, **long), timed(2, NF4, 18.0), timed(1, HALF, 16.0)]
    made = decision_from(quality, speeds, facts())
    assert made.workload == Workload(prompt_tokens=256, new_tokens=64)  # at which both were measured
    assert {each.label: each.decode_tps for each in made.candidates[1:]} == {"bfloat16": 16.0, "bnb-nf4": 18.0}


def test_records_of_another_version_are_counted_and_a_new_knob_is_no_obstacle() -> None:
    older = judged(1, INT8, 0.02, "bnb-int8")
    del older["config"]["skip_modules"]
    strange = judged(2, HALF, 0.01)
    strange["config"]["flavour"] = "sweet"
    made = decision_from([judged(3, NF4, 0.3, "bnb-nf4"), strange, older], [], facts())
    assert len(made.candidates) == 3
    assert [str(each) for each in made.remarks] == ["1 stored records could not be read by this version"]


def test_the_store_is_read_for_this_model_on_this_machine(tmp_path: Path) -> None:
    with Runs(tmp_path / "runs.sqlite3") as runs:
        runs.add(judged(0, NF4, 0.3, "bnb-nf4"))
        runs.add(timed(0, NF4, 18.0))
        runs.add({**timed(0, NF4, 99.0), "machine": {"label": "another"}})
        runs.add({**judged(0, HALF, 0.1), "model": "another"})
        made = decision_of(runs, facts(), MACHINE["label"])
        assert [(each.label, each.decode_tps) for each in made.candidates[1:]] == [("bnb-nf4", 18.0)]
        assert decision_of(runs, facts(), "nowhere").candidates == ()


def test_every_candidate_is_in_the_pane_of_memory_and_the_measured_ones_in_that_of_speed() -> None:
    spec = decision(found(), LIGHT)
    speed, memory = shown(spec, 0), shown(spec, 1)
    assert set(memory) == {each.label for each in found().candidates}
    assert set(speed) == {"float32, eager (reference)", "bfloat16", "bnb-nf4"}
    assert speed["bnb-nf4"] == (18.0, 0.3)
    assert memory["bnb-nf4"] == (110.0, 0.3)
    written = [note["text"] for note in spec["layout"]["annotations"] if note["xref"] == "x2"]
    assert sorted(written) == sorted(memory)
    assert spec["layout"]["yaxis"]["type"] == "log"
    assert "weights, MiB" in spec["layout"]["xaxis2"]["title"]["text"]


def test_the_band_reaches_to_the_floor_and_what_lies_in_it_is_hollow() -> None:
    spec = decision(found(), LIGHT)
    band = spec["data"][0]
    assert max(band["y"]) == 2e-4
    axis = [10**end for end in spec["layout"]["yaxis"]["range"]]
    assert axis[0] == min(band["y"])
    marks = {
        found().candidates[place].label: symbol
        for trace in spec["data"][2:]
        for place, symbol in zip(trace["customdata"], trace["marker"]["symbol"], strict=True)
    }
    assert marks["float32"] == "circle-open"
    assert marks["bfloat16"] == "circle"
    assert all(axis[0] < y < axis[1] for x, y in shown(spec, 1).values())


def test_a_floor_far_below_everything_is_told_and_does_not_flatten_the_rest() -> None:
    low = {"noise_floor": QualityFloor(kld_mean=1e-12, same_top=1.0, by={})}
    spec = decision(decision_from([judged(1, NF4, 0.3, "bnb-nf4", **low)], [], facts()), LIGHT)
    assert "below this axis" in spec["data"][0]["name"]
    ends = spec["layout"]["yaxis"]["range"]
    assert ends[1] - ends[0] < 6
    assert ends[0] > log10(1e-12)


def test_bars_are_intervals_and_an_end_below_the_axis_stops_at_it() -> None:
    wide = {"overall": judged(0, NF4, 0.3)["result"]["overall"]}
    wide["overall"]["kld"]["mean_ci95"] = (-0.1, 0.7)
    spec = decision(decision_from([judged(1, NF4, 0.3, "bnb-nf4", **wide)], [timed(1, NF4, 18.0)], facts()), LIGHT)
    trace = next(trace for trace in spec["data"][2:] if trace["name"] == "4 bits")
    low = 10 ** spec["layout"]["yaxis"]["range"][0]
    assert trace["error_y"]["array"] == pytest.approx([0.4])
    assert trace["error_y"]["arrayminus"] == pytest.approx([0.3 - low])
    assert (trace["error_x"]["array"], trace["error_x"]["arrayminus"]) == ([0.75], [0.5])
    assert "0.300 [-0.100, 0.700]" in trace["hovertext"][0]


def test_a_small_model_is_called_one_and_a_random_one_needs_no_such_warning() -> None:
    assert "4 bits cost far more here than on a 7B" in decision(found(), LIGHT)["layout"]["title"]["text"]
    for other in ({"parameters": 7_000_000_000}, {"random_weights": True}):
        assert "than on a 7B" not in decision(found(**other), LIGHT)["layout"]["title"]["text"]


def test_symbol_and_colour_both_tell_the_classes_apart() -> None:
    traces = decision(found(), LIGHT)["data"][2::2]
    assert len({trace["marker"]["color"] for trace in traces}) == len(CLASSES)
    assert len(set(CLASSES.values())) == len(CLASSES)


@pytest.mark.parametrize("theme", [LIGHT, DARK, EITHER], ids=lambda theme: theme.name)
@pytest.mark.parametrize(
    "made", [None, Decision(model="demo"), found(), found(name=HOSTILE)], ids=["none", "empty", "full", "hostile"]
)
def test_plotly_takes_it_and_nothing_in_it_is_markup(made: Decision | None, theme: Theme) -> None:
    spec = decision(made, theme)
    figure = go.Figure(spec)
    assert len(figure.data) == 2 + 2 * len(CLASSES)  # always the same: changed in place
    assert "<img" not in figure.to_json()
    if made is None or not made.candidates:
        assert "No quality measured yet" in spec["layout"]["annotations"][0]["text"]


def test_labels_do_not_lie_on_each_other() -> None:
    pane = Pane(30.0, 1e-5, 1.0, 400, 320, "x", "y")
    marks = [Mark(10 + step / 10, 0.3 + step / 1000, "bnb-nf4, double") for step in range(8)]
    made = labels(marks, pane, LIGHT)
    heights = sorted(
        pane.height_of(mark) + note["ay"] for mark, note in zip(_by_height(marks, pane), made, strict=True)
    )
    assert all(later - earlier >= LINE - 1 for earlier, later in pairwise(heights))


def _by_height(marks: list[Mark], pane: Pane) -> list[Mark]:
    return sorted(marks, key=lambda mark: pane.height_of(mark))
