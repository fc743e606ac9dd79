"""The panel's lines of text: title, asked, ran, last, pending, progress. Pure; what they return is not escaped."""

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.charts.runs import Run, changes, workload_words
from workbench.knobs import KNOBS, Cost, cost_of
from workbench.metrics import METRICS
from workbench.results import Applied, Forecast, Measurement, ModelFacts, Resolved
from workbench.words import templates, text
from workbench.words.format import amount, knob_value, measured, printable, seconds, share, size

SEPARATOR = " · "


def where(resolved: Resolved) -> str:
    """cpu, 1 thread."""
    if resolved.device.startswith("cuda"):
        return text("panel.device_gpu", device=resolved.device)
    if resolved.threads == 1:
        return text("panel.device_one_thread", device=resolved.device)
    return text("panel.device", device=resolved.device, threads=resolved.threads)


def title(name: str, facts: ModelFacts | None, resolved: Resolved | None) -> str:
    parts = [printable(name, 80), where(resolved) if resolved is not None else text("panel.nothing_loaded")]
    if facts is not None and facts.random_weights:
        parts.append(text("panel.random_weights"))
    return SEPARATOR.join(parts)


def asked(config: Mapping[str, Any]) -> str:
    """Every knob's value that has an effect, in the registry's order; those left to the workbench together at the end.

    A new knob appears as name=value.
    """
    phrases, automatic = [], []
    for name, knob in KNOBS.items():
        if not knob.when(config):
            continue
        value = config[name]
        code = f"panel.asked.{name}"
        if isinstance(value, bool) and name == "do_sample":
            phrases.append(text("panel.asked.sampling" if value else "panel.asked.greedy"))
        elif value == "auto":
            automatic.append(name)
        elif code in templates():
            phrases.append(text(code, value=knob_value(value)))
        else:
            phrases.append(f"{name}={knob_value(value)}")
    if automatic:
        phrases.append(text("panel.asked.auto", knobs=", ".join(automatic)))
    return SEPARATOR.join(phrases)


def ran(config: Mapping[str, Any], resolved: Resolved | None, last: Measurement | None) -> str:
    """What is in force, read back; its share of the limit where the last measurement ran in this very state."""
    if resolved is None:
        return text("panel.nothing_loaded")
    if resolved.attention_kernels is None:
        attention = text("panel.ran.attention", attention=resolved.attention)
    else:
        attention = text(
            "panel.ran.attention_kernels", attention=resolved.attention, kernels=", ".join(resolved.attention_kernels)
        )
    pad = text("panel.ran.pad", pad=knob_value(resolved.pad_token_id), side=resolved.padding_side)
    phrases = [
        attention,
        resolved.dtype,
        text("panel.ran.weights", size=size(resolved.weight_bytes)),
        where(resolved),
        text("panel.ran.cache", cache=resolved.cache),
        pad,
    ]
    if last is not None and last.resolved == resolved and last.decode_limit_share is not None:
        phrases.append(text("panel.ran.limit", share=share(last.decode_limit_share)))
    else:
        phrases.append(text("panel.ran.limit_unknown"))
    return SEPARATOR.join(phrases)


def but(config: Mapping[str, Any], resolved: Resolved | None) -> str:
    """Where asked and ran differ, and why; empty when they agree."""
    if resolved is None:
        return ""
    return "; ".join(printable(str(difference), 300) for difference in resolved.differences(config))


def last(runs: Sequence[Run]) -> str:
    """The last measurement in words, with what weakens it. Two measurements side by side are no verdict: it says so."""
    if not runs:
        return text("panel.last.nothing")
    measurement = runs[-1].measurement
    words = text(
        "panel.last.run",
        decode=_metric(measurement, "decode_tps"),
        prefill=_metric(measurement, "prefill_tps"),
        workload=workload_words(measurement.workload),
        n=measurement.repeats,
    )
    flags = [printable(flag, 160) for flag in measurement.flags]
    return SEPARATOR.join([words, *(_before(runs) if len(runs) > 1 else []), *flags])


def _before(runs: Sequence[Run]) -> list[str]:
    before, after = runs[-2:]
    if before.measurement.workload != after.measurement.workload:
        return [text("panel.last.other_workload", workload=workload_words(before.measurement.workload))]
    changed = changes(before, after)
    decode = _metric(before.measurement, "decode_tps")
    if changed:
        said = text("panel.last.before", changes=printable(", ".join(changed), 120), decode=decode)
    else:
        said = text("panel.last.same", decode=decode)
    return [said, text("panel.last.unpaired")]


def pending(
    changed: Mapping[str, tuple[Any, Any]], forecast: Forecast | None, seconds_by_cost: Mapping[str, float]
) -> list[str]:
    """What Apply would change, what it costs, how many bytes it needs and whether they are there."""
    if not changed:
        return [text("panel.pending.none")]
    cost = cost_of(changed)
    phrases = [f"{name} {knob_value(old)}→{knob_value(new)}" for name, (old, new) in changed.items()]
    if cost is Cost.LIVE:
        phrases.append(text("panel.pending.live"))
    elif cost in seconds_by_cost:
        phrases.append(
            text("panel.pending.takes", cost=text(f"panel.cost.{cost}"), seconds=seconds(seconds_by_cost[cost]))
        )
    else:
        phrases.append(text("panel.pending.takes_unknown", cost=text(f"panel.cost.{cost}")))
    if forecast is not None:
        phrases.append(
            text(
                "panel.pending.bytes",
                total=size(forecast.total),
                weights=size(forecast.weights),
                kv_cache=size(forecast.kv_cache),
                workspace=size(forecast.workspace),
            )
        )
        phrases.append(fit(forecast))
    return phrases


def fit(forecast: Forecast) -> str:
    if forecast.fits is None:
        return text("panel.pending.fit_unknown")
    code = "panel.pending.fits" if forecast.fits else "panel.pending.fits_not"
    return text(code, available=size(forecast.available))


def progress(data: Mapping[str, Any]) -> str:
    """A progress event's data as a sentence."""
    what, total = printable(data["what"], 120), data["total"]
    done, elapsed = amount(data["done"], data.get("unit")), seconds(data["elapsed_s"])
    if data.get("per_s"):
        what = text("panel.progress_speed", what=what, speed=f"{size(data['per_s'])}/s")
    if total is None:
        return text("panel.progress_open", what=what, done=done, elapsed=elapsed)
    total = amount(total, data.get("unit"))
    if data["left_s"] is None:
        return text("panel.progress_no_left", what=what, done=done, total=total, elapsed=elapsed)
    return text("panel.progress", what=what, done=done, total=total, elapsed=elapsed, left=seconds(data["left_s"]))


def applied(result: Applied) -> str:
    if result.cost == Cost.LIVE:
        return text("panel.applied_live", seconds=seconds(result.seconds))
    phrases = [
        text(
            "panel.applied",
            cost=text(f"panel.cost.{result.cost}"),
            seconds=seconds(result.seconds),
            before=size(result.memory_before),
            after=size(result.memory_after),
        )
    ]
    if result.residue_bytes is not None:
        phrases.append(text("panel.applied_residue", residue=size(result.residue_bytes)))
    return SEPARATOR.join(phrases)


def _metric(measurement: Measurement, key: str) -> str:
    return measured(getattr(measurement, key), measurement.ci95.get(key), METRICS[key].unit)
