"""The reference that candidates are judged by: which it is, whether it is on disk, and how it is made where it is not.

It is made once: in a second engine where memory is known to hold one, else by unloading this model and bringing it
back. What is in force before is in force again afterwards, whatever happens.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from workbench import forecast as forecasts
from workbench import machine as machines
from workbench.bench import Bench
from workbench.checks import refuse_impossible
from workbench.config import Config
from workbench.costs import Facts, decide, second_engine
from workbench.errors import CapabilityError, ConfigError
from workbench.hosts.process import ProcessHost
from workbench.knobs import KNOBS, Cost
from workbench.probes.context import Context
from workbench.results import QualityCost, Reference, Way, Workload, versions
from workbench.runs import references as stored
from workbench.suites import Suite
from workbench.ways import put, restored
from workbench.ways import second_engine as beside
from workbench.words import Message, say
from workbench.words.format import seconds, size

_VERSIONS = ("torch", "transformers")


@dataclass(frozen=True)
class Wanted:
    """A reference that candidates can be judged by: its configuration, and what lies on disk of it.

    problem  what is wrong with one that lies there
    """

    config: Config
    key: str
    have: Reference | None
    problem: Message | None


def wanted(bench: Bench, suite: Suite, given: Config | None = None) -> Wanted:
    """What was given, else the same weights in the highest precision that is on disk or fits, everything else plain.

    A model that was attached keeps what only a load could change.
    ConfigError or CapabilityError when what was given cannot be.
    """
    if given is not None:
        return _looked_up(bench, suite, _checked(bench, given))
    now = bench.config
    if bench.attached:
        kept = {name: now[name] for name, knob in KNOBS.items() if knob.cost is not Cost.LIVE}
        return _looked_up(bench, suite, Config(**{**kept, "attention": "eager", "threads": now["threads"]}))
    here = {"device": now["device"], "threads": now["threads"]}
    config = Config(attention="eager", dtype="float32", quantization="none", **here)
    try:
        refuse_impossible(config, bench.machine, bench.facts)
    except CapabilityError:  # weights that cannot be had in full
        config = config.replace(quantization="auto", dtype="auto")
    found = _looked_up(bench, suite, config)
    if found.have is not None or _fits(bench, config, suite):
        return found
    return _looked_up(bench, suite, config.replace(dtype="auto"))


def _looked_up(bench: Bench, suite: Suite, config: Config) -> Wanted:
    key = key_of(bench, suite, config)
    return Wanted(config, key, *stored.find(key))


def _checked(bench: Bench, given: Config) -> Config:
    if not isinstance(given, Config):
        raise ConfigError("quality.bad_reference", given=repr(given)[:80])
    refuse_impossible(given, bench.machine, bench.facts)
    if bench.attached and bench.config.cost_to(given) is not Cost.LIVE:
        raise CapabilityError("quality.attached_reference", knobs=", ".join(bench.config.diff(given)))
    return given


def key_of(bench: Bench, suite: Suite, config: Config) -> str:
    """Of the weights, the text, the configuration, the versions and the kind of device."""
    known = versions()
    knobs = {name: value for name, value in config.to_dict().items() if name not in ("device", "threads")}
    device = bench.resolved.device.partition(":")[0]
    return stored.key_of([_weights(bench), suite.hash, knobs, [known.get(name) for name in _VERSIONS], device])


def cost_of(bench: Bench, suite: Suite, what: Wanted) -> QualityCost:
    """What having it takes now; loads nothing."""
    config, have = what.config, what.have
    positions = (
        sum(passage.tokens - passage.skip for passage in suite.passages) + len(suite.prompts) * suite.answer_tokens
    )
    disk = stored.file_bytes(positions, bench.facts.vocab_size)
    each = bench.load_seconds
    if have is not None:
        told = say("quality_cost.stored", size=size(have.bytes))
        return _cost("stored", config, 0, each, 0, have.bytes, told)
    engine_bytes, free_bytes = second_engine(bench, config, _work(suite))
    live = bench.config.cost_to(_in_words_of(bench, config)) is Cost.LIVE
    way = decide(Facts(live, (True, live), isinstance(bench.host, ProcessHost), engine_bytes, free_bytes))
    if way == "live":
        return _cost(way, config, 0, each, 0, disk, say("quality_cost.live", size=size(disk)))
    if way == "two_engines":
        told = say("quality_cost.two_engines", memory=size(engine_bytes), each=seconds(each), size=size(disk))
        return _cost(way, config, 1, each, engine_bytes, disk, told)
    told = say("quality_cost.alternating", loads=2, each=seconds(each), size=size(disk))
    return _cost(way, config, 2, each, 0, disk, told)


def make(bench: Bench, job: int, suite: Suite, what: Wanted, way: Way, context: Context) -> Reference:
    """Makes it by `way` and keeps it. DeviceBusy, OutOfMemory, ModelError, Stopped as for any load."""
    config = what.config
    parameters = {
        "probe": "quality.reference",
        "suite": suite.to_dict(),
        "name": stored.logits_name(what.key),
        "config": config.to_dict(),
    }
    if way == "two_engines":
        with beside(bench, config, context) as host:
            data = host.call("probe", parameters, context.emit)
            context.check()
    else:
        with restored(bench, job):
            put(bench, job, _in_words_of(bench, config))
            data = bench.call(job, "probe", parameters)
    reference = Reference.from_dict(data["result"])
    stored.keep(what.key, reference)
    return reference


def notes_of(bench: Bench, what: Wanted) -> tuple[Message, ...]:
    """What must be said of a reference that is not the weights in full, or that had to be made again."""
    notes: tuple[Message, ...] = ()
    if bench.attached:
        notes = (say("quality.reference_attached"),)
    elif what.config["dtype"] == "auto" and what.config["quantization"] == "none":
        notes = (say("quality.reference_lower", dtype=bench.facts.checkpoint_dtype or "?"),)
    if what.problem is not None:
        notes = (*notes, say("quality.reference_remade", problem=str(what.problem)))
    return notes


def _cost(
    reference: Any, config: Config, loads: int, each: float | None, memory: int, disk: int, told: Message
) -> QualityCost:
    return QualityCost(
        reference=reference,
        config=config.to_dict(),
        loads=loads,
        load_seconds=each,
        bytes=memory,
        disk_bytes=disk,
        text=told,
    )


def _fits(bench: Bench, config: Config, suite: Suite) -> bool:
    """Once the resident model has made room; True where that is not known."""
    machine = machines.with_free_memory(bench.machine)
    resident = bench.resolved.weight_bytes
    return forecasts.forecast(bench.facts, config, _work(suite), machine, resident_bytes=resident).fits is not False


def _work(suite: Suite) -> Workload:
    longest = max((passage.tokens for passage in suite.passages), default=1)
    return Workload(prompt_tokens=longest, new_tokens=suite.answer_tokens)


def _in_words_of(bench: Bench, config: Config) -> Config:
    """`config`, saying "auto" where the resident model does and is that: then nothing needs to be loaded."""
    same = {}
    for knob, ran in (("dtype", bench.resolved.dtype), ("quantization", bench.resolved.quantization)):
        if bench.config[knob] == "auto" and config[knob] == ran:
            same[knob] = "auto"
    return config.replace(**same)


def _weights(bench: Bench) -> Any:
    """What tells these weights from others: a name that means one thing, or each file's size and time."""
    if bench.attached:  # whatever this process holds, until it ends
        return ["attached", bench.facts.name, os.getpid(), psutil.Process().create_time(), id(bench)]
    source = bench.opening(bench.config)["source"]
    if source["path"] is None:
        return ["named", source["name"]]
    files = sorted(file for file in Path(source["path"]).iterdir() if file.is_file())
    return ["files", source, [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in files]]
