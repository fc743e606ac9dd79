"""Tips as people read them: the row of a list, the card of one, and the record for programs.

An expectation is always called one: nothing here is a result.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from workbench.metrics import METRICS
from workbench.results import Capability
from workbench.tips.experiments import QUALITY, Experiment, Limit, Pair, Probe, Script
from workbench.tips.probes import PROBES
from workbench.tips.sources import GUIDES, SOURCES
from workbench.tips.tip import Tip
from workbench.words import text, translate
from workbench.words.format import knob_value


def row(tip: Tip, can: Capability) -> tuple[str, str, str, str]:
    """Id, statement, expected verdict, and whether it can be tested on this machine."""
    return tip.id, translate(tip.statement), translate(tip.expected.verdict), here(can)


def here(can: Capability) -> str:
    """Yes, yes with what must be there, or what stands in the way."""
    if not can.ok:
        return text("tips.here.no", reason=can.reason)
    return text("tips.here.if", note=can.note) if can.note else text("tips.yes")


def card(tip: Tip, can: Capability) -> list[tuple[str, str]]:
    """(what, words) of everything that is known of one tip, in the order in which it is read."""
    rows = [
        ("statement", translate(tip.statement)),
        ("heard", "; ".join(translate(GUIDES[key]) for key in tip.heard)),
        ("topic", _topic(tip)),
        ("expected", translate(tip.expected.verdict)),
        ("why", translate(tip.expected.reason)),
        *(("rests_on", translate(SOURCES[key])) for key in tip.expected.sources),
        *(("experiment", line) for line in _experiment(tip.experiment)),
        *((("on_model", tip.model),) if tip.model else ()),
        *(("holds_if", _limit(limit, tip.experiment)) for limit in tip.holds_if),
        ("here", here(can)),
        *((("remedy", str(can.remedy)),) if can.remedy else ()),
        *((("takes", text("tips.takes", seconds=tip.takes.seconds)),) if tip.takes.seconds else ()),
        ("instead", translate(tip.instead)),
        *((("apply", values_words(tip.apply)),) if tip.apply else ()),
    ]
    return [(text(f"tips.card.{name}"), words) for name, words in rows]


def record(tip: Tip, can: Capability) -> dict[str, Any]:
    """One tip for programs: JSON, in English, with its kind of experiment and whether it can be tested here."""
    whole = asdict(tip)
    whole["experiment"] = {"kind": type(tip.experiment).__name__.lower(), **whole["experiment"]}
    whole["takes_s"] = tip.takes.seconds
    whole["notebook"] = tip.topic.notebook
    whole["testable_here"] = can.to_dict()
    made: dict[str, Any] = json.loads(json.dumps(whole))
    return made


def _topic(tip: Tip) -> str:
    notebook = tip.topic.notebook
    return text("tips.topic_of", topic=tip.topic, notebook=notebook) if notebook else str(tip.topic)


def _limit(limit: Limit, experiment: Experiment) -> str:
    means = meaning(limit.quantity, experiment)
    return text("tips.meant", limit=limit, meaning=means) if means else str(limit)


def meaning(quantity: str, experiment: Experiment) -> str:
    """What is counted or measured; "" where the code of a script says it."""
    if isinstance(experiment, Probe):
        return translate(PROBES[experiment.name].answers[quantity])
    if not isinstance(experiment, Pair):
        return ""
    if quantity in METRICS:
        return text("tips.ratio", metric=translate(METRICS[quantity].label))
    number = translate(QUALITY[quantity])
    return text("tips.against" if experiment.reference is None else "tips.against_both", number=number)


def _experiment(experiment: Experiment) -> list[str]:
    if isinstance(experiment, Pair):
        sides = [_side(experiment.a, experiment.a_work), _side(experiment.b, experiment.b_work)]
        lines = [text("tips.pair", a=sides[0], b=sides[1])]
        lines += [text("tips.work", work=values_words(work)) for work in experiment.works if work]
        if experiment.reference is not None:
            lines.append(text("tips.reference", config=values_words(experiment.reference)))
        return lines
    if isinstance(experiment, Probe):
        does = translate(PROBES[experiment.name].does)
        asked = [text("tips.probe", name=experiment.name, does=does)]
        return [
            *asked,
            *(values_words({**experiment.params, **cell}) for cell in experiment.cells if experiment.params or cell),
        ]
    if isinstance(experiment, Script):
        both = (experiment.a,) if experiment.b is None else (experiment.a, experiment.b)
        lines = []
        for process in both:
            environment = " ".join(f"{name}={value}" for name, value in process.environment.items())
            lines += [text("tips.script", environment=environment or text("tips.no_environment"))]
            lines += [f"    {line}" for line in process.code.splitlines()]
        return lines
    return [text("tips.none", reason=translate(experiment.reason))]


def _side(knobs: Mapping[str, Any], work: Mapping[str, Any]) -> str:
    return values_words({**knobs, **work}) or text("tips.defaults")


def values_words(values: Mapping[str, Any]) -> str:
    """Knobs, parameters or fields of a workload in one line; "" for none."""
    return ", ".join(f"{name}={_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"({values_words(value)})"
    if isinstance(value, tuple):
        return "[" + ", ".join(_value(part) for part in value) + "]"
    return knob_value(value)
