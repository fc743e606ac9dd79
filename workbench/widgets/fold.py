"""A heading that shows or hides what is below it: a button, which the keyboard reaches as no Accordion's heading."""

from typing import Any

from workbench.widgets.parts import button, column, is_shown, show_if


class Fold:
    """`wb-fold`, its heading `wb-fold-head`; the arrow before the title says which way it stands. Closed at first."""

    def __init__(self, title: str, inside: Any, *classes: str) -> None:
        self._title, self._inside = title, column([inside], "wb-fold-inside")
        self._head = button("", "wb-fold-head")
        self._head.on_click(lambda _button: self.show(not is_shown(self._inside)))
        self.box = column([self._head, self._inside], "wb-fold", *classes)
        self.show(False)

    def show(self, opened: bool) -> None:
        show_if(self._inside, opened)
        self._head.description = f"{'▾' if opened else '▸'} {self._title}"
