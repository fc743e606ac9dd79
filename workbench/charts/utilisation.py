"""The live chart: how busy processors are, how much memory is held, clocks, power and heat over the last seconds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from workbench.charts.theme import Theme, layout, note
from workbench.results import DeviceSample, GpuSample
from workbench.words import text
from workbench.words.format import escape, not_available, quantity, size

GIB = 1 << 30
DASHES = ("solid", "dot", "dash", "dashdot", "longdashdot", "longdash")
MOST_POINTS = 500


# a pane of the chart for each, from top to bottom: unit, and the end of its axis where that is fixed
PANES: dict[str, tuple[str, float | None]] = {
    "busy": ("%", 103),
    "memory": ("GiB", None),
    "clock": ("MHz", None),
    "power": ("W", None),
    "temperature": ("°C", None),
}
_PANE, _GAP = 118, 26  # pixels
_TOP, _BELOW = 40, 110


@dataclass(frozen=True)
class _Line:
    name: str
    pane: str
    value: Callable[[DeviceSample], float | None]
    missing: Callable[[DeviceSample], str | None] = lambda _: None  # why it has none, in words


# what is drawn of each GPU: word of its name, pane, field of GpuSample, factor
_GPU_LINES = (
    ("gpu", "busy", "kernel_time_share", 100.0),
    ("gpu_memory", "memory", "memory_used_bytes", 1 / GIB),
    ("gpu_clock", "clock", "sm_clock_mhz", 1.0),
    ("gpu_power", "power", "power_w", 1.0),
    ("gpu_temperature", "temperature", "temperature_c", 1.0),
)


def utilisation(
    samples: Sequence[DeviceSample], theme: Theme, window_s: float, gpus: Sequence[str] = (), cores: int | None = None
) -> dict[str, Any]:
    """A plotly figure as a dictionary, against seconds ago: shares of time, memory, clocks; of GPUs power and heat too.

    gpus   names in the order of the samples' own; each adds one line to every pane, so that the traces stay the same
           over time. One that tells nothing says why in its name
    cores  logical CPUs; with it the watched process and the others are drawn as shares of the machine too
    """
    samples = samples[-MOST_POINTS:]
    now = samples[-1].time_s if samples else 0.0
    ago = [sample.time_s - now for sample in samples]
    lines = _lines(gpus, cores)
    panes = [name for name in PANES if any(line.pane == name for line in lines)]
    dashes = {name: [DASHES[place % len(DASHES)] for place in range(len(lines))] for name in panes}
    axes = {name: f"y{place + 1}" if place else "y" for place, name in enumerate(panes)}
    traces = [
        _trace(place, dashes[line.pane].pop(0), line, axes[line.pane], ago, samples, theme)
        for place, line in enumerate(lines)
    ]
    drawn = len(panes) * _PANE + (len(panes) - 1) * _GAP
    spec = layout(theme, text("chart.live.title"), height=_TOP + drawn + _BELOW)
    spec["xaxis"] = {
        "range": [-window_s, 0],
        "fixedrange": True,
        "zeroline": False,
        "anchor": axes[panes[-1]],
        "title": {"text": text("chart.live.ago")},
    }
    for place, name in enumerate(panes):
        unit, end = PANES[name]
        high = 1 - place * (_PANE + _GAP) / drawn
        spec[axes[name].replace("y", "yaxis")] = {
            "domain": [max(0.0, high - _PANE / drawn), high],
            "fixedrange": True,
            "anchor": "x",
            "title": {"text": text(f"chart.live.{name}", unit=unit)},
            **({"range": [0, end]} if end else {"rangemode": "tozero"}),
        }
    # below the axis: five names wrap on a narrow page and would run into the title
    spec["legend"] = {"orientation": "h", "x": 0, "xanchor": "left", "y": -52 / drawn, "yanchor": "top"}
    spec["margin"] = {"l": 56, "r": 16, "t": _TOP, "b": _BELOW}
    spec["annotations"] = note(theme, "" if samples else text("chart.live.empty"))
    return {"data": traces, "layout": spec}


def _lines(gpus: Sequence[str], cores: int | None) -> list[_Line]:
    """By pane, so that the traces of one stand together in the legend."""
    lines = [
        _Line(text("chart.live.cpu"), "busy", lambda look: _percent(look.cpu_busy_share)),
        _Line(text("chart.live.process"), "busy", lambda look: _percent(_share(look.process_cores, cores))),
        _Line(text("chart.live.others"), "busy", lambda look: _percent(_share(_others(look), cores))),
        _Line(text("chart.live.rss"), "memory", lambda look: _gib(look.process_rss_bytes)),
        _Line(text("chart.live.available"), "memory", lambda look: _gib(look.available_bytes)),
        _Line(text("chart.live.cpu_clock"), "clock", lambda look: look.cpu_mhz, _no_cpu_clock),
    ]
    for place, name in enumerate(gpus):
        for word, pane, field, factor in _GPU_LINES:
            said = text(f"chart.live.{word}", gpu=escape(name, 40))
            lines.append(_Line(said, pane, partial(_of_gpu, place, field, factor), partial(_missing, place, field)))
    return sorted(lines, key=lambda line: list(PANES).index(line.pane))


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
    said = text(
        "chart.live.say_gpu",
        index=gpu.index,
        busy=busy if gpu.kernel_time_share is not None else not_available(gpu.missing.get("kernel_time_share")),
        used=used if gpu.memory_used_bytes is not None else not_available(gpu.missing.get("memory_used_bytes")),
        total=size(gpu.memory_total_bytes),
    )
    known = ((gpu.sm_clock_mhz, "MHz"), (gpu.power_w, "W"), (gpu.temperature_c, "°C"))
    return "; ".join([said, *(quantity(value, unit) for value, unit in known if value is not None)])


def _trace(
    place: int, dash: str, line: _Line, axis: str, x: list[float], samples: Sequence[DeviceSample], theme: Theme
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
        "yaxis": axis,
        "line": {
            "width": 2,
            "color": theme.series[place % len(theme.series)],
            "dash": dash,
        },
        "hovertemplate": f"%{{y:.3g}} {PANES[line.pane][0]}",
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


def _no_cpu_clock(look: DeviceSample) -> str | None:
    return None if look.cpu_mhz is not None else escape(not_available(look.missing.get("cpu_mhz")))


def _of_gpu(place: int, field: str, factor: float, look: DeviceSample) -> float | None:
    value = getattr(look.gpus[place], field) if place < len(look.gpus) else None
    return None if value is None else factor * value


def _missing(place: int, field: str, look: DeviceSample) -> str | None:
    """Why the newest look has no value; None where it has one."""
    if place >= len(look.gpus):
        return not_available(None)
    gpu = look.gpus[place]
    return None if getattr(gpu, field) is not None else escape(not_available(gpu.missing.get(field)))
