"""The lower left of the panel: what waits, the work to be measured, and the buttons that start and stop it."""

from collections.abc import Callable, Mapping, Sequence

from workbench.results import CompareCost
from workbench.widgets.guard import Guard
from workbench.widgets.parts import button, column, markup, notice, row, show_if
from workbench.widgets.work import WorkloadChoice
from workbench.words import text
from workbench.words.format import escape

# button -> further classes; all are wb-<name>
WAITING = {"apply": ("wb-primary",), "discard": ()}
OFFER = {"compare-start": ("wb-primary",), "compare-quick": (), "compare-not": ()}
WORK = {"measure": ("wb-primary",), "compare": (), "trace": (), "quality": (), "stop": ()}
# shown in their tabs
ELSEWHERE: dict[str, tuple[str, ...]] = dict.fromkeys(
    ("scan", "sensitivity", "spare", "census", "energy", "latency", "tokens", "repair", "advise"), ()
)


class Actions:
    """`wb-pending`, `wb-apply`, `wb-discard`; `wb-offer`, `wb-compare-start`, `wb-compare-quick`, `wb-compare-not`;
    `wb-measure`, `wb-compare`, `wb-trace`, `wb-quality`, `wb-stop`, `wb-sides`; and the fields of the work. In their
    tabs `wb-scan`, `wb-sensitivity`, `wb-spare`, `wb-census`, `wb-energy`, `wb-latency`, `wb-tokens`, `wb-repair`,
    `wb-advise`.

    clicked  button -> what a click on it does
    """

    def __init__(self, guard: Guard, budget_s: float, clicked: Mapping[str, Callable[[], None]]) -> None:
        self.buttons = {
            name: button(text(f"panel.{name.replace('-', '_')}"), f"wb-{name}", *classes)
            for names in (WAITING, OFFER, WORK, ELSEWHERE)
            for name, classes in names.items()
        }
        for name, made in self.buttons.items():
            made.on_click(guard(lambda _button, name=name: clicked[name]()))
        self.work = WorkloadChoice(guard, budget_s)
        self._waiting = markup("", "wb-pending")
        self._sides = markup("", "wb-sides", "wb-note")
        self._price = markup("", "wb-price")
        self._offer = column([self._price, row([self.buttons[name] for name in OFFER])], "wb-offer")
        self.box = column(
            [
                self._waiting,
                row([self.buttons[name] for name in WAITING]),
                self.work.box,
                row([self.buttons[name] for name in WORK]),
                self._sides,
                self._offer,
            ],
            "wb-actions",
        )
        self.offer(None)

    def show(
        self,
        *,
        ready: bool,
        stoppable: bool,
        pending: Sequence[str],
        changed: bool,
        sides: str | None,
        repairable: bool,
    ) -> None:
        """`sides`: what Compare would compare; None: nothing yet. `repairable`: the tokens in force can be aligned."""
        self._waiting.value = notice(pending, text("panel.pending") if changed else "")
        self._sides.value = escape(sides or text("panel.compare.nothing"), 300)
        able = {
            **dict.fromkeys(WAITING, ready and changed),
            **dict.fromkeys(OFFER, ready),
            **dict.fromkeys(("measure", "trace", "quality", *ELSEWHERE), ready),
            "compare": ready and sides is not None,
            "repair": ready and repairable,
            "stop": stoppable,
        }
        for name, enabled in able.items():
            self.buttons[name].disabled = not enabled
        self.work.enable(ready)

    def offer(self, cost: CompareCost | None) -> None:
        """The price of a comparison that loads weights, with the choice to start it, to estimate, or to leave it."""
        show_if(self._offer, cost is not None)
        if cost is not None:
            self._price.value = notice([str(cost)], text("panel.compare.price"))
