"""Configurations to start from: what transformers does by itself, what guides say, and what was measured best here."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.config import Config
from workbench.decisions import Candidate, decision_of
from workbench.errors import ConfigError
from workbench.knobs import KNOBS
from workbench.results import Machine, Measurement, ModelFacts, Workload
from workbench.runs import Runs
from workbench.runs.comparing import disturbed, same_work
from workbench.words import Message, say
from workbench.words.format import knob_value, measured, number, size

MOST_RECORDS = 500
PASSES = 0.05  # nats of mean KLD: most readers would not notice
# what most guides to DeepSeek in transformers say together (S0, S1 and S4 of the tips)
_GUIDES: dict[str, Any] = {
    "attention": "flash_attention_2",
    "dtype": "bfloat16",
    "quantization": "bnb-int8",
    "pad_token": "eos",
    "padding_side": "left",
}
_WHERE = (
    "device",
    "threads",
    "waiting",
    "pinning",
    "device_map",
    "max_memory",
    "tp_plan",
    "tp_size",
)  # stay as they are


@dataclass(frozen=True)
class Known:
    """What a preset may look at."""

    config: Config
    machine: Machine
    facts: ModelFacts
    runs: Runs
    workload: Workload


@dataclass(frozen=True)
class Offer:
    """config: None where there is none to offer; why: what it rests on, or why there is none."""

    config: Config | None
    why: Message


@dataclass(frozen=True)
class Preset:
    name: str
    label: str
    make: Callable[[Known], Offer]


def _default(known: Known) -> Offer:
    return Offer(Config(**{name: known.config[name] for name in _WHERE}), say("preset.default_why"))


def _guides(known: Known) -> Offer:
    config = _default(known).config
    assert config is not None, "there is always one"
    left = []
    for name, value in _GUIDES.items():
        capability = KNOBS[name].capability(value, known.machine, known.facts, config)
        if capability.ok:
            config = config.replace(**{name: value})
        else:
            left.append(f"{name}={knob_value(value)}: {capability.reason}")
    return Offer(config, say("preset.guides_but", left="; ".join(left)) if left else say("preset.guides_why"))


def _fastest(known: Known) -> Offer:
    found = max(_measured(known), key=lambda pair: pair[1].decode_tps, default=None)
    if found is None:
        return Offer(None, say("preset.not_measured"))
    record, measurement = found
    decode = measured(measurement.decode_tps, measurement.ci95.get("decode_tps"), "tok/s")
    return Offer(Config(**record["config"]), say("preset.fastest_why", run=record["id"], decode=decode))


def _measured(known: Known) -> Iterator[tuple[Mapping[str, Any], Measurement]]:
    """Undisturbed measurements of this model, here, at this work."""
    asked: dict[str, Any] = {"model": known.facts.name, "machine": known.machine.label, "limit": MOST_RECORDS}
    for record in known.runs.filter(kind="measurement", **asked):
        try:
            found = Measurement.from_dict(record["result"])
            Config(**record["config"])
        except (ValueError, KeyError, TypeError, ConfigError):  # of another version
            continue
        if same_work(found.workload, known.workload) and not any(disturbed(found)):
            yield record, found


def _smallest(known: Known) -> Offer:
    judged = decision_of(known.runs, known.facts, known.machine.label).candidates
    passing = [each for each in judged if each.kld <= PASSES or each.reference]
    if not any(not each.reference for each in judged):
        return Offer(None, say("preset.not_judged"))
    best: Candidate = min(passing, key=lambda each: each.weight_bytes)
    said = {"size": size(best.weight_bytes), "kld": number(best.kld), "limit": number(PASSES)}
    return Offer(best.config, say("preset.smallest_why", **said))


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("default", "transformers' default", _default),
        Preset("guides", "the guides' recipe", _guides),
        Preset("fastest", "fastest measured here", _fastest),
        Preset("smallest", "smallest that passes", _smallest),
    )
}
