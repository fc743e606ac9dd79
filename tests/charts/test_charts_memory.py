"""The memory chart, the live chart and the snapshot."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest

from tests.charts.samples import HOSTILE, MIB, measurement, resolved, run
from workbench.charts import LIGHT, memory, snapshot
from workbench.charts.memory import GROUPS, PARTS
from workbench.charts.utilisation import utilisation, utilisation_words
from workbench.config import Config
from workbench.results import DeviceSample, Forecast, document
from workbench.results.device import GpuSample
from workbench.runs import Runs

GIB = 1 << 30


def test_bars_are_bytes_by_dtype_and_marks_the_peaks() -> None:
    half = resolved(dtype="bfloat16", bytes_by_dtype={"bfloat16": 250 * MIB, "int8": 10 * MIB, "uint8": 5 * MIB})
    bars = memory([run(), run(Config(dtype="bfloat16"), resolved=half)], LIGHT)
    held = {trace["name"].split()[0]: trace["y"] for trace in bars["data"][: len(GROUPS)]}
    assert held == {
        "float32": [500, 0],
        "bfloat16": [0, 250],
        "float16": [0, 0],
        "8-bit": [0, 10],
        "4-bit": [0, 0],
        "other": [0, 5],
    }
    peaks = bars["data"][-2]
    assert peaks["y"] == [900, 900]
    assert "MiB" in bars["layout"]["yaxis"]["title"]["text"]
    assert "int8" in bars["data"][0]["hovertext"][1]
    assert "VmHWM" in peaks["hovertext"][0]


def parts(spec: dict[str, Any]) -> dict[str, list[float]]:
    return {name: spec["data"][len(GROUPS) + place]["y"] for place, name in enumerate(PARTS)}


def foretold(available: int | None) -> Forecast:
    return Forecast(
        weights=480 * MIB, kv_cache=20 * MIB, workspace=10 * MIB, available=available, fits=True, decode_limit_tps=None
    )


def test_a_run_is_stacked_up_to_its_peak_and_what_is_left_of_the_device_above() -> None:
    on_gpu = run(kv_cache_bytes={"cuda:0": 30 * MIB}, peak_method="torch.cuda.max_memory_allocated")
    spec = memory([replace(on_gpu, forecast=foretold(1000 * MIB))], LIGHT, forecast=foretold(1000 * MIB))
    assert parts(spec) == {
        "forecast_weights": [0, 480],
        "kv_cache": [30, 20],
        "workspace": [370, 10],  # 900 at the peak, less 500 of weights and 30 of cache
        "free": [100, 490],
    }
    *_, peaks, told = spec["data"]
    assert (peaks["x"], peaks["y"]) == ([1], [900])
    assert (told["x"], told["y"]) == ([1], [510])
    assert "allocator" in spec["data"][len(GROUPS) + PARTS.index("workspace")]["hovertext"][0]
    assert spec["layout"]["xaxis"]["ticktext"][1] == "forecast<br>in force"


def test_a_great_deal_of_free_memory_leaves_the_rest_readable_and_says_how_much_it_is() -> None:
    spec = memory([replace(run(), forecast=foretold(40 * GIB))], LIGHT)
    free = spec["data"][len(GROUPS) + PARTS.index("free")]
    assert spec["layout"]["yaxis"]["range"][1] < 2 * 900
    assert 0 < free["y"][0] < 900
    assert "39.1\u2009GiB" in free["text"][0]
    assert "39.1\u2009GiB" in free["hovertext"][0]


def test_what_is_not_known_is_not_drawn() -> None:
    spec = memory([run(), replace(run(), forecast=foretold(None))], LIGHT)
    free, told = spec["data"][len(GROUPS) + PARTS.index("free")], spec["data"][-1]
    assert free["y"] == [0, 0]
    assert not free["showlegend"]
    assert told["x"] == [2]


def test_large_models_are_in_gibibytes() -> None:
    spec = memory([run(resolved=resolved(bytes_by_dtype={"float32": 30 * GIB}), peak_bytes=40 * GIB)], LIGHT)
    assert "GiB" in spec["layout"]["yaxis"]["title"]["text"]
    assert spec["data"][0]["y"] == [30]


def test_before_the_first_run_it_shows_what_is_loaded_without_a_peak() -> None:
    spec = memory([], LIGHT, {"float32": 500 * MIB})
    assert spec["data"][0]["y"] == [500]
    assert [trace["y"] for trace in spec["data"][-2:]] == [[], []]
    empty = memory([], LIGHT)
    assert empty["layout"]["annotations"][0]["visible"] is True


def test_the_snapshot_is_a_plain_figure_of_stored_runs(tmp_path: Path) -> None:
    store = Runs(tmp_path / "runs.sqlite3")
    for config, tps in ((Config(), 16.0), (Config(attention="eager", eos_token_ids=(2, 0)), 15.0)):
        store.add(document("measurement", result=measurement(tps), config=config, model=HOSTILE))
    figure = snapshot(store.list(kind="measurement"))
    store.close()
    assert type(figure) is go.Figure
    assert [list(trace.y) for trace in figure.data[:2]] == [[16.0], [15.0]]
    assert "sdpa→eager" in figure.layout.xaxis.ticktext[1]
    assert "<img" not in figure.to_json()


def test_the_snapshot_of_nothing_is_a_figure_too() -> None:
    assert list(snapshot([]).data[0].y or []) == []


def look(time_s: float, **changes: object) -> DeviceSample:
    values = {"cpu_busy_share": 0.5, "process_cores": 1.0, "process_rss_bytes": GIB, "others_cores": 0.5}
    values |= {"cpu_mhz": 2600.0} | changes
    return DeviceSample(time_s=time_s, available_bytes=4 * GIB, **values)


def test_the_live_chart_counts_back_from_the_newest_look() -> None:
    spec = utilisation([look(10.0), look(12.5)], LIGHT, 45.0, cores=2)
    cpu, process, others, held, available, clock = spec["data"]
    assert cpu["x"] == [-2.5, 0.0]
    assert (cpu["y"], process["y"], others["y"]) == ([50, 50], [50, 50], [25, 25])
    assert (held["y"], available["y"]) == ([1, 1], [4, 4])
    assert [trace["yaxis"] for trace in spec["data"]] == ["y", "y", "y", "y2", "y2", "y3"]
    assert clock["y"] == [2600, 2600]
    assert "MHz" in spec["layout"]["yaxis3"]["title"]["text"]
    assert "yaxis4" not in spec["layout"], "power and heat are a GPU's"


def test_what_cannot_be_read_is_a_gap_and_not_zero() -> None:
    unwatched = look(1.0, cpu_busy_share=None, process_cores=None, process_rss_bytes=None)
    spec = utilisation([unwatched], LIGHT, 45.0, cores=2)
    assert [trace["y"] for trace in spec["data"]] == [[None], [None], [None], [None], [4], [2600]]
    assert [trace["showlegend"] for trace in spec["data"]] == [False, False, False, False, True, True]
    silent = utilisation([look(1.0, cpu_mhz=None, missing={"cpu_mhz": "not_supported"})], LIGHT, 45.0)
    assert "not available" in silent["data"][-1]["name"]
    assert "not measured" in utilisation_words(unwatched)


def test_a_gpu_adds_its_lines_in_words_that_do_not_call_it_utilisation() -> None:
    gpu = GpuSample(
        index=0,
        kernel_time_share=0.9,
        memory_used_bytes=GIB,
        memory_total_bytes=80 * GIB,
        sm_clock_mhz=1980,
        power_w=412.5,
        temperature_c=61,
        throttle=("hw_slowdown",),
    )
    sample = look(1.0, gpus=(gpu,))
    spec = utilisation([sample], LIGHT, 45.0, gpus=(HOSTILE,), cores=2)
    by_name = {trace["name"]: trace["y"] for trace in spec["data"]}
    assert [90.0] in by_name.values()
    assert any(name.endswith("share of time any kernel ran") for name in by_name)
    assert not any("<img" in name for name in by_name)
    words = utilisation_words(sample)
    assert "throttled: hw_slowdown" in words
    for unit, value, said in (("MHz", 1980, "1980"), ("W", 412.5, "412"), ("°C", 61, "61.0")):
        (line,) = (
            trace for trace in spec["data"] if trace["hovertemplate"].endswith(unit) and "CPU" not in trace["name"]
        )
        assert line["y"] == [value]
        assert f"{said}\u2009{unit}" in words
    go.Figure(spec)


def test_a_gpu_without_values_says_why_in_place_of_a_blank() -> None:
    silent = GpuSample(index=0, missing={"kernel_time_share": "not_supported", "memory_used_bytes": "<img src=x>"})
    spec = utilisation([look(1.0, gpus=(silent,))], LIGHT, 45.0, gpus=("A", "B"), cores=2)
    named = [trace["name"] for trace in spec["data"] if trace["name"].startswith(("A", "B"))]
    named = [name for name in named if "kernel ran" in name or ": used" in name]
    assert named[0] == "A: share of time any kernel ran: not available: this GPU or its driver does not tell it"
    assert "not available" in named[1]
    assert named[2] == "A: used: not available: &lt;img src=x&gt;"
    assert all(trace["showlegend"] for trace in spec["data"] if trace["name"] in named)
    words = utilisation_words(look(1.0, gpus=(silent,)))
    assert "any kernel ran: not available: this GPU or its driver does not tell it" in words
    lost = GpuSample(index=3, state="lost", missing={"power_w": "lost"})
    assert "GPU 3: not available: the GPU does not answer any more" in utilisation_words(look(1.0, gpus=(lost,)))


def test_the_gpus_names_stand_in_the_order_of_the_samples() -> None:
    """Which is torch's, and need not be NVML's."""
    gpus = (GpuSample(index=5, kernel_time_share=0.1), GpuSample(index=2, kernel_time_share=0.2))
    spec = utilisation([look(1.0, gpus=gpus)], LIGHT, 45.0, gpus=("first", "second"), cores=2)
    shares = {trace["name"]: trace["y"] for trace in spec["data"] if "kernel" in trace["name"]}
    assert list(shares.values()) == [[10.0], [20.0]]


@pytest.mark.parametrize("count", [0, 1, 2000])
def test_the_live_chart_holds_a_rolling_window(count: int) -> None:
    spec = utilisation([look(float(index)) for index in range(count)], LIGHT, 45.0, cores=2)
    assert len(spec["data"][0]["x"]) == min(count, 500)
