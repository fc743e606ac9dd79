"""Small pieces that the panel is put together from. Everything shown as HTML passes through `escape` here or before."""

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import ipywidgets
from ipywidgets.widgets.widget_string import HTMLStyle

from workbench.words.format import escape, knob_value

_UNSAFE_IN_CLASS = str.maketrans(dict.fromkeys(" |/:.,", "-"))


class Closable(Protocol):
    def close(self) -> None: ...


HIDDEN = "wb-hidden"
_shared: dict[tuple[Any, ...], Any] = {}
_open: "weakref.WeakValueDictionary[type, Closable]" = weakref.WeakValueDictionary()


def only_one(new: Closable) -> None:
    """Close the instrument of this kind that was open in this kernel: a cell that runs again makes no second one."""
    before = _open.get(type(new))
    _open[type(new)] = new
    if before is not None:
        before.close()


def markup(html: str = "", *classes: str) -> ipywidgets.HTML:
    """HTML that this package wrote; foreign text in it is escaped by the caller."""
    alike = {"layout": shared(ipywidgets.Layout), "style": shared(HTMLStyle)}
    return ipywidgets.HTML(html, _dom_classes=classes, **alike)


def notes(said: Iterable[object]) -> str:
    """Sentences as HTML, a line each, escaped and cut."""
    return "".join(f"<div class='wb-note'>{escape(str(each), 400)}</div>" for each in said)


def beside(said: str) -> ipywidgets.HTML:
    """A sentence that stands beside a button and says what it does."""
    return markup(f"<span class='wb-note'>{escape(said)}</span>", "wb-beside")


def classed(widget: Any, *classes: str) -> Any:
    widget._dom_classes = (*widget._dom_classes, *classes)  # one message to the page, not one a class
    return widget


def shared(kind: type[Any], **traits: str) -> Any:
    """The one Layout or style of these traits, for all widgets that look alike; it is never changed and never closed.

    A widget of its own for each would make a panel of 870 models: what a busy page needs to open it
    grows with them.
    """
    key = (kind, *sorted(traits.items()))
    if key not in _shared or _shared[key].comm is None:  # a person may close all widgets of the kernel
        _shared[key] = kind(**traits)
    return _shared[key]


def button(label: str, *classes: str, tooltip: str = "", style: str = "", disabled: bool = False) -> ipywidgets.Button:
    return ipywidgets.Button(
        description=label,
        tooltip=tooltip or None,
        button_style=style,
        disabled=disabled,
        layout=shared(ipywidgets.Layout, width="auto"),
        style=shared(ipywidgets.ButtonStyle),
        _dom_classes=("wb-button", *classes),
    )


def column(children: Sequence[Any], *classes: str) -> ipywidgets.VBox:
    return ipywidgets.VBox(list(children), layout=shared(ipywidgets.Layout), _dom_classes=classes)


def row(children: Sequence[Any], *classes: str) -> ipywidgets.HBox:
    """A row that wraps instead of squeezing."""
    wraps = shared(ipywidgets.Layout, flex_flow="row wrap")
    return ipywidgets.HBox(list(children), layout=wraps, _dom_classes=classes)


def labelled(label: str, widget: Any) -> ipywidgets.VBox:
    """A field under its label."""
    return column([markup(f"<span class='wb-field-label'>{escape(label)}</span>"), widget], "wb-labelled")


def notice(phrases: Sequence[str], word: str) -> str:
    """Phrases in one line: set off behind `word`, or as a quiet note without one."""
    shown = " · ".join(escape(phrase, 200) for phrase in phrases)
    if not word:
        return f"<div class='wb-note'>{shown}</div>"
    return f"<div class='wb-waiting'><span class='wb-word'>{escape(word)}</span> {shown}</div>"


def set_class(widget: Any, name: str, present: bool) -> None:
    if present:
        widget.add_class(name)
    else:
        widget.remove_class(name)


def show_if(widget: Any, shown: bool) -> None:
    """Show or hide it, by a class: layouts are shared."""
    set_class(widget, HIDDEN, not shown)


def is_shown(widget: Any) -> bool:
    return HIDDEN not in widget._dom_classes


def class_part(value: Any) -> str:
    """A knob value inside a class name: wb-knob-device-cuda-1."""
    return escape(knob_value(value), 60).translate(_UNSAFE_IN_CLASS)


def close_tree(widget: Any) -> None:
    """Close a widget, all below it, and their layouts and styles: ipywidgets keeps every open one alive for ever."""
    for child in getattr(widget, "children", ()):
        close_tree(child)
    widget.unobserve_all()
    parts = [widget.trait_values().get(name) for name in ("layout", "style")]
    widget.close()
    for part in parts:
        if isinstance(part, ipywidgets.Widget) and part not in _shared.values():
            part.close()


class Options:
    """A row of buttons of which one is chosen, marked by • and colour. Unlike ToggleButtons each can be disabled."""

    def __init__(
        self,
        values: Sequence[Any],
        prefix: str,
        choose: Callable[[Any], None],
        label: Callable[[Any], str] = knob_value,
    ) -> None:
        self._label = label
        self.buttons = {value: button(label(value), f"{prefix}-{class_part(value)}") for value in values}
        for value, made in self.buttons.items():
            made.on_click(lambda _button, value=value: choose(value))
        self.box = row(list(self.buttons.values()), "wb-options")

    def show(self, chosen: Any, disabled: Callable[[Any], bool]) -> None:
        for value, made in self.buttons.items():
            on = value == chosen
            with made.hold_sync():  # one message to the page
                made.description = f"• {self._label(value)}" if on else self._label(value)
                made.disabled = disabled(value)
                set_class(made, "wb-on", on)
