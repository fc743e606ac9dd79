"""The files beside the loader that its --check needs: the program, and what it must find again."""

import json
import math
from importlib.resources import files as package_files
from typing import Any

from workbench.config import Config
from workbench.export.header import deciding
from workbench.export.request import Request
from workbench.knobs.generation import PLAIN, generation_arguments
from workbench.results import Workload
from workbench.results.workload import padding_of

TOLERANCE = 0.1  # of the recorded decode speed: the check runs at another time, when the machine may be less quiet
_NUMBERS = ("decode_tps", "prefill_tps", "ttft_s", "tpot_s")


def files(request: Request, packages: tuple[str, ...]) -> dict[str, str]:
    """check_model.py as it stands in this package, and expected.json with the numbers of the request's measurement."""
    program = package_files("workbench.probes").joinpath("check_model.py").read_text(encoding="utf-8")
    text = json.dumps(_expected(request, packages), indent=1, ensure_ascii=False)
    return {"check_model.py": program, "expected.json": text + "\n"}


def work_of(workload: Workload, config: Config) -> dict[str, Any]:
    """The fixed work as data: what `check_model.work_of` and `check_model.once` read."""
    built_in = package_files("workbench.probes").joinpath("texts/workload.txt")
    return {
        "prompts": list(workload.prompts) if workload.prompts else None,
        "text": None if workload.prompts else built_in.read_text(encoding="utf-8"),
        "seed": workload.seed,
        "prompt_tokens": workload.prompt_tokens,
        "new_tokens": workload.new_tokens,
        "batch_size": workload.batch_size,
        "padding": padding_of(workload.batch_size, workload.prompt_tokens, workload.padded) if workload.padded else [],
        "arguments": generation_arguments(config.replace(**PLAIN)),
    }


def _expected(request: Request, packages: tuple[str, ...]) -> dict[str, Any]:
    measurement = request.measurement
    intervals = measurement.ci95 if measurement else {}
    measured = {
        name: {"mean": getattr(measurement, name), "low": intervals[name][0], "high": intervals[name][1]}
        for name in _NUMBERS
        if name in intervals and math.isfinite(intervals[name][1])  # of a single repeat there is no interval
    }
    return {
        "schema": "workbench.expected/1",
        "model": request.facts.name if request.facts else None,
        "machine": request.machine.label if request.machine else None,
        "versions": deciding(request, packages),
        "tolerance": TOLERANCE,
        "work": work_of(request.workload or (measurement.workload if measurement else Workload()), request.config),
        "measured": measured,
        "token_ids": list(measurement.token_ids) if measurement else [],
    }
