"""A control for each knob, made from its entry in the registry by the kind of its value.

Class names: wb-knob-<knob> is the whole control; wb-knob-<knob>-<value> one button; wb-knob-<knob>-field the number or
text field; wb-knob-<knob>-toggle a check box.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import ipywidgets

from workbench.errors import CapabilityError, ConfigError
from workbench.knobs import Choice, Cost, Knob, Number, Toggle, TokenIds, parse
from workbench.results import Capability, Machine, ModelFacts
from workbench.widgets.parts import Options, classed, column, markup, row, set_class
from workbench.words import text, translate
from workbench.words.format import escape, knob_value

Change = Callable[[str, Any], None]  # (knob, value) -> None


@dataclass(frozen=True)
class Situation:
    """What decides how controls look: `values` in force or pending, and the names that are pending."""

    values: Mapping[str, Any]
    machine: Machine
    model: ModelFacts | None
    pending: frozenset[str] = frozenset()
    busy: bool = False

    def capability(self, knob: Knob, value: Any) -> Capability:
        return knob.capability(value, self.machine, self.model, {**self.values, knob.name: value})


class Body(Protocol):
    """The inside of a control: shows a value, reports a person's change through the Change it was made with."""

    box: Any

    def show(self, situation: Situation, disabled: bool) -> None: ...


class Control:
    """Label, body and the sentence that says why something cannot be used."""

    def __init__(self, knob: Knob, situation: Situation, change: Change) -> None:
        self.knob = knob
        self._label = markup()
        self._note = markup("", "wb-note")
        self._body = _body(knob, situation, change)
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
        notes = [] if effective else [text("panel.no_effect", values=self._why_no_effect(situation))]
        notes += self._impossible(situation)
        notes += self._reservation(situation) if effective else []
        self._note.value = "<br>".join(escape(line, 400) for line in notes)
        self._note.layout.display = "" if notes else "none"

    def _reservation(self, situation: Situation) -> list[str]:
        """What the value in force costs, or leaves undone."""
        note = situation.capability(self.knob, situation.values[self.knob.name]).note
        return [] if note is None else [str(note)]

    def _impossible(self, situation: Situation) -> list[str]:
        if not isinstance(self.knob.kind, Choice | Toggle):
            return []
        sentences: dict[str, list[str]] = {}
        for value in _values(self.knob, situation):
            capability = situation.capability(self.knob, value)
            if not capability.ok:
                sentences.setdefault(_refusal("{value}", capability), []).append(knob_value(value))
        return [sentence.replace("{value}", ", ".join(values)) for sentence, values in sentences.items()]

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


class _ChoiceBody:
    def __init__(self, knob: Knob, situation: Situation, change: Change) -> None:
        self._knob = knob
        self._options = Options(
            _values(knob, situation), f"wb-knob-{knob.name}", lambda value: change(knob.name, value)
        )
        self.box = self._options.box

    def show(self, situation: Situation, disabled: bool) -> None:
        self._options.show(
            situation.values[self._knob.name],
            lambda value: disabled or not situation.capability(self._knob, value).ok,
        )


class _ToggleBody:
    def __init__(self, knob: Knob, change: Change) -> None:
        self._knob = knob
        self._showing = False
        self._box = classed(ipywidgets.Checkbox(indent=False), f"wb-knob-{knob.name}-toggle")
        self._box.observe(self._changed, "value")
        self._change = change
        self.box = self._box

    def show(self, situation: Situation, disabled: bool) -> None:
        self._showing = True
        value = situation.values[self._knob.name]
        self._box.value = value
        self._box.description = knob_value(value)
        self._box.disabled = disabled or not situation.capability(self._knob, not value).ok
        self._showing = False

    def _changed(self, change: Any) -> None:
        if not self._showing:
            self._change(self._knob.name, change["new"])


class _SliderBody:
    """A number without words: a slider with its number beside it, which can be typed into."""

    def __init__(self, knob: Knob, kind: Number, change: Change) -> None:
        self._knob = knob
        self._kind = kind
        self._change = change
        self._showing = False
        common = {"min": kind.low, "max": kind.high, "step": kind.step, "continuous_update": False}
        if kind.integer:
            whole = {name: int(value) for name, value in common.items() if name != "continuous_update"}
            self._slider = ipywidgets.IntSlider(**whole, continuous_update=False)
        else:
            self._slider = ipywidgets.FloatSlider(**common, readout_format=".2f")
        classed(self._slider, f"wb-knob-{knob.name}-field", "wb-slider")
        self._slider.observe(self._changed, "value")
        self.box = self._slider

    def show(self, situation: Situation, disabled: bool) -> None:
        self._showing = True
        self._slider.value = situation.values[self._knob.name]
        self._slider.disabled = disabled
        self._showing = False

    def _changed(self, change: Any) -> None:
        if not self._showing:
            # steps of 0.05 leave 0.15000000000000002 behind
            value = change["new"] if self._kind.integer else round(change["new"], 6)
            self._change(self._knob.name, value)


class _FieldBody:
    """Words such as auto as buttons, and a text field for anything else the kind admits."""

    def __init__(self, knob: Knob, kind: Number | TokenIds, change: Change) -> None:
        self._knob = knob
        self._kind = kind
        self._change = change
        self._showing = False
        self._words = Options(kind.words, f"wb-knob-{knob.name}", lambda value: change(knob.name, value))
        self._field = ipywidgets.Text(
            continuous_update=False, placeholder=_hint(kind), layout=ipywidgets.Layout(width="110px")
        )
        classed(self._field, f"wb-knob-{knob.name}-field", "wb-field")
        self._field.observe(self._changed, "value")
        self.box = row([self._words.box, self._field])

    def show(self, situation: Situation, disabled: bool) -> None:
        self._showing = True
        value = situation.values[self._knob.name]
        word = isinstance(value, str)
        self._words.show(value if word else None, lambda _value: disabled)
        self._field.value = "" if word else knob_value(value)
        self._field.disabled = disabled
        set_class(self._field, "wb-on", not word)
        self._showing = False

    def _changed(self, change: Any) -> None:
        if not self._showing:
            self._change(self._knob.name, change["new"])


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


def _body(knob: Knob, situation: Situation, change: Change) -> Body:
    kind = knob.kind
    if isinstance(kind, Choice):
        return _ChoiceBody(knob, situation, change)
    if isinstance(kind, Toggle):
        return _ToggleBody(knob, change)
    if isinstance(kind, Number) and not kind.words:
        return _SliderBody(knob, kind, change)
    return _FieldBody(knob, kind, change)


def _values(knob: Knob, situation: Situation) -> list[Any]:
    """The listed values, those that only this machine can name (cuda:1), and the one in force."""
    if isinstance(knob.kind, Toggle):
        return [False, True]
    assert isinstance(knob.kind, Choice)
    values = list(knob.kind.values)
    pattern = knob.kind.pattern
    if pattern is not None:
        named = [f"cuda:{gpu.index}" for gpu in situation.machine.gpus] if len(situation.machine.gpus) > 1 else []
        values += [name for name in named if re.fullmatch(pattern, name)]
    current = situation.values[knob.name]
    return values if current in values else [*values, current]


def _hint(kind: Number | TokenIds) -> str:
    if isinstance(kind, Number):
        return f"{kind.low:g} – {kind.high:g}"
    return text("panel.hint.ids") if kind.many else text("panel.hint.id")


def _refusal(value: str, capability: Capability) -> str:
    if capability.remedy is None:
        return text("panel.cannot_plain", value=value, reason=capability.reason or "")
    return text("panel.cannot", value=value, reason=capability.reason or "", remedy=capability.remedy)
