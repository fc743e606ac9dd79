"""Speculation: several tokens are drafted cheaply and checked by the model in one pass; what it confirms is kept."""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.conditions import refuse
from workbench.knobs.kinds import Choice, Number
from workbench.knobs.knob import OK, Group, Knob
from workbench.results import Capability, Machine, ModelFacts
from workbench.words import say

MODES = ("prompt_lookup", "assistant", "early_exit")
NO_ASSISTANT = "none"


def _speculating(values: Mapping[str, Any]) -> bool:
    return bool(values["speculation"] != "off")


def _by_assistant(values: Mapping[str, Any]) -> bool:
    return bool(values["speculation"] == "assistant")


def _exiting(values: Mapping[str, Any]) -> bool:
    return bool(values["speculation"] == "early_exit")


def _conflict(values: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    if not _speculating(values):
        return None
    if values["compile"] != "off":
        return "config.speculation_beside", {"knob": "compile", "value": values["compile"], "needed": "off"}
    if values["cache"] != "dynamic":
        return "config.speculation_beside", {"knob": "cache", "value": values["cache"], "needed": "dynamic"}
    for knob in ("stop_strings", "stop_at_sentence"):
        if values[knob] not in ((), "off"):
            return "config.speculation_stops", {"knob": knob, "value": values[knob]}
    if _by_assistant(values) and values["assistant_model"] == NO_ASSISTANT:
        return "config.no_assistant", {}
    return None


def _capability(value: Any, _machine: Machine, model: ModelFacts | None, _values: Mapping[str, Any]) -> Capability:
    """transformers asks for a cache that can be cut back: models that keep a state have none."""
    if value == "off" or model is None or model.supports_static_cache:
        return OK
    return refuse(say("capability.stateful", architecture=model.architecture), say("capability.speculation_off"))


def _exit_capability(value: Any, _machine: Machine, model: ModelFacts | None, values: Mapping[str, Any]) -> Capability:
    if model is None or value < model.layers or not _exiting(values):
        return OK
    return refuse(
        say("capability.no_early_exit", layers=model.layers, asked=value),
        say("capability.exit_before", last=model.layers - 1),
    )


def _offered(_machine: Machine) -> tuple[str, ...]:
    return ("demo",)


KNOBS = (
    Knob(
        name="speculation",
        label="Speculation",
        help="Who drafts tokens that the model checks in one pass. prompt_lookup: the text so far, where it repeats "
        "itself. assistant: a smaller model. early_exit: the model's own first layers. Greedy answers stay the same.",
        group=Group.DECODING,
        kind=Choice(("off", *MODES)),
        default="off",
        conflict=_conflict,
        capability=_capability,
    ),
    Knob(
        name="speculation_tokens",
        label="Drafts a step",
        help="Tokens that are drafted before each check. More pay where most are kept.",
        group=Group.DECODING,
        kind=Number(1, 64, 1, integer=True),
        default=5,
        unit="tokens",
        when=_speculating,
    ),
    Knob(
        name="assistant_model",
        label="Assistant",
        help="The model that drafts for speculation=assistant, by a name like the session's; loaded beside the model "
        "when it is first needed. It must be on this machine.",
        group=Group.DECODING,
        kind=Choice((NO_ASSISTANT,), pattern=r"\S.*"),
        default=NO_ASSISTANT,
        offered=_offered,
    ),
    Knob(
        name="assistant_early_exit",
        label="Exit after layer",
        help="Layers that draft for speculation=early_exit. Only models trained for it (LayerSkip) draft well.",
        group=Group.DECODING,
        kind=Number(1, 200, 1, integer=True),
        default=4,
        unit="layers",
        when=_exiting,
        capability=_exit_capability,
    ),
)
