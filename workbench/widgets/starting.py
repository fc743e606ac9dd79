"""The panel's way to other configurations: undo, presets and saved ones, and saving what is in force."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets

from workbench.config import Config
from workbench.presets import PRESETS, Known
from workbench.results import Workload
from workbench.saved import save, saved
from workbench.widgets.guard import Guard
from workbench.widgets.parts import button, classed, is_shown, labelled, row, show_if
from workbench.widgets.undo import Undo
from workbench.words import text, translate

if TYPE_CHECKING:
    from workbench.session import Session

_SAVED = "saved:"


class Starting:
    """`wb-undo`, `wb-presets`, `wb-save`; `wb-save-name`, `wb-save-do`.

    chosen  called with the config that a person chose; told: with what is to be said of it
    apply   starts `apply` of these values
    """

    def __init__(
        self,
        session: "Session",
        guard: Guard,
        workload: Callable[[], Workload],
        chosen: Callable[[Mapping[str, Any]], None],
        apply: Callable[..., Any],
        told: Callable[[str], None],
    ) -> None:
        self._session, self._workload = session, workload
        self._chosen, self._apply, self._told = chosen, apply, told
        self.undo = Undo(session.config)
        self._undo = button(text("panel.undo"), "wb-undo", tooltip=text("panel.undo_help"))
        self._undo.on_click(guard(lambda _button: self._back()))
        options = self._options()
        narrow = ipywidgets.Layout(width="auto")
        field = ipywidgets.Dropdown(options=options, value="", layout=narrow, tooltip=text("panel.presets"))
        self._presets = classed(field, "wb-presets")
        self._presets.observe(guard(lambda change: self._picked(change["new"])), "value")
        self._save = button(text("panel.save"), "wb-save")
        self._save.on_click(guard(lambda _button: show_if(self.naming, not is_shown(self.naming))))
        self._name = classed(ipywidgets.Text(layout=ipywidgets.Layout(width="220px")), "wb-save-name")
        keep = button(text("panel.save_do"), "wb-save-do", "wb-primary")
        keep.on_click(guard(lambda _button: self._keep()))
        self.widgets = [self._undo, self._presets, self._save]
        self.naming = row([labelled(text("panel.save_name"), self._name), keep], "wb-naming")
        show_if(self.naming, False)
        self.enable(True)

    def enable(self, ready: bool) -> None:
        self._undo.disabled = not ready or self.undo.target is None
        self._presets.disabled = not ready

    @staticmethod
    def _options() -> list[tuple[str, str]]:
        """Presets, then what was saved; the first entry is none of them."""
        options = [(text("panel.presets_choose"), "")]
        options += [(translate(preset.label), name) for name, preset in PRESETS.items()]
        options += [(text("panel.preset_saved", name=name), f"{_SAVED}{name}") for name in saved()]
        return options

    def _back(self) -> None:
        target = self.undo.target
        if target is None:
            return
        self.undo.going_back()
        self._apply(**{name: new for name, (_, new) in self._session.config.diff(target).items()})

    def _picked(self, name: str) -> None:
        if not name:
            return
        self._presets.value = ""
        if name.startswith(_SAVED):
            label = name.removeprefix(_SAVED)
            self._offer(text("panel.preset_saved", name=label), saved()[label], "")
            return
        session, preset = self._session, PRESETS[name]
        offer = preset.make(Known(session.config, session.machine, session.facts, session.runs, self._workload()))
        label = translate(preset.label)
        if offer.config is None:
            self._told(text("panel.preset_none", label=label, why=str(offer.why)))
        else:
            self._offer(label, offer.config, str(offer.why))

    def _offer(self, label: str, config: Config, why: str) -> None:
        changes = bool(self._session.config.diff(config))
        self._chosen(config)
        self._told(text("panel.preset_chosen" if changes else "panel.preset_same", label=label, why=why).rstrip(" ·"))

    def _keep(self) -> None:
        path = save(self._name.value, self._session.config)
        show_if(self.naming, False)
        self._presets.options = self._options()
        self._told(text("panel.saved", path=str(path)))
