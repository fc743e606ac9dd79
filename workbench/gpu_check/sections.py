"""The sections of the GPU check. Each takes the plan and returns plain data; what it raises is its failure."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from workbench.config import Config
from workbench.knobs import KNOBS, Choice
from workbench.results import Machine, Workload
from workbench.session import Session

_TOGGLES = 20
_TINY = ("random:deepseek-llm-7b-base?scale=tiny", "random:deepseek-v2-lite?scale=tiny")  # MHA; MLA with experts
_MEASURED = {"cuda": "random:deepseek-llm-7b-base?layers=8", "cpu": "demo"}


@dataclass(frozen=True)
class Plan:
    """`device`: cuda or cpu; `model`: measured instead of the section's own choice."""

    machine: Machine
    device: str
    model: str | None = None
    budget_s: float = 60.0


def environment(plan: Plan) -> dict[str, Any]:
    """Python, torch, CUDA runtime and driver, GPUs, packages: the doctor's report."""
    machine = plan.machine
    return {
        "rows": [list(row) for row in machine.rows()],
        "packages": [list(row) for row in machine.package_rows()],
    }


def capabilities(plan: Plan) -> dict[str, Any]:
    """Every listed value of every knob: usable on this machine, or why not and what to do."""
    config = Config(device=plan.device)
    table = []
    for name, knob in KNOBS.items():
        values = knob.kind.values if isinstance(knob.kind, Choice) else (knob.default,)
        for value in values:
            capability = knob.capability(value, plan.machine, None, {**config, name: value})
            table.append(
                {
                    "knob": name,
                    "value": value,
                    "ok": capability.ok,
                    "reason": str(capability.reason) if capability.reason else None,
                    "remedy": str(capability.remedy) if capability.remedy else None,
                }
            )
    return {"values": table}


def switches(plan: Plan) -> dict[str, Any]:
    """Attention toggled on resident tiny models, each time read back and timed; the greedy answers compared."""
    return {"models": [_toggle(name, plan) for name in _TINY]}


def _toggle(name: str, plan: Plan) -> dict[str, Any]:
    ways = ("eager", "sdpa")
    with Session(name, config=Config(device=plan.device, attention=ways[0], dtype="float32")) as session:
        answers, first_use, seconds = {}, {}, {way: list[float]() for way in ways}
        for way in reversed(ways):  # ends where it began, each backend used once
            began = time.perf_counter()
            session.apply(attention=way)
            answers[way] = session.generate(["the sea"], max_new_tokens=16)[0].token_ids
            first_use[way] = time.perf_counter() - began
        for turn in range(_TOGGLES):
            way = ways[(turn + 1) % 2]
            applied = session.apply(attention=way)
            if applied.resolved.attention != way or applied.reloaded:
                raise RuntimeError(f"asked {way}, in force {applied.resolved.attention}, reloaded {applied.reloaded}")
            seconds[way].append(applied.seconds)
        return {
            "model": session.facts.name,
            "device": session.resolved.device,
            "same_greedy_tokens": answers["eager"] == answers["sdpa"],
            "first_use_s": first_use,
            "median_apply_s": {way: median(taken) for way, taken in seconds.items()},
            "toggles": _TOGGLES,
        }


def measurement(plan: Plan) -> dict[str, Any]:
    """Speed and memory of one configuration, with intervals, flags and its stored conditions."""
    name = plan.model or _MEASURED[plan.device]
    dtype = "bfloat16" if plan.device == "cuda" else "auto"
    with Session(name, config=Config(device=plan.device, dtype=dtype)) as session:
        preset = "chat" if plan.device == "cuda" else "quick"
        taken = session.measure(Workload.preset(preset), precision=0.03, budget_s=plan.budget_s)
        return {
            "model": session.facts.name,
            "config": session.config.to_dict(),
            "measurement": taken.to_dict(),
            "differences": [str(difference) for difference in taken.resolved.differences(session.config)],
            "notes": [str(note) for note in (*session.facts.notes, *taken.flags)],
        }


SECTIONS: dict[str, Callable[[Plan], dict[str, Any]]] = {
    section.__name__: section for section in (environment, capabilities, switches, measurement)
}
