"""Rules about what runs: which attention and why, how much of a step is not the work itself, what compiled again."""

from workbench.advice.evidence import Evidence
from workbench.advice.rules import Rule, first_possible, possible, unknown, without
from workbench.results.advice import Finding, Gain
from workbench.words import say
from workbench.words.format import share

_WORTH = 0.05  # share of a forward pass that is worth a finding
_IDLE = 0.35  # of a decode step in which no kernel runs
_NEAR_LIMIT = 0.4  # of a step that a CPU reaches: above it there is little left for a compiler
_BY_REASON = {
    "trace.math_dtype": {"dtype": "bfloat16"},
    "trace.math_zeros": {"attention_mask": "tokenizer"},
}


def eager(seen: Evidence) -> Finding | None:
    if seen.resolved.attention != "eager" or not possible(seen, attention="sdpa"):
        return None
    taken = seen.share("prefill", "attention")
    if taken < _WORTH:
        return None
    how = say("advice.eager.how", share=share(taken))
    return Finding(
        rule="eager",
        severity="slow",
        title=say("advice.eager"),
        evidence=(say("advice.eager.seen", share=share(taken), tokens=seen.workload.prompt_tokens),),
        change={"attention": "sdpa"},
        expected_gain=without(taken, "prefill_tps", how),
    )


def math_attention(seen: Evidence) -> Finding | None:
    """sdpa that does not fuse: by order, or because the arguments leave it no other kernel."""
    assert seen.trace is not None
    if not any("sdpa math" in (phase.backend or "") for phase in seen.trace.phases.values()):
        return None
    why = tuple(each for each in seen.trace.differences if each.code.startswith("trace.math_"))
    changes = [{"sdpa_backend": "auto"}] if seen.config["sdpa_backend"] == "math" else []
    changes += [dict(_BY_REASON[each.code]) for each in why if each.code in _BY_REASON]
    taken = max(seen.share(phase, "attention") for phase in seen.trace.phases)
    phase = max(seen.trace.phases, key=lambda name: seen.share(name, "attention"))
    metric = "prefill_tps" if phase == "prefill" else "decode_tps"
    change = first_possible(seen, *changes)
    how = say("advice.eager.how", share=share(taken))
    return Finding(
        rule="math_attention",
        severity="slow",
        title=say("advice.math_attention"),
        evidence=why or (say("advice.math_attention.asked", share=share(taken)),),
        change=change or {},
        action=None if change else say("advice.math_attention.action"),
        expected_gain=without(taken, metric, how),
    )


def mask(seen: Evidence) -> Finding | None:
    assert seen.trace is not None
    shut = tuple(each for each in seen.trace.notes if each.code == "trace.flash_shut_out")
    if not shut:
        return None
    change = first_possible(seen, {"attention": "flash_attention_3"}, {"attention": "flash_attention_2"})
    how = say("advice.eager.how", share=share(seen.share("prefill", "attention")))
    return Finding(
        rule="mask",
        severity="slow",
        title=say("advice.mask"),
        evidence=shut,
        change=change or {},
        action=say("advice.mask.action"),
        expected_gain=without(seen.share("prefill", "attention"), "prefill_tps", how),
    )


def uncompiled(seen: Evidence) -> Finding | None:
    """Decode that waits for the host: on a GPU gaps between kernels; on a CPU, where the host computes, what lies
    between a step and its limit.
    """
    assert seen.trace is not None
    assert seen.measurement is not None
    if seen.config["compile"] != "off":
        return None
    launches, idle = f"{seen.trace.launches_per_token:.0f}", seen.trace.gpu_idle_fraction
    if idle is not None:
        if idle < _IDLE:
            return None
        evidence = say("advice.uncompiled.gpu", share=share(idle), launches=launches)
        gain = without(idle, "decode_tps", say("advice.uncompiled.gpu_how", share=share(idle)))
    else:
        reached = _reached(seen)
        if reached is None or reached > _NEAR_LIMIT:
            return None
        evidence = say("advice.uncompiled.cpu", share=share(reached), launches=launches)
        how = say("advice.uncompiled.cpu_how", share=share(reached))
        gain = Gain(metric="decode_tps", low=1.0, high=1 / reached, how=how)
    modes = ("reduce-overhead", "default") if idle is not None else ("max-autotune", "default")
    change = first_possible(seen, *({"compile": mode} for mode in modes))
    if change is None:
        return None
    return Finding(
        rule="uncompiled",
        severity="slow",
        title=say("advice.uncompiled"),
        evidence=(evidence,),
        change=change,
        action=say("advice.uncompiled.action"),
        expected_gain=gain,
    )


def _reached(seen: Evidence) -> float | None:
    """The longest floor of a decode step but that of its launches, which compiling takes away, as a share of the step.

    None: no floor is known.
    """
    assert seen.measurement is not None
    floors = seen.limits.decode.floors if seen.limits is not None else ()
    known = [floor.seconds for floor in floors if floor.bound != "launches" and floor.seconds]
    return max(known) / seen.measurement.tpot_s if known else None


def recompiled(seen: Evidence) -> Finding | None:
    assert seen.measurement is not None
    report = seen.measurement.warm_up.compiled
    if report is None or not (report.recompiles or report.graph_breaks or report.graph_skips):
        return None
    evidence = [
        say(f"advice.recompiled.{name}", times=times)
        for name, times in (
            ("again", report.recompiles),
            ("breaks", report.graph_breaks),
            ("skips", report.graph_skips),
        )
        if times
    ]
    return Finding(
        rule="recompiled",
        severity="slow",
        title=say("advice.recompiled"),
        evidence=tuple(evidence),
        action=say("advice.recompiled.action"),
        unknown=unknown("TORCH_LOGS=recompiles,graph_breaks"),
    )


def rows(seen: Evidence) -> Finding | None:
    """More prompts than rows at once, while a step reads all weights for each row."""
    assert seen.measurement is not None
    now, most = seen.workload.batch_size, seen.prompts
    if most <= now or seen.facts.config.get("n_routed_experts"):
        return None
    limit = seen.measurement.decode_limit_share
    if limit is None:
        return None
    how = say("advice.rows.how", rows=most, now=now)
    gain = Gain(metric="decode_tps", low=1.0, high=most / now, how=how)
    if seen.scan is not None:
        points = {point.value: point.mean["decode_tps"] for point in seen.scan.of(0)}
        best = max((value for value in points if value <= most), key=lambda value: points[value], default=None)
        if best is not None and now in points:
            ratio = points[best] / points[now]
            gain = Gain(metric="decode_tps", low=ratio, high=ratio, how=say("advice.rows.scanned", rows=best))
    return Finding(
        rule="rows",
        severity="slow",
        title=say("advice.rows", prompts=most, rows=now),
        evidence=(say("advice.rows.seen", share=share(limit), rows=now),),
        action=say("advice.rows.action"),
        expected_gain=gain,
    )


RULES = (
    Rule("eager", eager, ("trace",)),
    Rule("math_attention", math_attention, ("trace",)),
    Rule("mask", mask, ("trace",)),
    Rule("uncompiled", uncompiled, ("trace", "measurement")),
    Rule("recompiled", recompiled, ("measurement",)),
    Rule("rows", rows, ("measurement",)),
)
