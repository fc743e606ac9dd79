"""The inside of a control, by the kind of its knob's value: buttons, a check box, a slider, a field.

Class names: wb-knob-<knob>-<value> one button; wb-knob-<knob>-field the number or text field; wb-knob-<knob>-toggle a
check box.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import ipywidgets

from workbench.knobs import Budgets, Choice, Knob, Names, Number, Texts, Toggle, TokenIds
from workbench.results import Capability, Machine, ModelFacts
from workbench.widgets.parts import Options, classed, row, set_class
from workbench.words import templates, text
from workbench.words.format import knob_value

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


class _ChoiceBody:
    """A button for each listed value; where names beyond the list can be given, a field that suggests those which the
    machine's libraries offer."""

    def __init__(self, knob: Knob, situation: Situation, change: Change) -> None:
        self._knob = knob
        self._change = change
        self._showing = False
        self._options = Options(listed(knob, situation), f"wb-knob-{knob.name}", lambda value: change(knob.name, value))
        self._other: Any = None
        further = offered(knob, situation)
        if further:
            self._other = ipywidgets.Combobox(
                options=[value for value in further if situation.capability(knob, value).ok],
                ensure_option=False,
                continuous_update=False,
                placeholder=_other_hint(knob),
                layout=ipywidgets.Layout(width="150px"),
            )
            classed(self._other, f"wb-knob-{knob.name}-field", "wb-field")
            self._other.observe(self._typed, "value")
            self._options.box.children = (*self._options.box.children, self._other)
        self.box = self._options.box

    def show(self, situation: Situation, disabled: bool) -> None:
        value = situation.values[self._knob.name]
        self._options.show(value, lambda each: disabled or not situation.capability(self._knob, each).ok)
        if self._other is not None:
            self._showing = True
            typed = value not in self._options.buttons
            self._other.value = value if typed else ""
            self._other.disabled = disabled
            set_class(self._other, "wb-on", typed)
            self._showing = False

    def _typed(self, change: Any) -> None:
        if not self._showing and change["new"].strip():
            self._change(self._knob.name, change["new"])


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

    def __init__(self, knob: Knob, kind: Number | TokenIds | Names | Texts | Budgets, change: Change) -> None:
        self._knob = knob
        self._kind = kind
        self._change = change
        self._showing = False
        self._words = Options(kind.words, f"wb-knob-{knob.name}", lambda value: change(knob.name, value))
        self._field = ipywidgets.Text(
            continuous_update=False,
            placeholder=_hint(kind),
            layout=ipywidgets.Layout(width="180px" if isinstance(kind, Texts | Budgets) else "110px"),
        )
        classed(self._field, f"wb-knob-{knob.name}-field", "wb-field")
        self._field.observe(self._changed, "value")
        self.box = row([self._words.box, self._field])

    def show(self, situation: Situation, disabled: bool) -> None:
        self._showing = True
        value = situation.values[self._knob.name]
        word = isinstance(value, str)
        self._words.show(value if word else None, lambda _value: disabled)
        self._field.value = "" if word else _written(value, self._kind)
        self._field.disabled = disabled
        set_class(self._field, "wb-on", not word and value != ())
        self._showing = False

    def _changed(self, change: Any) -> None:
        if not self._showing:
            self._change(self._knob.name, change["new"])


def body_of(knob: Knob, situation: Situation, change: Change) -> Body:
    kind = knob.kind
    if isinstance(kind, Choice):
        return _ChoiceBody(knob, situation, change)
    if isinstance(kind, Toggle):
        return _ToggleBody(knob, change)
    if isinstance(kind, Number) and not kind.words:
        return _SliderBody(knob, kind, change)
    return _FieldBody(knob, kind, change)


def listed(knob: Knob, situation: Situation) -> list[str]:
    """The listed values, GPUs by name where there are several, and the value in force where no field would show it."""
    assert isinstance(knob.kind, Choice)
    values = list(knob.kind.values)
    pattern = knob.kind.pattern
    if pattern is not None:
        named = [f"cuda:{gpu.index}" for gpu in situation.machine.gpus] if len(situation.machine.gpus) > 1 else []
        values += [name for name in named if re.fullmatch(pattern, name)]
    current = situation.values[knob.name]
    return values if current in values or offered(knob, situation) else [*values, current]


def offered(knob: Knob, situation: Situation) -> list[str]:
    """Values beyond the listed ones that this machine's libraries name."""
    if not isinstance(knob.kind, Choice):
        return []
    return [value for value in knob.offered(situation.machine) if value not in knob.kind.values]


def _other_hint(knob: Knob) -> str:
    code = f"panel.hint.{knob.name}"
    return text(code if code in templates() else "panel.hint.other")


def _written(value: Any, kind: Number | TokenIds | Names | Texts | Budgets) -> str:
    """As it can be typed again."""
    if not isinstance(kind, Texts):
        return knob_value(value)
    if len(value) == 1 and value[0].isprintable() and value[0] == value[0].strip() and value[0][0] not in '["':
        return str(value[0])
    return json.dumps(list(value), ensure_ascii=False) if value else ""


def _hint(kind: Number | TokenIds | Names | Texts | Budgets) -> str:
    if isinstance(kind, Number):
        return f"{kind.low:,.0f} – {kind.high:,.0f}" if kind.integer else f"{kind.low:g} – {kind.high:g}"
    if isinstance(kind, Names):
        return text("panel.hint.names")
    if isinstance(kind, Texts):
        return text("panel.hint.texts")
    if isinstance(kind, Budgets):
        return text("panel.hint.budgets")
    return text("panel.hint.ids") if kind.many else text("panel.hint.id")
