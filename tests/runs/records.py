"""Records as a measurement leaves them, with text that not every store keeps."""

import json
from pathlib import Path
from typing import Any

import workbench as wb
from workbench.results import document

_REAL = Path(__file__).with_name("measured.json")


def record(number: int = 0, kind: str = "measurement", model: str = "demo", **knobs: Any) -> dict[str, Any]:
    return document(kind, model=model, config=wb.Config(**knobs), result={"number": number, "text": "速度 🚀 \ud83d"})


def measured(**changes: Any) -> dict[str, Any]:
    """A whole measurement of a tiny model as `workbench measure --json` printed it, its samples shortened to ten.

    changes  knobs of the config; or numbers of the result, then an interval of ±1 % goes with them; `model`, `machine`,
             `flags`, `workload`, `versions`
    """
    made: dict[str, Any] = json.loads(_REAL.read_text(encoding="utf-8"))
    for name, value in changes.items():
        if name == "machine":
            made["machine"]["label"] = value
        elif name == "model":
            made["model"] = value
        elif name == "flags":
            made["flags"] = made["result"]["flags"] = value
        elif name in ("workload", "versions"):
            made[name].update(value)
            if name == "workload":
                made["result"][name].update(value)
        elif name in made["result"]:
            made["result"][name] = value
            if name in made["result"]["ci95"]:
                made["result"]["ci95"][name] = [value * 0.99, value * 1.01]
        else:
            made["config"][name] = value
    return made
