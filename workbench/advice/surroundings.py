"""Rules about what is around the model: neighbours, heat and caps, threads, cold weights, padding, tokens."""

from typing import Any

from workbench.advice.evidence import Evidence
from workbench.advice.rules import Rule, possible, unknown, without
from workbench.results.advice import Finding, Gain
from workbench.words import Message, say
from workbench.words.format import number, share

_PADDED = 0.2  # of the prompts' positions
_SLOWER = 1.1  # than the best thread count and policy, as the doctor measured them
_FAULTS = 5  # waits for the disk, each of which reads many pages ahead: one or two are met at any time
_BUSY_CORES = 0.5


def shared(seen: Evidence) -> Finding | None:
    assert seen.sharing is not None
    if seen.sharing.verdict != "shared":
        return None
    return Finding(
        rule="shared",
        severity="unreliable",
        title=say("advice.shared"),
        evidence=(seen.sharing.text,),
        action=say("advice.shared.action"),
        unknown=unknown("workbench sharing"),
    )


def held_back(seen: Evidence) -> Finding | None:
    """Heat, a fault, a quota: by the looks around each run, and by the sampler beside them."""
    assert seen.measurement is not None
    taken, reasons = seen.measurement, dict[str, Message]()
    for reason in taken.conditions.held_back:
        reasons[reason] = say("advice.held_back.reason", reason=reason)
    if taken.set_aside:
        reasons["set_aside"] = say("advice.held_back.set_aside", runs=taken.set_aside)
    capped = taken.conditions.power_capped
    if capped:
        reasons["power_cap"] = say("advice.held_back.power")
    if not reasons:
        return None
    return Finding(
        rule="held_back",
        severity="unreliable" if len(reasons) > bool(capped) else "slow",
        title=say("advice.held_back"),
        evidence=tuple(reasons.values()),
        action=say("advice.held_back.action"),
        unknown=unknown("session.latency(seconds=120)"),
    )


def threads(seen: Evidence) -> Finding | None:
    """Another count or policy decoded faster when the doctor measured; or threads spin beside a busy neighbour."""
    if not seen.on_cpu:
        return None
    now, chosen = seen.resolved, seen.machine.threads
    others = seen.sharing.others_cores if seen.sharing is not None else None
    crowded = others is not None and now.threads > 1 and now.threads + others > seen.machine.cpu.cores + _BUSY_CORES
    evidence: list[Message] = []
    change: dict[str, Any] = {}
    gain = None
    if crowded:
        evidence.append(
            say("advice.threads.crowded", threads=now.threads, others=number(others, 2), cores=seen.machine.cpu.cores)
        )
        change = {"threads": max(1, int(seen.machine.cpu.cores - (others or 0)))}
        if now.waiting != "passive":
            evidence.append(say("advice.threads.spinning"))
            change["waiting"] = "passive"
    elif chosen is not None and chosen.measured:
        policy = now.waiting if now.waiting in ("passive", "active") else chosen.omp_wait_policy
        measured = {name.lower(): seconds for name, seconds in chosen.seconds.items()}
        here = measured.get(f"{policy}:{now.threads}".lower())
        best = measured.get(f"{chosen.omp_wait_policy}:{chosen.threads}".lower())
        if here is None or best is None or here < _SLOWER * best:
            return None
        evidence.append(say("advice.threads.measured", threads=now.threads, best=chosen.threads))
        change = {"threads": chosen.threads}
        how = say("advice.threads.how")
        gain = Gain(metric="decode_tps", low=1.0, high=here / best, how=how)
    if not evidence or not possible(seen, **change):
        return None
    return Finding(
        rule="threads",
        severity="slow",
        title=say("advice.threads", threads=now.threads),
        evidence=tuple(evidence),
        change=change,
        expected_gain=gain,
        unknown=None if gain else unknown("session.scan('threads')"),
    )


def cold(seen: Evidence) -> Finding | None:
    """Pages that came from a disk while it was measured."""
    assert seen.measurement is not None
    window = seen.measurement.device
    faults = window.process_major_faults if window is not None else None
    if faults is None or faults < _FAULTS:
        return None
    return Finding(
        rule="cold",
        severity="unreliable",
        title=say("advice.cold"),
        evidence=(say("advice.cold.seen", times=faults),),
        action=say("advice.cold.action"),
        unknown=unknown("session.latency(seconds=30)"),
    )


def padding(seen: Evidence) -> Finding | None:
    assert seen.padding is not None
    if seen.padding < _PADDED:
        return None
    how = say("advice.padding.how", share=share(seen.padding))
    return Finding(
        rule="padding",
        severity="slow",
        title=say("advice.padding", share=share(seen.padding)),
        evidence=(say("advice.padding.seen", share=share(seen.padding), rows=seen.workload.batch_size),),
        action=say("advice.padding.action"),
        expected_gain=without(seen.padding, "prefill_tps", how),
    )


def tokens(seen: Evidence) -> Finding | None:
    assert seen.tokens is not None
    wrong = tuple(found for found in seen.tokens.findings if found.severity == "error")
    if not wrong:
        return None
    return Finding(
        rule="tokens",
        severity="wrong",
        title=say("advice.tokens"),
        evidence=tuple(found.said for found in wrong),
        change=dict(seen.tokens.repair),
        action=None if seen.tokens.repair else wrong[0].remedy,
        unknown=unknown("session.tokens()"),
    )


RULES = (
    Rule("tokens", tokens, ("tokens",)),
    Rule("shared", shared, ("sharing",)),
    Rule("held_back", held_back, ("measurement",)),
    Rule("cold", cold, ("measurement",)),
    Rule("threads", threads),
    Rule("padding", padding, ("padding",)),
)
