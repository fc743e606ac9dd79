"""Sections about the machine as a whole. Each takes the plan and returns plain data; what it raises is its failure."""

from typing import Any

from workbench.config import Config
from workbench.gpu_check.plan import Plan
from workbench.knobs import KNOBS, Choice
from workbench.results import Workload
from workbench.session import Session

_MEASURED = {"cuda": "random:deepseek-llm-7b-base?layers=8", "cpu": "demo"}


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
        values = plan.values(name) if isinstance(knob.kind, Choice) else (knob.default,)
        for value in values:
            capability = knob.capability(value, plan.machine, None, {**config, name: value})
            table.append(
                {
                    "knob": name,
                    "value": list(value) if isinstance(value, tuple) else value,
                    "ok": capability.ok,
                    "reason": str(capability.reason) if capability.reason else None,
                    "remedy": str(capability.remedy) if capability.remedy else None,
                }
            )
    return {"values": table}


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
