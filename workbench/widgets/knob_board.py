"""The left side: every knob's control, in the registry's groups; the groups not asked for are folded away."""

from collections.abc import Iterable, Sequence

import ipywidgets

from workbench.knobs import KNOBS, Group
from workbench.widgets.bodies import Change, Situation
from workbench.widgets.controls import Control
from workbench.widgets.fold import Fold
from workbench.widgets.parts import column, markup
from workbench.words import text
from workbench.words.format import escape

OPEN_BY_DEFAULT = (Group.ATTENTION, Group.PRECISION)


class KnobBoard:
    """`groups`: names of the groups that stand open; ValueError names an unknown one."""

    def __init__(self, groups: Iterable[str] | None, situation: Situation, change: Change) -> None:
        wanted = OPEN_BY_DEFAULT if groups is None else tuple(Group(name) for name in groups)
        self._controls = {name: Control(knob, situation, change) for name, knob in KNOBS.items()}
        present = [group for group in Group if self._names(group)]
        shown = [self._section(group) for group in wanted if group in present]
        folded = (group for group in present if group not in wanted)
        for group in folded:
            inside = column([self._controls[name].box for name in self._names(group)])
            shown.append(Fold(text(f"panel.group.{group}"), inside, "wb-more").box)
        self.box = column(shown, "wb-board")

    def show(self, situation: Situation) -> None:
        for control in self._controls.values():
            control.show(situation)

    def _section(self, group: Group) -> ipywidgets.VBox:
        heading = markup(f"<div class='wb-heading'>{escape(text(f'panel.group.{group}'))}</div>")
        return column([heading, *(self._controls[name].box for name in self._names(group))], "wb-section")

    @staticmethod
    def _names(group: Group) -> Sequence[str]:
        return [name for name, knob in KNOBS.items() if knob.group == group]
