"""What a session adds to an error of memory: what would fit, by the forecast, with the change to type."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from workbench import machine as machines
from workbench.bench import Bench
from workbench.config import Config
from workbench.errors import ModelError, OutOfMemory, WorkerDied
from workbench.forecast.fitting import Asked, fitting
from workbench.hosts.registry import device_key
from workbench.others import describable
from workbench.results import Machine, Workload
from workbench.words import text

_KILLED = 9  # SIGKILL: the kernel's way when memory runs out, and anybody's
_WORK = ("rows", "prompt_tokens", "new_tokens")


def explained(bench: Bench, error: Exception, arguments: Iterable[Any]) -> Exception:
    """`error`, or the same with what would fit. arguments: of the operation that failed."""
    if isinstance(error, OutOfMemory) and "left_bytes" in error.params:
        return _refused(bench, error, arguments)
    if isinstance(error, WorkerDied) and error.code == "worker.died":
        killed = error.params.get("signal") == _KILLED
        if bench.asked is None:
            return _never_opened(bench, error, arguments, killed)
        return _killed(bench, error, arguments) if killed else error
    return error


def _refused(bench: Bench, error: OutOfMemory, arguments: Iterable[Any]) -> Exception:
    said = error.params
    config = Config.from_json(said["config"]) if "config" in said else bench.config
    facts = bench.facts if bench.asked is not None else None
    what = facts or (json.loads(said["shape"]) if said.get("shape") else None)
    if what is None:
        return error
    available = said["left_bytes"] + said.get("held_bytes", 0)
    asked = Asked(
        what=what,
        facts=facts,
        config=config,
        workload=_work(said) or _given(arguments),
        base=bench.config if facts else None,
        machine=_with_available(bench.machine, config, available),
        live=bench.attached,
        in_pieces=bool(said.get("in_pieces")),
    )
    return _advised(error, asked, "{}")


def _killed(bench: Bench, error: WorkerDied, arguments: Iterable[Any]) -> Exception:
    """Nothing is resident any more: all that is free now is for the work."""
    machine = machines.with_free_memory(bench.machine)
    asked = Asked(bench.facts, bench.facts, bench.config, _given(arguments), bench.config, machine, bench.attached)
    return _advised(error, asked, text("worker.if_memory", advice="{}"))


def _never_opened(bench: Bench, error: WorkerDied, arguments: Iterable[Any], killed: bool) -> Exception:
    """There is no configuration to come back to."""
    told = WorkerDied("worker.died_opening", **{**error.params, "advice": text("worker.open_again")})
    told.detail = error.detail
    what, config = describable(bench.source), next((each for each in arguments if isinstance(each, Config)), None)
    if not killed or what is None or config is None:
        return told
    machine = machines.with_free_memory(bench.machine)
    asked = Asked(what=what, facts=None, config=config, workload=None, base=None, machine=machine)
    return _advised(told, asked, text("worker.if_memory", advice="{}"))


def _advised(error: OutOfMemory | WorkerDied, asked: Asked, frame: str) -> Exception:
    try:
        advice = " ".join(map(str, fitting(asked)))
    except ModelError:  # the size of such a model is not known: no advice is better than a wrong one
        return error
    if not advice:
        return error
    told = type(error)(error.code, **{**error.params, "advice": frame.format(advice)})
    told.detail = error.detail
    return told


def _given(arguments: Iterable[Any]) -> Workload | None:
    """Where it was refused before a call of the model told its sizes."""
    return next((each for each in arguments if isinstance(each, Workload)), None)


def _work(said: Mapping[str, Any]) -> Workload | None:
    if any(name not in said for name in _WORK):
        return None
    rows, prompt, new = (said[name] for name in _WORK)
    return Workload(prompt_tokens=prompt, new_tokens=max(new, 2), batch_size=rows)


def _with_available(machine: Machine, config: Config, available: int) -> Machine:
    """The machine with so much memory on the device of `config`, as the process that was refused found it."""
    key = device_key(config.device, machine)
    gpus = tuple(
        gpu.model_copy(update={"free_bytes": available}) if device_key(f"cuda:{index}", machine) == key else gpu
        for index, gpu in enumerate(machine.gpus)
    )
    cpu = machine.cpu if key != "cpu" else machine.cpu.model_copy(update={"available_bytes": available})
    return machine.model_copy(update={"gpus": gpus, "cpu": cpu})
