"""Whether a model fits beside what others hold on a device, and what to do where it does not: a function of facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.pairing import DISTURBED_GPU, SHARED_CORES
from workbench.results import LoadCheck, LoadChoice, LoadState, Neighbour
from workbench.words import Message, say, text
from workbench.words.format import printable, share, size

_MOST_NAMED = 3


@dataclass(frozen=True)
class Facts:
    """What is known before a load. Bytes; None: not known.

    device       as the knob names it: cpu, cuda:0
    needed       by forecast; free: now, with what the own engine there gives back first
    others       held by other processes on the device; holders: the largest of them, None: hidden from here
    elsewhere    free bytes of the other GPUs, by name
    smaller      knobs that make the same model smaller -> what it needs then, the largest first
    """

    device: str
    needed: int | None
    free: int | None
    others: int | None
    kernel_time_share: float | None = None
    others_cores: float | None = None
    holders: tuple[Neighbour, ...] | None = None
    elsewhere: Mapping[str, int] = field(default_factory=dict)  # never changed
    smaller: Sequence[tuple[Mapping[str, Any], int]] = ()


def check(facts: Facts, model: str | None = None) -> LoadCheck:
    """The decision. `model`: of a session that is to be opened; None: one is open, and a change is to be applied."""
    state = _state(facts)
    return LoadCheck(
        device=facts.device,
        state=state,
        needed_bytes=facts.needed,
        free_bytes=facts.free,
        others_bytes=facts.others,
        kernel_time_share=facts.kernel_time_share,
        others_cores=facts.others_cores,
        holders=facts.holders,
        choices=_choices(facts, state, model),
        text=_text(facts, state),
    )


def _state(facts: Facts) -> LoadState:
    if facts.needed is None or facts.free is None:
        return "unknown"
    if facts.needed <= facts.free:
        return "busy" if _busy(facts) else "fits"
    return "short" if facts.others and facts.needed <= facts.free + facts.others else "too_large"


def _busy(facts: Facts) -> bool:
    on_gpu = facts.kernel_time_share is not None and facts.kernel_time_share > DISTURBED_GPU
    return on_gpu or (facts.others_cores is not None and facts.others_cores > SHARED_CORES)


def _choices(facts: Facts, state: LoadState, model: str | None) -> tuple[LoadChoice, ...]:
    if state not in ("short", "too_large") or facts.needed is None:
        return ()
    found = []
    if state == "short":
        found.append(LoadChoice(way="wait", why=say("load.wait"), type_this=_session(model, when_busy="wait")))
    roomy = {name: free for name, free in facts.elsewhere.items() if facts.needed <= free}
    if roomy:
        name = max(roomy, key=lambda each: roomy[each])
        why = say("load.elsewhere", device=name, free=size(roomy[name]))
        found.append(LoadChoice(way="device", why=why, type_this=_with(model, {"device": name})))
    for knobs, needed in facts.smaller:
        if facts.free is not None and needed <= facts.free:
            why = say("load.smaller", needed=size(needed))
            found.append(LoadChoice(way="config", why=why, type_this=_with(model, knobs)))
            break
    found.append(LoadChoice(way="beside", why=say("load.beside"), type_this=_session(model, when_busy="beside")))
    return tuple(found)


def _with(model: str | None, knobs: Mapping[str, Any]) -> str:
    written = ", ".join(f"{name}={value!r}" for name, value in knobs.items())
    if model is None:
        return f"session.apply({written})"
    return f"wb.Session({model!r}, {written if list(knobs) == ['device'] else f'config=wb.Config({written})'})"


def _session(model: str | None, when_busy: str) -> str:
    name = "…" if model is None else f"{model!r}, …"
    return f"wb.Session({name}, when_busy={when_busy!r})"


def _text(facts: Facts, state: LoadState) -> Message:
    known = {"device": facts.device, "needed": size(facts.needed), "free": size(facts.free)}
    match state:
        case "unknown":
            return say("load.unknown", device=facts.device, free=known["free"])
        case "busy" if facts.others_cores is not None:
            return say("load.busy_cpu", **known, cores=f"{facts.others_cores:.1f}")
        case "busy":
            return say("load.busy_gpu", **known, share=share(facts.kernel_time_share))
        case "short":
            return say("load.short", **known, others=size(facts.others), owners=owners(facts.holders))
    return say(f"load.{state}", **known)


def owners(holders: Sequence[Neighbour] | None) -> str:
    """The largest by name: python (4242) 10 GiB, process 77 3 GiB."""
    if holders is None:
        return text("load.hidden")
    if not holders:
        return text("load.nobody")
    return ", ".join(_owner(each) for each in holders[:_MOST_NAMED])


def _owner(each: Neighbour) -> str:
    name = text("load.process", pid=each.pid) if each.name is None else f"{printable(each.name, 40)} ({each.pid})"
    return name if each.bytes is None else f"{name} {size(each.bytes)}"
