"""The live chart: how busy processors are and how much memory is held, over the last seconds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.charts.theme import Theme, layout, note
from workbench.results import DeviceSample, GpuSample
from workbench.words import text
from workbench.words.format import escape, not_available, quantity, size

GIB = 1 << 30
DASHES = ("solid", "dot", "dash", "dashdot", "longdashdot", "longdash")
MOST_POINTS = 500


@dataclass(frozen=True)
class _Line:
    name: str
    axis: str
    unit: str
    value: Callable[[DeviceSample], float | None]
    missing: Callable[[DeviceSample], str | None] = lambda _: None  # why it has none, in words


def utilisation(
    samples: Sequence[DeviceSample], theme: Theme, window_s: float, gpus: Sequence[str] = (), cores: int | None = None
) -> dict[str, Any]:
    """A plotly figure as a dictionary: shares of time on top, memory below, against seconds ago.

    gpus   names in the order of the samples' own; each adds one line to both halves, so that the traces stay the same
           over time. One that tells nothing says why in its name
    cores  logical CPUs; with it the watched process and the others are drawn as shares of the machine too
    """
    samples = samples[-MOST_POINTS:]
    now = samples[-1].time_s if samples else 0.0
    ago = [sample.time_s - now for sample in samples]
    lines = [
        _Line(text("chart.live.cpu"), "y", "%", lambda look: _percent(look.cpu_busy_share)),
        _Line(text("chart.live.process"), "y", "%", lambda look: _percent(_share(look.process_cores, cores))),
        _Line(text("chart.live.others"), "y", "%", lambda look: _percent(_share(_others(look), cores))),
        *(
            _Line(text("chart.live.gpu", gpu=escape(name, 40)), "y", "%", _busy_of(place), _busy_missing(place))
            for place, name in enumerate(gpus)
        ),
        _Line(text("chart.live.rss"), "y2", "GiB", lambda look: _gib(look.process_rss_bytes)),
        _Line(text("chart.live.available"), "y2", "GiB", lambda look: _gib(look.available_bytes)),
        *(
            _Line(
                text("chart.live.gpu_memory", gpu=escape(name, 40)), "y2", "GiB", _held_on(place), _held_missing(place)
            )
            for place, name in enumerate(gpus)
        ),
    ]
    dashes = {axis: [DASHES[place % len(DASHES)] for place in range(len(lines))] for axis in ("y", "y2")}
    traces = [_trace(place, dashes[line.axis].pop(0), line, ago, samples, theme) for place, line in enumerate(lines)]
    spec = layout(theme, text("chart.live.title"), height=360)
    x = {"range": [-window_s, 0], "fixedrange": True, "zeroline": False}
    spec["xaxis"] = {**x, "anchor": "y2", "title": {"text": text("chart.live.ago")}}
    spec["yaxis"] = {
        "domain": [0.52, 1.0],
        "range": [0, 103],
        "fixedrange": True,
        "title": {"text": text("chart.live.busy")},
    }
    spec["yaxis2"] = {
        "domain": [0.0, 0.42],
        "rangemode": "tozero",
        "fixedrange": True,
        "anchor": "x",
        "title": {"text": text("chart.live.memory")},
    }
    # below the axis: five names wrap on a narrow page and would run into the title
    spec["legend"] = {"orientation": "h", "x": 0, "xanchor": "left", "y": -0.2, "yanchor": "top"}
    spec["margin"] = {"l": 56, "r": 16, "t": 40, "b": 96}
    spec["annotations"] = note(theme, "" if samples else text("chart.live.empty"))
    return {"data": traces, "layout": spec}


def utilisation_words(sample: DeviceSample | None) -> str:
    """The newest sample as a sentence, for those who do not see the chart."""
    if sample is None:
        return text("chart.live.empty")
    cpu = _percent(sample.cpu_busy_share)
    words = [
        text("chart.live.say_cpu", busy=quantity(cpu, "%")),
        text("chart.live.say_available", available=size(sample.available_bytes)),
    ]
    if sample.process_rss_bytes is not None:
        words.append(text("chart.live.say_process", rss=size(sample.process_rss_bytes)))
    for gpu in sample.gpus:
        words.append(_gpu_words(gpu))
        if gpu.throttle:
            words.append(text("chart.live.say_throttle", index=gpu.index, reasons=", ".join(gpu.throttle)))
    return " · ".join(words)


def _gpu_words(gpu: GpuSample) -> str:
    if gpu.state == "lost":
        return text("chart.live.say_lost", index=gpu.index, why=not_available("lost"))
    busy = quantity(_percent(gpu.kernel_time_share), "%")
    used = size(gpu.memory_used_bytes)
    return text(
        "chart.live.say_gpu",
        index=gpu.index,
        busy=busy if gpu.kernel_time_share is not None else not_available(gpu.missing.get("kernel_time_share")),
        used=used if gpu.memory_used_bytes is not None else not_available(gpu.missing.get("memory_used_bytes")),
        total=size(gpu.memory_total_bytes),
    )


def _trace(
    place: int, dash: str, line: _Line, x: list[float], samples: Sequence[DeviceSample], theme: Theme
) -> dict[str, Any]:
    y = [line.value(sample) for sample in samples]
    missing = line.missing(samples[-1]) if samples else None
    known = any(value is not None for value in y) or missing is not None
    return {
        "type": "scatter",
        "mode": "lines",
        "name": line.name if missing is None else f"{line.name}: {missing}",
        "x": x,
        "y": y,
        "xaxis": "x",
        "yaxis": line.axis,
        "line": {
            "width": 2,
            "color": theme.series[place % len(theme.series)],
            "dash": dash,
        },
        "hovertemplate": f"%{{y:.3g}} {line.unit}",
        "showlegend": known,
    }


def _others(sample: DeviceSample) -> float | None:
    """Without a watched process "the others" are everyone: the CPU's own line says that."""
    return None if sample.process_cores is None else sample.others_cores


def _share(cores_used: float | None, cores: int | None) -> float | None:
    return cores_used / cores if cores_used is not None and cores else None


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _gib(count: int | None) -> float | None:
    return None if count is None else count / GIB


def _busy_of(place: int) -> Callable[[DeviceSample], float | None]:
    return lambda look: _percent(_gpu(look, place, "kernel_time_share"))


def _busy_missing(place: int) -> Callable[[DeviceSample], str | None]:
    return lambda look: _missing(look, place, "kernel_time_share")


def _held_on(place: int) -> Callable[[DeviceSample], float | None]:
    return lambda look: _gib(_gpu(look, place, "memory_used_bytes"))


def _held_missing(place: int) -> Callable[[DeviceSample], str | None]:
    return lambda look: _missing(look, place, "memory_used_bytes")


def _gpu(sample: DeviceSample, place: int, field: str) -> Any:
    return getattr(sample.gpus[place], field) if place < len(sample.gpus) else None


def _missing(sample: DeviceSample, place: int, field: str) -> str | None:
    """Why the newest look has no value; None where it has one."""
    if place >= len(sample.gpus):
        return not_available(None)
    return (
        None if _gpu(sample, place, field) is not None else escape(not_available(sample.gpus[place].missing.get(field)))
    )
