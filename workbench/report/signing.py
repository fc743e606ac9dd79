"""What a lead signs: the model to the byte, its configuration, numbers against targets, evidence, the way back."""

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.charts.runs import config_words, same_config, workload_words
from workbench.config import Config
from workbench.constraints import Limit, limits, shown
from workbench.report.content import Ground
from workbench.report.section import Section
from workbench.results import Measurement, QualityDiff, versions
from workbench.words import text
from workbench.words.format import interval

CONFIG = "config.json"
_TOKENIZER = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "vocab.json")
_MODEL = ("config.json", "generation_config.json", "*.safetensors", "*.gguf")


def signed(
    ground: Ground, folder: Path | None, targets: Mapping[str, str] | None = None, roll_back: Config | None = None
) -> list[Section]:
    """folder: where the model's files lie; None: random or attached. targets: {"decode_tps": ">=30"}; roll_back: what
    to go back to, by default what transformers does by itself. ConfigError for a target that is none.
    """
    kept = limits(targets)
    measurement, number = _measured(ground)
    judged, judged_number = _judged(ground)
    back = roll_back or Config()
    conditions = [
        (text("report.sign.config"), config_words(ground.config)),
        (text("report.sign.versions"), ", ".join(f"{name} {version}" for name, version in versions().items())),
        (text("report.sign.machine"), ground.machine.label),
        (text("report.sign.work"), workload_words(measurement.workload) if measurement else text("report.sign.none")),
        (text("report.sign.evidence"), _evidence(number, judged_number)),
        (text("report.sign.back"), config_words(back)),
        (text("report.sign.guard"), f"workbench check {CONFIG} --model {shlex.quote(ground.model)}"),
        (text("report.sign.signature"), ""),
    ]
    return [
        Section(text("report.sign.title"), (text("report.sign.note"),), ("", ""), tuple(conditions)),
        _targets(kept, measurement, judged),
        _files(folder),
    ]


def way_back(roll_back: Config | None) -> Section:
    """As a file to go back to."""
    return Section(text("report.sign.back_title"), code=_set(roll_back or Config()))


def _measured(ground: Ground) -> tuple[Measurement | None, int | None]:
    """The newest measurement of the configuration in force."""
    for run in reversed(ground.measured()):
        if same_config(run.config, ground.config):
            return run.measurement, run.id
    return None, None


def _judged(ground: Ground) -> tuple[QualityDiff | None, int | None]:
    for record in ground.records("quality", 100):
        try:
            found = QualityDiff.from_dict(record["result"])
        except (ValueError, KeyError, TypeError):
            continue
        if same_config(found.candidate, ground.config):
            return found, record["id"]
    return None, None


def _evidence(*numbers: int | None) -> str:
    found = [f"#{number}" for number in numbers if number is not None]
    return text("report.sign.runs", runs=", ".join(found)) if found else text("report.sign.none")


def _targets(kept: Sequence[Limit], measurement: Measurement | None, judged: QualityDiff | None) -> Section:
    if not kept:
        return Section(text("report.sign.targets"), (text("report.sign.no_targets"),))
    rows = []
    for limit in kept:
        source: Any = judged if limit.of_quality else measurement
        value = getattr(source, limit.metric, None) if source is not None else None
        bounds = _bounds(limit, measurement, judged)
        rows.append((str(limit), shown(limit.metric, value), interval(bounds), _met(limit, value, bounds)))
    heading = tuple(text(f"report.sign.{name}") for name in ("target", "seen", "interval", "met"))
    doubts = measurement.flags if measurement is not None else ()
    return Section(text("report.sign.targets"), tuple(map(str, doubts)), heading, tuple(rows))


def _bounds(limit: Limit, measurement: Measurement | None, judged: QualityDiff | None) -> tuple[float, float] | None:
    if limit.of_quality:
        found: tuple[float, float] | None = getattr(judged, f"{limit.metric}_ci95", None)
        return found
    return measurement.ci95.get(limit.metric) if measurement is not None else None


def _met(limit: Limit, value: float | None, bounds: tuple[float, float] | None) -> str:
    """Met only where all of the interval keeps the limit."""
    if value is None:
        return text("report.sign.not_measured")
    ends = [limit.keeps(end) for end in (bounds or (value, value))]
    if all(ends):
        return text("report.sign.is_met")
    return text("report.sign.unclear") if any(ends) or limit.keeps(value) else text("report.sign.is_not_met")


def _files(folder: Path | None) -> Section:
    rows = tuple(_hashes(folder)) if folder is not None else ()
    lines = () if rows else (text("report.sign.no_files"),)
    return Section(text("report.sign.files"), lines, (text("report.sign.file"), "sha256"), rows)


def _hashes(folder: Path) -> Iterator[tuple[str, str]]:
    """Of the model's and the tokenizer's files; a GGUF file stands for itself."""
    found = [folder] if folder.is_file() else [path for name in (*_MODEL, *_TOKENIZER) for path in folder.glob(name)]
    for path in sorted(dict.fromkeys(found)):
        with path.open("rb") as file:
            yield path.name, hashlib.file_digest(file, "sha256").hexdigest()


def _set(config: Config) -> str:
    return json.dumps(json.loads(config.to_json()), indent=1)
