"""Rules about number formats: weights wider than need be, slow 8 bits, experts or the head left in full."""

from workbench.advice.evidence import Evidence
from workbench.advice.rules import Rule, first_possible, possible, unknown, without
from workbench.knobs.formats import FORMATS
from workbench.metrics import METRICS
from workbench.results.advice import Finding, Gain
from workbench.words import say
from workbench.words.format import number, share, size

_FAST_16 = ("avx512_bf16", "amx_bf16")  # a CPU without them computes bfloat16 by way of float32
_EIGHT = "int8"
_LAYERS = ("attention", "mlp", "experts")  # whose weights a format is asked for
_LEFT = 0.3  # of them, in experts that stayed in full
_HEAD = 0.2  # of the bytes of a decode step
_COVERS_EXPERTS = ({"quantization": "fp8"},)


def wide(seen: Evidence) -> Finding | None:
    """float32 weights where 16 bits are as good, which is half of what a decode step reads."""
    if seen.resolved.dtype != "float32" or seen.resolved.quantization != "none":
        return None
    if seen.on_cpu and not set(_FAST_16) & set(seen.machine.cpu.features):
        return None
    if not possible(seen, dtype="bfloat16"):
        return None
    read = seen.share("decode", "linear")
    evidence = [say("advice.wide.seen", bytes=size(seen.resolved.weight_bytes), share=share(read))]
    files = seen.facts.checkpoint_dtype
    if files in ("bfloat16", "float16"):
        evidence.append(say("advice.wide.upcast", files=files))
    return Finding(
        rule="wide",
        severity="slow",
        title=say("advice.wide"),
        evidence=tuple(evidence),
        change={"dtype": "bfloat16"},
        expected_gain=without(read, "decode_tps", say("advice.wide.how", share=share(read)), left=0.5),
    )


def slow_eight(seen: Evidence) -> Finding | None:
    """8 bits, and a measurement of the same work in full that was faster by its whole interval."""
    assert seen.full is not None
    assert seen.measurement is not None
    if _EIGHT not in seen.resolved.quantization:
        return None
    metric = "decode_tps"
    now, full = seen.measurement, seen.full
    (low_now, high_now), (low_full, high_full) = now.ci95[metric], full.ci95[metric]
    if low_full <= high_now:
        return None
    bounds = {"low": low_full / high_now, "high": high_full / low_now}
    return Finding(
        rule="slow_eight",
        severity="slow",
        title=say("advice.slow_eight", format=seen.resolved.quantization, full=full.resolved.dtype),
        evidence=(
            say(
                "advice.slow_eight.seen",
                metric=METRICS[metric].label,
                now=number(now.decode_tps),
                full=number(full.decode_tps),
                unit=METRICS[metric].unit,
            ),
        ),
        change={"quantization": "none", "dtype": full.resolved.dtype},
        action=say("advice.slow_eight.action", bytes=size(full.resolved.weight_bytes)),
        expected_gain=Gain(metric=metric, **bounds, how=say("advice.slow_eight.how")),
    )


def experts(seen: Evidence) -> Finding | None:
    assert seen.census is not None
    left = [each for each in seen.census.left if each.role == "experts"]
    values = sum(each.values for each in left)
    layers = sum(each.values for each in seen.census.now if each.role in _LAYERS)
    if not left or values < _LEFT * layers:
        return None
    change = first_possible(seen, *_COVERS_EXPERTS)
    return Finding(
        rule="experts",
        severity="slow",
        title=say("advice.experts", format=seen.census.asked),
        evidence=(
            say(
                "advice.experts.seen",
                share=share(values / layers),
                bytes=size(sum(each.bytes for each in left)),
            ),
            left[0].why,
        ),
        change=change or {},
        action=None if change else say("advice.experts.action"),
        unknown=unknown("session.experts()"),
    )


def head(seen: Evidence) -> Finding | None:
    """An output head in full beside quantised layers: of a small model, or at 4 bits, much of what a step reads."""
    assert seen.census is not None
    chosen, told = FORMATS.get(seen.resolved.quantization), seen.resolved.quantization_settings
    if chosen is None or told.get("quantize_head") is not False or not possible(seen, quantize_head=True):
        return None
    role = "embedding" if seen.facts.config.get("tie_word_embeddings") else "head"
    parts = [each for each in seen.census.now if each.role == role]
    held, read = sum(each.bytes for each in parts), seen.facts.weight_bytes
    if held < _HEAD * read:
        return None
    after = read - held + sum(each.values for each in parts) * chosen.bits / 8
    return Finding(
        rule="head",
        severity="slow",
        title=say("advice.head", format=seen.resolved.quantization),
        evidence=(say("advice.head.seen", bytes=size(held), share=share(held / read)), say("advice.head.price")),
        change={"quantize_head": True},
        expected_gain=Gain(metric="decode_tps", low=1.0, high=read / after, how=say("advice.head.how")),
    )


RULES = (
    Rule("wide", wide, ("trace",)),
    Rule("slow_eight", slow_eight, ("full", "measurement")),
    Rule("experts", experts, ("census",)),
    Rule("head", head, ("census",)),
)
