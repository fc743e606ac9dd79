"""The panel's lines at the top: title, asked, ran, last. Pure; what they return is not escaped."""

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.charts.runs import Run, changes, same_config, work, workload_words
from workbench.config import Config
from workbench.judging import JUDGED
from workbench.knobs import KNOBS
from workbench.metrics import METRICS
from workbench.results import Census, Comparison, Measurement, ModelFacts, QualityDiff, Resolved, Trace
from workbench.results.resolved import NO_LOOP_YET
from workbench.widgets.evidence import Evidence
from workbench.words import say, templates, text
from workbench.words.format import knob_value, measured, printable, share, size

SEPARATOR = " · "
# knobs that are named whatever their value; the others only where they differ from their default
CORE = ("attention", "compile", "cache", "dtype", "padding_side", "do_sample")
# fields of Resolved that are worth a word only where they are not the ordinary ones
_ALL = 0.995  # of the weights quantised: norms and biases never are
_EXPERT = ("sdpa_backend", "attention_mask", "autocast", "tf32", "cudnn_benchmark")


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
    """The core knobs, and of the others those that differ from their default; only what has an effect.

    A new knob appears as name=value.
    """
    phrases = []
    for name, knob in KNOBS.items():
        value = config[name]
        if not knob.when(config) or (name not in CORE and value == knob.default):
            continue
        code = f"panel.asked.{name}"
        if name == "do_sample":
            phrases.append(text("panel.asked.sampling" if value else "panel.asked.greedy"))
        elif code in templates():
            phrases.append(text(code, value=knob_value(value)))
        else:
            phrases.append(f"{name}={knob_value(value)}")
    return SEPARATOR.join(phrases)


def ran(resolved: Resolved | None, trace: Trace | None, last: Measurement | None) -> str:
    """What is in force, read back; the kernels of its last trace; its share of the limit where that was measured."""
    if resolved is None:
        return text("panel.nothing_loaded")
    ordinary = Resolved.model_fields
    phrases = [
        kernels(resolved, trace),
        resolved.dtype,
        *([resolved.quantization] if resolved.quantization != "none" else []),
        size(resolved.weight_bytes),
        text("panel.ran.no_loop") if resolved.loop == NO_LOOP_YET else resolved.loop,
        text("panel.ran.cache", cache=resolved.cache),
        text("panel.ran.pad", pad=knob_value(resolved.pad_token_id), side=resolved.padding_side),
        *(
            f"{name}={knob_value(getattr(resolved, name))}"
            for name in _EXPERT
            if getattr(resolved, name) != ordinary[name].default
        ),
    ]
    if last is not None and last.decode_limit_share is not None and _untraced(last.resolved) == _untraced(resolved):
        phrases.append(text("panel.ran.limit", share=share(last.decode_limit_share)))
    return SEPARATOR.join(phrases)


def _untraced(resolved: Resolved) -> Resolved:
    return resolved.model_copy(update={"attention_kernels": None})


def kernels(resolved: Resolved, trace: Trace | None) -> str:
    """sdpa → CPU flash kernel (traced at 64+4)."""
    if trace is None:
        return text("panel.ran.attention", attention=resolved.attention)
    prefill, decode = (_backend(trace.backend[phase]) for phase in ("prefill", "decode"))
    code = "panel.ran.kernels" if prefill == decode else "panel.ran.kernels_two"
    return text(code, attention=resolved.attention, prefill=prefill, decode=decode, work=work(trace.workload))


def _backend(backend: str | None) -> str:
    if backend is None:
        return text("panel.ran.no_kernel")
    if backend == "eager":
        return text("panel.ran.no_own_kernel")
    return text("panel.ran.kernel", name=backend.replace("sdpa ", ""))


def but(
    config: Mapping[str, Any], resolved: Resolved | None, trace: Trace | None = None, census: Census | None = None
) -> str:
    """Where asked and ran differ, and why; what of the weights was not quantised; empty when they agree."""
    if resolved is None:
        return ""
    found = [*resolved.differences(config), *(trace.differences if trace is not None else ())]
    if census is not None and census.left:
        found.append(census.sentence)
    elif resolved.quantization != "none" and resolved.quantized_share < _ALL:
        found.append(say("panel.ran.left", share=share(1 - resolved.quantized_share)))
    return "; ".join(printable(str(difference), 300) for difference in found)


def last(evidence: Evidence, config: Mapping[str, Any]) -> str:
    """The last verdict, with speed and quality of one configuration always beside each other.

    Speed: a comparison's sentences, or a measurement, of which two side by side are no verdict. What was found of
    another configuration than `config`, which is in force, says so first.
    """
    newest = evidence.newest
    if isinstance(newest, QualityDiff):
        run = evidence.run_of(Config(**newest.candidate))
        said = [quality(newest), speed(run) if run is not None else text("panel.last.no_speed")]
    elif newest is not None and newest is evidence.comparison:
        said = [verdict(evidence.comparison), quality(evidence.judged.get(Config(**evidence.comparison.b)))]
    elif evidence.runs:
        said = [measurement(evidence.runs), quality(evidence.judged.get(Config(**evidence.runs[-1].config)))]
    else:
        said = [text("panel.last.nothing")]
    about = _configs(newest) or ([evidence.runs[-1].config] if evidence.runs else [])
    if about and not any(same_config(each, config) for each in about):
        said.insert(0, text("panel.last.other_config"))
    doubts = evidence.doubts(newest) if newest is not None else []
    return SEPARATOR.join([*said, *(printable(str(flag), 160) for flag in doubts)])


def _configs(newest: Measurement | Comparison | QualityDiff | None) -> list[Mapping[str, Any]]:
    """What it was found of; of a measurement its run knows that."""
    if isinstance(newest, QualityDiff):
        return [newest.candidate]
    return [newest.a, newest.b] if isinstance(newest, Comparison) else []


def quality(found: QualityDiff | None) -> str:
    """The verdict on the answers, or that there is none."""
    if found is None:
        return text("panel.last.not_judged")
    return text("panel.last.quality", verdict=printable(str(found.verdict), 300))


def verdict(comparison: Comparison) -> str:
    """sdpa is 1.31× faster than eager at prefill [1.27, 1.36]; no difference seen at decode … · 256 → 64 tokens."""
    said = "; ".join(printable(str(comparison.verdict[metric]), 300) for metric in verdict_order(comparison))
    phrases = [said, workload_words(comparison.workload)]
    if comparison.agreement is not None and comparison.agreement.level not in ("same", "agrees"):
        phrases.append(printable(str(comparison.agreement.verdict), 300))
    return SEPARATOR.join(phrases)


def verdict_order(comparison: Comparison) -> list[str]:
    """The judged metrics, those with a difference first."""
    return sorted(JUDGED, key=lambda metric: metric not in comparison.seen)


def measurement(runs: Sequence[Run]) -> str:
    """The last measurement in words, and the one before."""
    if not runs:
        return text("panel.last.nothing")
    return SEPARATOR.join([speed(runs[-1]), *(_before(runs) if len(runs) > 1 else [])])


def speed(run: Run) -> str:
    """decode 16.7 tok/s [16.2, 17.1] · prefill … · 256 → 64 tokens, batch 1 · n = 7."""
    newest = run.measurement
    return text(
        "panel.last.run",
        decode=_metric(newest, "decode_tps"),
        prefill=_metric(newest, "prefill_tps"),
        workload=workload_words(newest.workload),
        n=newest.repeats,
    )


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


def _metric(measurement: Measurement, key: str) -> str:
    return measured(getattr(measurement, key), measurement.ci95.get(key), METRICS[key].unit)
