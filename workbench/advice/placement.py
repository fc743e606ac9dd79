"""Rules about where the model is: the device, what waits elsewhere, memory that is short."""

from typing import Any

from workbench.advice.evidence import Evidence
from workbench.advice.rules import Rule, first_possible, possible, unknown
from workbench.knobs import KNOBS
from workbench.results.advice import Finding, Gain
from workbench.words import say
from workbench.words.format import size

_NEARLY_FULL = 0.95  # of a device's memory
_WORTH_BYTES = 1 << 20


def cpu_beside_a_gpu(seen: Evidence) -> Finding | None:
    if not seen.on_cpu or not seen.machine.gpus or not possible(seen, device="cuda"):
        return None
    gpu = seen.machine.gpus[0]
    known = seen.machine.copy_bandwidth
    here, there = known.get(f"cpu:{seen.resolved.threads}"), known.get("cuda:0")
    gain = None
    if here and there:
        how = say("advice.cpu_beside_a_gpu.how", cpu=f"{here / 1e9:.0f}", gpu=f"{there / 1e9:.0f}")
        gain = Gain(metric="decode_tps", low=1.0, high=max(there / here, 1.0), how=how)
    return Finding(
        rule="cpu_beside_a_gpu",
        severity="slow",
        title=say("advice.cpu_beside_a_gpu", gpu=gpu.name),
        evidence=(say("advice.cpu_beside_a_gpu.seen", gpu=gpu.name),),
        change={"device": "cuda"},
        expected_gain=gain,
        unknown=None if gain else unknown("session.compare({'device': 'cpu'}, {'device': 'cuda'})"),
    )


def driver(seen: Evidence) -> Finding | None:
    torch = seen.machine.torch
    if not seen.machine.gpus or torch is None or torch.cuda_available:
        return None
    can = KNOBS["device"].capability("cuda", seen.machine, seen.facts, seen.config)
    if can.ok or can.reason is None:
        return None
    return Finding(
        rule="driver",
        severity="slow",
        title=say("advice.driver", gpu=seen.machine.gpus[0].name),
        evidence=(can.reason,),
        action=can.remedy,
        unknown=unknown("workbench doctor"),
    )


def offloaded(seen: Evidence) -> Finding | None:
    layers = seen.resolved.offloaded_layers
    if not layers:
        return None
    held = seen.resolved.bytes_by_place
    away = sum(taken for place, taken in held.items() if place != seen.resolved.device)
    whole: dict[str, Any] = {"offloaded_layers": 0}
    if seen.config["device_map"] != "none":  # the libraries placed them
        whole = {"device_map": "none", "max_memory": "auto"}
    change = first_possible(seen, whole, {**whole, "dtype": "bfloat16"}, {**whole, "quantization": "bnb-nf4"})
    return Finding(
        rule="offloaded",
        severity="slow",
        title=say("advice.offloaded", layers=layers),
        evidence=(say("advice.offloaded.seen", layers=layers, of=seen.facts.layers, bytes=size(away)),),
        change=change or {},
        unknown=unknown("session.offload()" if "offloaded_layers" in whole else "session.trace()"),
    )


def memory(seen: Evidence) -> Finding | None:
    """Nearly full, in swap, or an allocator that had to give back before it could take."""
    evidence = []
    sharing, allocator = seen.sharing, seen.allocator
    if seen.swapped is not None and seen.swapped > _WORTH_BYTES:
        evidence.append(say("advice.memory.swapped", bytes=size(seen.swapped)))
    if allocator is not None and allocator.retries:
        evidence.append(say("advice.memory.retries", times=allocator.retries))
    if sharing is not None:
        used, total = sharing.gpu_used_bytes, sharing.gpu_total_bytes
        if used is None or not total:
            used, total = sharing.memory_bytes - sharing.available_bytes, sharing.memory_bytes
        if used > _NEARLY_FULL * total:
            evidence.append(say("advice.memory.full", used=size(used), total=size(total)))
    if not evidence:
        return None
    retrying = allocator is not None and bool(allocator.retries)
    changes = [{"allocator": "expandable_segments"}] if retrying else []
    change = first_possible(seen, *changes, {"dtype": "bfloat16"}, {"quantization": "bnb-int8"})
    return Finding(
        rule="memory",
        severity="unreliable",
        title=say("advice.memory"),
        evidence=tuple(evidence),
        change=change or {},
        action=say("advice.memory.action"),
        unknown=unknown("session.memory_health()"),
    )


RULES = (
    Rule("cpu_beside_a_gpu", cpu_beside_a_gpu),
    Rule("driver", driver),
    Rule("offloaded", offloaded),
    Rule("memory", memory, ("sharing",)),
)
