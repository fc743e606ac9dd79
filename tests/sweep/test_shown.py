"""What is told of a sweep: table, chart, code, and the command line's arguments and file."""

from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest

import workbench as wb
from tests.sweep.made import BASE, point, sweep
from workbench.charts.sweep import SYMBOLS
from workbench.cli import main
from workbench.cli import sweep as verb
from workbench.sweep.exporting import export
from workbench.sweep.outcome import pareto
from workbench.widgets.tables import show


def test_the_table_tells_best_first_and_why_the_others_lost() -> None:
    table = show(sweep())
    assert [row[0] for row in table.rows] == [
        "eager, bfloat16",
        "sdpa, bfloat16",
        "sdpa, float32 (base line)",
        "eager, float32",
    ]
    assert all(len(row) == 1 + len(table.heading) for row in table.rows)
    assert all(row[-1] for row in table.rows)
    assert table.rows[0][-2] == "0.0100"
    assert any("device=cuda cannot be here" in remark for remark in table.remarks)
    assert any("not beaten in" in remark for remark in table.remarks)


def test_the_chart_greys_what_lost_and_draws_what_nothing_beats() -> None:
    found = sweep()
    figure = wb.charts.figure(found)
    assert isinstance(figure, go.Figure)
    drawn = {trace.name: trace for trace in figure.data}
    assert list(drawn["best"].customdata) == [3]
    assert list(drawn["behind"].customdata) == [0]
    assert drawn["behind"].marker.color == wb.charts.EITHER.muted
    assert drawn["best"].marker.symbol[0] == SYMBOLS["best"]  # filled: its quality is known
    assert drawn["front"].marker.symbol[0].endswith("-open")
    assert list(figure.data[-1].x) == [20, 30]
    assert "KLD 0.0100" in str(figure.layout.annotations)
    assert len(figure.data) == len(SYMBOLS) + 1


def test_an_empty_chart_says_so() -> None:
    drawn: Any = wb.charts.sweep(None, wb.charts.LIGHT)
    assert "Nothing was measured" in drawn["layout"]["annotations"][0]["text"]


def test_names_are_text_in_the_chart() -> None:
    found = sweep()
    bad = found.points[3].model_copy(update={"label": "<b>x</b>"})
    figure = wb.charts.figure(sweep(points=(*found.points[:3], bad)))
    assert "<b>x" not in str(figure.data[0].hovertext) + str([each.text for each in figure.layout.annotations])


@pytest.mark.parametrize("width", [340, 560, 900])
def test_labels_of_points_that_coincide_lie_neither_on_each_other_nor_on_bars(width: int) -> None:
    """On narrow and wide pages; letters are 6.3 pixels wide at the most, on average."""
    points = tuple(point(place, "front", 30 + place / 10, 300 + place % 3) for place in range(6))
    drawn: Any = wb.charts.sweep(sweep(points=points, winner=0), wb.charts.LIGHT)
    notes = [each for each in drawn["layout"]["annotations"] if each.get("xref") == "x"]
    assert len(notes) == 6
    x_end, y_end = drawn["layout"]["xaxis"]["range"][1], drawn["layout"]["yaxis"]["range"][1]
    height = drawn["layout"]["height"] - drawn["layout"]["margin"]["t"] - drawn["layout"]["margin"]["b"]
    boxes = []
    for each in notes:
        length, at = 6.3 * len(each["text"]), each["x"] / x_end * width + each["ax"]
        left = at if each["xanchor"] == "left" else at - length
        middle = (1 - each["y"] / y_end) * height + each["ay"]
        boxes.append((left, middle - 6, left + length, middle + 6))
    bars = [
        ((ends[0] / x_end) * width, middle - 1, (ends[1] / x_end) * width, middle + 1)
        for each in points
        for ends in [each.ci95["decode_tps"]]
        for middle in [(1 - (each.peak_bytes or 0) / 2**20 / y_end) * height]
    ]
    bars += [((one[0] + one[2]) / 2 - 5, one[1] - 4, (one[0] + one[2]) / 2 + 5, one[3] + 4) for one in bars]  # symbols
    for place, one in enumerate(boxes):
        assert one[0] >= 0
        assert one[2] <= width
        for other in (*boxes[place + 1 :], *bars):
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_what_nothing_beats() -> None:
    points = sweep().points
    assert pareto(points, "decode_tps") == (2, 3)
    slow = points[2].model_copy(update={"peak_bytes": points[3].peak_bytes})
    assert pareto((*points[:2], slow, points[3]), "decode_tps") == (3,)
    assert pareto(tuple(point.model_copy(update={"entered": False}) for point in points), "decode_tps") == ()


def test_the_winner_as_code() -> None:
    snippet = export(sweep(model="deepseek-ai/deepseek-llm-7b-base"))
    assert "eager" in snippet.code
    assert wb.Config(**(snippet.config or {})) == BASE.replace(attention="eager", dtype="bfloat16")
    assert wb.sweep.export is export
    with pytest.raises(wb.ConfigError, match="no winner"):
        export(sweep(winner=None))


FILE = """
model = "demo"
workload = { preset = "chat", new_tokens = 8 }
objective = "ttft_s"
budget_s = 30
base = { threads = 1 }
constraints = { kld_mean = "<0.05" }
[space]
attention = ["eager", "sdpa"]
"""


def asked(*words: str) -> dict[str, Any]:
    import argparse

    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    return verb.asked_of(parser.parse_args(words))


def test_a_file_says_it_all_and_the_command_line_more(tmp_path: Path) -> None:
    file = tmp_path / "space.toml"
    file.write_text(FILE, encoding="utf-8")
    plain = asked(str(file))
    assert plain["workload"] == wb.Workload.preset("chat", new_tokens=8)
    assert plain["base"] == wb.Config(threads=1)
    more = asked(
        str(file), "--knob", "threads=1,2", "--limit", "peak_bytes<8GiB", "--budget", "5", "--set", "dtype=float32"
    )
    assert more["space"] == {"attention": ["eager", "sdpa"], "threads": [1, 2]}
    assert more["constraints"] == {"kld_mean": "<0.05", "peak_bytes": "<8GiB"}
    assert (more["budget_s"], more["objective"]) == (5, "ttft_s")
    assert more["base"] == wb.Config(threads=1, dtype="float32")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model = ", "TOMLDecodeError"),
        ('[space]\nattention = ["eager"]\n[spice]\n', "spice"),
        ("model = 'demo'", "[space] is missing"),
        ("space = 3", "space = 3"),
        ("workload = 4\n[space]\nattention=['eager']", "workload = 4"),
    ],
)
def test_what_is_no_sweep(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "space.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(wb.ConfigError) as caught:
        asked(str(file))
    assert said in str(caught.value)


def test_wrong_usage_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "demo"]) == 2
    assert "no space" in capsys.readouterr().err
    assert main(["sweep", "demo", "--knob", "atention=eager"]) == 2
    assert "attention" in capsys.readouterr().err
    assert main(["sweep", "demo", "--knob", "attention=eager", "--limit", "kld<1"]) == 2
    assert "kld_mean" in capsys.readouterr().err


def test_the_room_is_what_people_call() -> None:
    assert callable(wb.sweep)
    with pytest.raises(wb.ConfigError, match="no space"):
        wb.sweep("demo", {})
