"""What a decision rests on: quality, speed and memory of each configuration, joined from the store. No torch.

Only what can be compared is joined: quality against one reference over one text (those of the newest record), speed at
one workload on this machine, the latest record of each configuration.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from workbench.config import Config
from workbench.errors import ConfigError
from workbench.knobs import KNOBS
from workbench.knobs.formats import FORMATS, PLAIN
from workbench.results import Comparison, Interval, Measurement, ModelFacts, QualityDiff, Workload
from workbench.runs import Runs
from workbench.verdicts import NEARLY_LOSSLESS, larger_loss, no_difference
from workbench.words import Message, say, text
from workbench.words.format import knob_value

MOST_RECORDS = 200
SMALL = 1_000_000_000  # parameters: below, quantisation costs far more than on the models that tables are made of
_SPEAKING = ("attention", "dtype", "device", "quantization")  # their values say by themselves what they are


@dataclass(frozen=True)
class Candidate:
    """One configuration: what it costs in answers, and what it gives. None: not measured.

    label        what tells it apart from the others shown
    format       what the weights were read back to be: a name of FORMATS, or "none"
    kld          mean, nats, with its 95 % interval: of the text or of the decode path, whichever is larger; 0 for the
                 reference, by definition
    along        whether that, and same_top, is of the decode path
    same         no difference seen: it could be the reference against itself
    decode_tps   tokens/s with its 95 % interval
    verdict      what it did to the answers, in words
    speed        its decode against the same weights unquantised, by pairs
    """

    label: str
    config: Config
    format: str
    kld: float
    kld_ci95: Interval | None
    same_top: float
    weight_bytes: int
    decode_tps: float | None = None
    decode_ci95: Interval | None = None
    reference: bool = False
    along: bool = False
    same: bool = False
    verdict: Message | None = None
    speed: Message | None = None

    @property
    def bits(self) -> int | None:
        """Of a quantised weight; None: not quantised."""
        return FORMATS[self.format].bits if self.format in FORMATS else None


@dataclass(frozen=True)
class Decision:
    """Candidates from best to worst by KLD, the reference first; remarks name neighbours that are not told apart.

    floor     mean KLD in nats that the reference against itself, computed another way, may show
    suite     the text; `workload`: of the speeds; None: no speed is known
    small     whether the model is so small that it says little about 4 bits on a large one
    """

    model: str
    candidates: tuple[Candidate, ...] = ()
    floor: float | None = None
    suite: str = ""
    workload: Workload | None = None
    small: bool = False
    remarks: tuple[Message, ...] = ()

    @property
    def reference(self) -> Candidate | None:
        return next((each for each in self.candidates if each.reference), None)


def decision_of(runs: Runs, facts: ModelFacts, machine: str) -> Decision:
    """What the store holds of this model on this machine. StoreError when it cannot be read."""
    kinds = ("quality", "measurement", "comparison")
    here = {kind: runs.filter(kind=kind, model=facts.name, machine=machine, limit=MOST_RECORDS) for kind in kinds}
    return decision_from(here["quality"], here["measurement"], facts, here["comparison"])


def decision_from(
    quality: Sequence[Mapping[str, Any]],
    measurements: Sequence[Mapping[str, Any]],
    facts: ModelFacts,
    comparisons: Sequence[Mapping[str, Any]] = (),
) -> Decision:
    """The same from records, newest first (as the store lists them)."""
    judged, unreadable = _read(quality, QualityDiff)
    timed, unreadable_too = _read(measurements, Measurement)
    paired, unreadable_pairs = _read(comparisons, Comparison)
    unreadable += unreadable_too + unreadable_pairs
    remarks = [say("decision.unreadable", count=unreadable)] if unreadable else []
    if not judged:
        return Decision(model=facts.name, small=_small(facts), remarks=tuple(remarks))
    newest = judged[0].result
    alike = [each for each in judged if _basis(each.result) == _basis(newest)]
    if len(alike) < len(judged):
        remarks.append(say("decision.other_reference", count=len({each.config for each in judged} - _configs(alike))))
    latest = _latest(alike)
    reference = Config(**newest.reference)
    wanted = {*latest, reference}
    workload = _workload(timed, wanted)
    speeds = _latest([each for each in timed if each.result.workload == workload])
    found = [_reference(newest, reference, speeds.get(reference))]
    found += [
        replace(_candidate(each, speeds.get(config)), speed=_against_full(config, paired))
        for config, each in latest.items()
        if config != reference
    ]
    found = [found[0], *sorted(found[1:], key=lambda each: each.kld)]
    found = [replace(each, label=label) for each, label in zip(found, labels(found), strict=True)]
    lost = [each for each in found if not each.reference and _lost_path(latest[each.config].result)]
    if lost:
        remarks.append(say("decision.bad_path", labels=", ".join(each.label for each in lost)))
        found = [each for each in found if each not in lost]
    if neighbours := _alike(found[1:]):
        remarks.append(say("decision.alike", pairs="; ".join(neighbours)))
    unknown = [each.label for each in found if each.decode_tps is None and not each.reference]
    if unknown and workload is not None:
        remarks.append(say("decision.slow", labels=", ".join(unknown)))
    return Decision(
        model=facts.name,
        candidates=tuple(found),
        floor=newest.noise_floor.reach,
        suite=newest.suite,
        workload=workload,
        small=_small(facts),
        remarks=tuple(remarks),
    )


def labels(candidates: Sequence[Candidate]) -> list[str]:
    """The format or the dtype; where several share it, with what differs among those and is no default."""
    short = [_short(each) for each in candidates]
    named = []
    for each, word in zip(candidates, short, strict=True):
        twins = [other for other, same in zip(candidates, short, strict=True) if same == word]
        differing = {name: None for twin in twins for name in each.config.diff(twin.config)}
        further = [
            _knob_words(name, each.config[name]) for name in differing if each.config[name] != KNOBS[name].default
        ]
        named.append(", ".join([word, *(words for words in further if words != word)]))
    return [
        text("chart.decision.reference_label", config=name) if each.reference else name
        for each, name in zip(candidates, named, strict=True)
    ]


def _alike(ranked: Sequence[Candidate]) -> list[str]:
    """Neighbours that are not told apart: both nearly lossless, or their intervals meet."""
    return [
        text("decision.pair", a=a.label, b=b.label)
        for a, b in pairwise(ranked)
        if b.kld <= NEARLY_LOSSLESS or (a.kld_ci95 and b.kld_ci95 and b.kld_ci95[0] <= a.kld_ci95[1])
    ]


def _lost_path(found: QualityDiff) -> bool:
    """Along the decode path there is no number at all: by its text alone it would rank too well."""
    return any(flag.code == "quality.bad_path" for flag in found.flags)


@dataclass(frozen=True)
class _Record:
    config: Config
    resolved: Mapping[str, Any]
    result: Any


def _read(documents: Iterable[Mapping[str, Any]], kind: type[Any]) -> tuple[list[_Record], int]:
    """Those that this version reads, and how many it does not."""
    records, unreadable = [], 0
    for document in documents:
        try:
            config, result = Config(**document["config"]), kind.from_dict(document["result"])
        except (ConfigError, ValueError, KeyError, TypeError):  # written by another version: counted, and said
            unreadable += 1
            continue
        records.append(_Record(config, document.get("resolved") or {}, result))
    return records, unreadable


def _basis(found: QualityDiff) -> tuple[Config, str]:
    """What two results must share to be comparable: reference and text."""
    return Config(**found.reference), found.suite_hash


def _configs(records: Iterable[_Record]) -> set[Config]:
    return {each.config for each in records}


def _latest(records: Iterable[_Record]) -> dict[Config, _Record]:
    """Newest first in, the newest of each configuration out."""
    latest: dict[Config, _Record] = {}
    for each in records:
        latest.setdefault(each.config, each)
    return latest


def _workload(timed: Sequence[_Record], wanted: set[Config]) -> Workload | None:
    """The one at which most of the wanted configurations were measured; of equals the newest."""
    seen: dict[Config, list[Workload]] = {}
    for each in timed:
        if each.config in wanted and each.result.workload not in seen.setdefault(each.config, []):
            seen[each.config].append(each.result.workload)
    count = Counter(_key(workload) for workloads in seen.values() for workload in workloads)
    best = max(count.values(), default=0)
    return next(
        (each.result.workload for each in timed if each.config in wanted and count[_key(each.result.workload)] == best),
        None,
    )


def _key(workload: Workload) -> str:
    return workload.to_json(indent=None)


def _candidate(record: _Record, speed: _Record | None) -> Candidate:
    found: QualityDiff = record.result
    loss, along = larger_loss(found)
    asked = str(record.config["quantization"])
    return Candidate(
        label=str(record.resolved.get("dtype") or record.config["dtype"]),
        config=record.config,
        format=str(record.resolved.get("quantization") or asked),
        kld=loss.kld.mean,
        kld_ci95=loss.kld.mean_ci95,
        same_top=loss.same_top,
        weight_bytes=found.weight_bytes,
        along=along,
        same=no_difference(found),
        verdict=found.verdict,
        **_speed(speed),
    )


def _reference(found: QualityDiff, config: Config, speed: _Record | None) -> Candidate:
    return Candidate(
        label=str(config["dtype"]),
        config=config,
        format="none" if config["quantization"] in ("auto", "none") else str(config["quantization"]),
        kld=0.0,
        kld_ci95=None,
        same_top=1.0,
        weight_bytes=found.reference_bytes,
        reference=True,
        **_speed(speed),
    )


def _speed(record: _Record | None) -> dict[str, Any]:
    if record is None:
        return {}
    return {"decode_tps": record.result.decode_tps, "decode_ci95": record.result.ci95.get("decode_tps")}


def _against_full(config: Config, paired: Iterable[_Record]) -> Message | None:
    """The newest verdict on `config`'s decode against an unquantised configuration; an estimate is none."""
    for each in paired:
        found: Comparison = each.result
        sides = ((found.a, found.resolved_b), (found.b, found.resolved_a))
        against = [other for side, other in sides if Config(**side) == config]
        if against and not found.quick and against[0].quantization in PLAIN:
            return found.verdict.get("decode_tps")
    return None


def _short(candidate: Candidate) -> str:
    return candidate.format if candidate.bits is not None else candidate.label


def _knob_words(name: str, value: Any) -> str:
    return knob_value(value) if name in _SPEAKING else f"{name} {knob_value(value)}"


def _small(facts: ModelFacts) -> bool:
    return facts.parameters < SMALL and not facts.random_weights
