"""The tips registry: what people say about tuning DeepSeek, as data, in the order of the topics.

A new tip is an entry in the file of its topic, a probe where no experiment fits yet, and its test.
"""

from workbench.catalog.data import nearest
from workbench.errors import ConfigError
from workbench.results import Verdict
from workbench.tips.entries import (
    attention,
    compiling,
    engines,
    environment,
    generation,
    hearsay,
    memory,
    model,
    quantization,
    quantization_gains,
    recipes,
    serving,
    threads,
    tokens,
)
from workbench.tips.experiments import Experiment, Fresh, Limit, Pair, Probe, Script, Untestable
from workbench.tips.needs import can_test
from workbench.tips.tip import Expected, Needs, Takes, Tip, Topic

TIPS: dict[str, Tip] = {
    each.id: each
    for group in (
        *(environment, model, threads, attention, compiling, recipes, quantization, quantization_gains),
        *(memory, tokens, generation, serving, engines, hearsay),
    )
    for each in group.TIPS
}


def tip(id: str) -> Tip:  # noqa: A002  (the word of the command line and of the documents)
    """The tip of that id, in upper or lower case. ConfigError names the nearest one."""
    found = TIPS.get(id.upper())
    if found is None:
        raise ConfigError("tips.unknown", id=id, nearest=_nearest(id))
    return found


def of_topic(topic: str) -> tuple[Tip, ...]:
    """The tips of one topic. ConfigError for a topic that is none."""
    if topic not in list(Topic):
        raise ConfigError("tips.unknown_topic", topic=topic, nearest=nearest(topic, Topic), known=", ".join(Topic))
    return tuple(each for each in TIPS.values() if each.topic == topic)


def _nearest(word: str) -> str:
    """By the id as it was meant: S014, s0_14 and S0.14 are S0-14. One that begins alike is nearer than any other."""
    meant = "".join(filter(str.isalnum, word)).lower()
    plain = {"".join(filter(str.isalnum, known)).lower(): known for known in TIPS}
    alike = [known for known in plain if known[:1] == meant[:1]]
    return plain.get(nearest(meant, alike or plain), "-")


__all__ = [
    "TIPS",
    "Expected",
    "Experiment",
    "Fresh",
    "Limit",
    "Needs",
    "Pair",
    "Probe",
    "Script",
    "Takes",
    "Tip",
    "Topic",
    "Untestable",
    "Verdict",
    "can_test",
    "of_topic",
    "tip",
]
