"""What people read, and what of it a language's catalog lacks: `python -m tools.translations [zh]`.

A catalog is a folder of `workbench/locale/`: one JSON file a room, English sentence -> translation. --write puts the
sentences that lack into their files with an empty translation, and takes out those that nothing says any more.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from workbench.knobs import KNOBS
from workbench.machine.packages import PACKAGES
from workbench.metrics import METRICS
from workbench.presets import PRESETS
from workbench.results import Verdict
from workbench.tips import TIPS
from workbench.tips.probes import PROBES
from workbench.tips.shown import QUALITY
from workbench.tips.sources import GUIDES, SOURCES
from workbench.words import LOCALE, ROOMS


def sentences() -> dict[str, list[str]]:
    """Room -> its English sentences, each once and in the first room that says it."""
    found: dict[str, list[str]] = {}
    seen: set[str] = set()

    def take(room: str, said: Iterable[str]) -> None:
        new = [sentence for sentence in dict.fromkeys(said) if sentence and sentence not in seen]
        seen.update(new)
        if new:
            found.setdefault(room, []).extend(new)

    for room in ROOMS:
        for template in import_module(f"workbench.words.{room}").TEMPLATES.values():
            take(room, [template] if isinstance(template, str) else template)
    for knob in KNOBS.values():
        take("knobs", (knob.label, knob.help))
    for metric in METRICS.values():
        take("metrics", (metric.label, metric.definition))
    for tip in TIPS.values():
        reason = getattr(tip.experiment, "reason", "")
        take("tips_entries", (tip.statement, tip.expected.reason, tip.instead, reason))
    take("tips_sources", (*GUIDES.values(), *SOURCES.values()))
    for probe in PROBES.values():
        take("tips_probes", (probe.does, *probe.answers.values()))
    take("tips_probes", QUALITY.values())
    take("verdicts", [verdict.value for verdict in Verdict])
    take("presets", [preset.label for preset in PRESETS.values()])
    take("packages", [package.purpose for package in PACKAGES])
    return found


def catalog(language: str) -> dict[str, dict[str, str]]:
    """Room -> English sentence -> translation."""
    files = sorted((LOCALE / language).glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def lacking(language: str) -> list[str]:
    """Sentences without a translation."""
    known = {sentence for room in catalog(language).values() for sentence, said in room.items() if said}
    return [sentence for said in sentences().values() for sentence in said if sentence not in known]


def left_over(language: str) -> list[str]:
    """Sentences of the catalog that nothing says."""
    said = {sentence for room in sentences().values() for sentence in room}
    return [sentence for room in catalog(language).values() for sentence in room if sentence not in said]


def write(language: str) -> None:
    """The catalog in the order of the rooms, with what lacks and without what is left over."""
    known = {sentence: said for room in catalog(language).values() for sentence, said in room.items()}
    folder = Path(LOCALE / language)
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.json"):
        file.unlink()
    for room, said in sentences().items():
        made = {sentence: known.get(sentence, "") for sentence in said}
        (folder / f"{room}.json").write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("language", nargs="?", default="zh")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    if arguments.write:
        write(arguments.language)
    without, over = lacking(arguments.language), left_over(arguments.language)
    for sentence in without:
        print(f"lacks: {sentence}")
    for sentence in over:
        print(f"left over: {sentence}")
    return 1 if without or over else 0


if __name__ == "__main__":
    sys.exit(main())
