"""Small pieces that the panel is put together from. Everything shown as HTML passes through `escape` here or before."""

import weakref
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import ipywidgets

from workbench.words.format import escape, knob_value

_UNSAFE_IN_CLASS = str.maketrans(dict.fromkeys(" |/:.,", "-"))


class Closable(Protocol):
    def close(self) -> None: ...


_open: "weakref.WeakValueDictionary[type, Closable]" = weakref.WeakValueDictionary()


def only_one(new: Closable) -> None:
    """Close the instrument of this kind that was open in this kernel: a cell that runs again makes no second one."""
    before = _open.get(type(new))
    _open[type(new)] = new
    if before is not None:
        before.close()


def markup(html: str = "", *classes: str) -> ipywidgets.HTML:
    """HTML that this package wrote; foreign text in it is escaped by the caller."""
    return classed(ipywidgets.HTML(html), *classes)


def classed(widget: Any, *classes: str) -> Any:
    for name in classes:
        widget.add_class(name)
    return widget


def button(label: str, *classes: str, tooltip: str = "", style: str = "", disabled: bool = False) -> ipywidgets.Button:
    made = ipywidgets.Button(
        description=label,
        tooltip=tooltip or None,
        button_style=style,
        disabled=disabled,
        layout=ipywidgets.Layout(width="auto"),
    )
    return classed(made, "wb-button", *classes)


def column(children: Sequence[Any], *classes: str) -> ipywidgets.VBox:
    return classed(ipywidgets.VBox(list(children)), *classes)


def row(children: Sequence[Any], *classes: str) -> ipywidgets.HBox:
    """A row that wraps instead of squeezing."""
    return classed(ipywidgets.HBox(list(children), layout=ipywidgets.Layout(flex_flow="row wrap")), *classes)


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
        if isinstance(part, ipywidgets.Widget):
            part.close()


class Options:
    """A row of buttons of which one is chosen, marked by • and colour. Unlike ToggleButtons each can be disabled."""

    def __init__(self, values: Sequence[Any], prefix: str, choose: Callable[[Any], None]) -> None:
        self.buttons = {value: button(knob_value(value), f"{prefix}-{class_part(value)}") for value in values}
        for value, made in self.buttons.items():
            made.on_click(lambda _button, value=value: choose(value))
        self.box = row(list(self.buttons.values()), "wb-options")

    def show(self, chosen: Any, disabled: Callable[[Any], bool]) -> None:
        for value, made in self.buttons.items():
            on = value == chosen
            made.description = f"• {knob_value(value)}" if on else knob_value(value)
            made.disabled = disabled(value)
            set_class(made, "wb-on", on)
