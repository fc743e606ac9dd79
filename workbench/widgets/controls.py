"""A control for each knob, made from its entry in the registry.

Class names: wb-knob-<knob> is the whole control; those of its inside are in `bodies`.
"""

from collections.abc import Mapping
from typing import Any

from workbench.errors import CapabilityError, ConfigError
from workbench.knobs import Choice, Cost, Knob, Toggle, parse
from workbench.results import Capability
from workbench.widgets.bodies import Change, Situation, body_of, listed, offered
from workbench.widgets.parts import column, markup, set_class, show_if
from workbench.words import text, translate
from workbench.words.format import escape, knob_value

_VALUES = "\0"  # stands for the values in a sentence that several of them share; no text of ours holds it


class Control:
    """Label, body and the sentence that says why something cannot be used."""

    def __init__(self, knob: Knob, situation: Situation, change: Change) -> None:
        self.knob = knob
        self._label = markup()
        self._note = markup("", "wb-note")
        self._body = body_of(knob, situation, change)
        self.box = column([self._label, self._body.box, self._note], "wb-knob", f"wb-knob-{knob.name}")

    def show(self, situation: Situation) -> None:
        """Set the control to `situation`; a person's refused change is undone by this."""
        effective = self.knob.when(situation.values)
        pending = self.knob.name in situation.pending
        unit = f" <span class='wb-unit'>{escape(self.knob.unit)}</span>" if self.knob.unit else ""
        waits = f" <span class='wb-waits'>{escape(text(f'panel.waits.{self.knob.cost}'))}</span>" if pending else ""
        self._label.value = (
            f"<span class='wb-label' title='{escape(translate(self.knob.help), 600)}'>"
            f"{escape(translate(self.knob.label))}</span>{unit}{waits}"
        )
        self._body.show(situation, situation.busy or not effective)
        set_class(self.box, "wb-off", not effective)
        if effective:
            notes = self._remarks(situation)
        else:
            notes = [escape(text("panel.no_effect", values=self._why_no_effect(situation)), 300)]
        self._note.value = "".join(f"<div>{line}</div>" for line in notes)
        show_if(self._note, bool(notes))

    def _remarks(self, situation: Situation) -> list[str]:
        """What cannot be chosen and why, the way out folded behind it; what a usable value costs. As HTML."""
        refused: dict[str, list[str]] = {}
        noted: dict[str, list[str]] = {}
        for value in _choices(self.knob, situation):
            capability = situation.capability(self.knob, value)
            if not capability.ok:
                refused.setdefault(_refusal(capability), []).append(knob_value(value))
            elif capability.note is not None:
                noted.setdefault(escape(capability.note, 300), []).append(knob_value(value))
        return [
            sentence.replace(_VALUES, escape(", ".join(values), 200))
            for sentence, values in [
                *refused.items(),
                *((f"<b>{_VALUES}</b>: {sentence}", values) for sentence, values in noted.items()),
            ]
        ]

    def _why_no_effect(self, situation: Situation) -> str:
        """The values that `when` looked at: found by asking, because `when` is a function."""
        seen = _Seen(situation.values)
        self.knob.when(seen)
        return ", ".join(f"{name}={knob_value(situation.values[name])}" for name in seen.names)


class _Seen(Mapping[str, Any]):
    """A mapping that remembers what was asked of it."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.names: list[str] = []

    def __getitem__(self, name: str) -> Any:
        if name not in self.names:
            self.names.append(name)
        return self._values[name]

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def checked(knob: Knob, value: Any, situation: Situation) -> Any:
    """The knob's value that a person meant. ConfigError: it is no value; CapabilityError: it cannot be here."""
    try:
        value = parse(knob.kind, value) if isinstance(value, str) else knob.kind.check(value)
    except ValueError as error:
        raise ConfigError(
            "config.unknown_value", knob=knob.name, value=repr(value)[:80], allowed=str(error), nearest="-"
        ) from None
    capability = situation.capability(knob, value)
    if not capability.ok:
        raise CapabilityError(
            "config.refused",
            knob=knob.name,
            value=knob_value(value),
            reason=str(capability.reason or ""),
            remedy=str(capability.remedy or ""),
        )
    return value


def waits(knob: Knob) -> bool:
    """Whether a change of this knob waits for Apply."""
    return knob.cost is not Cost.LIVE


def _choices(knob: Knob, situation: Situation) -> list[Any]:
    """The values that can be told apart beforehand: of a list, of a switch; else the one in force. Old names only where
    they are refused."""
    current = situation.values[knob.name]
    if isinstance(knob.kind, Toggle):
        return [True, False]
    if not isinstance(knob.kind, Choice):
        return [current]
    further = [
        value for value in offered(knob, situation) if value == current or not situation.capability(knob, value).ok
    ]
    return [*listed(knob, situation), *further]


def _refusal(capability: Capability) -> str:
    """HTML with a place for the values: the reason, and the remedy behind it when it is unfolded."""
    said = f"<b>{_VALUES}</b>: {escape(str(capability.reason or ''), 400)}"
    if capability.remedy is None:
        return said
    return f"<details><summary>{said}</summary>{escape(str(capability.remedy), 600)}</details>"
