"""TipCards: claims to predict, then to test on the model on the bench; a card each, with what to do instead.

Class names for tests and style sheets: wb-tip-cards; wb-tip-<id> a card, wb-predict-<id>-<verdict> the buttons of a
prediction, wb-run-<id>, wb-apply-<id>; wb-run-tips, wb-stop-tips, wb-tips-said; wb-status, wb-error as in the panel.
"""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from workbench.results import TipRun, TipsReport, Verdict
from workbench.session import Session
from workbench.tips import Tip, tip
from workbench.tips.running import run
from workbench.tips.shown import values_words
from workbench.tips.stand import Stand
from workbench.tips.verdicts_shown import cell_words
from workbench.widgets.guard import Guard
from workbench.widgets.page import Page
from workbench.widgets.parts import Options, button, close_tree, column, markup, notes, only_one, row, show_if
from workbench.widgets.status import Status
from workbench.words import text, translate
from workbench.words.format import escape

# what a person can predict; that something cannot be tested, or not be told, is nothing to predict
PREDICTIONS = (Verdict.HOLDS, Verdict.NOT, Verdict.DEPENDS)
_WORDS = 600  # of one sentence on a card


class TipCards:
    """A card for each of `ids` on the model of `session`; shown when it is the last value of a cell.

    The buttons test one, or all, in the background, once a person has clicked what to expect of it. `run()` asks for no
    prediction: it tests them all, waits, and gives the verdicts. One is open in a kernel: making a new one stops and
    removes the one before.
    """

    def __init__(self, session: Session, *ids: str) -> None:
        self._session = session
        self._cards = {each.id: _Card(each, self) for each in map(tip, ids)}
        self.runs: dict[str, TipRun] = {}
        self.predictions: dict[str, Verdict] = {}
        self._stand: Stand | None = None
        self._worker = ThreadPoolExecutor(1, "workbench-tips")
        self._running = self._closed = False
        self._status = Status()
        self.guard = Guard(self._status.fail)
        self._said = markup("", "wb-tips-said")
        self._all = button(text("tips.panel.run_all"), "wb-run-tips", style="primary")
        self._stop = button(text("tips.panel.stop"), "wb-stop-tips", disabled=True)
        self._all.on_click(self.guard(lambda _button: self.start(tuple(self._cards))))
        self._stop.on_click(self.guard(lambda _button: self.stop()))
        top = row([self._all, self._stop, self._said], "wb-scan-row")
        cards = [card.box for card in self._cards.values()]
        self.box = column([Page(), column([top, *cards, self._status.box])], "wb-panel", "wb-tip-cards")
        self._redraw()
        only_one(self)

    def run(self, *ids: str) -> TipsReport:
        """Tests these (default: all) and waits. What ends it early, Stop or an interrupt, leaves the rest."""
        future = self.start(ids or tuple(self._cards))
        try:
            return future.result()
        except KeyboardInterrupt:
            self.stop()
            return future.result()

    def start(self, ids: Sequence[str]) -> "Future[TipsReport]":
        """The same in the background. RuntimeError while others are tested."""
        if self._running or self._closed:
            raise RuntimeError(text("tips.panel.busy"))
        with self.guard:
            self._running = True
            self._stand = Stand(self._session)
            self._status.clear()
            self._redraw()
        future = self._worker.submit(self._run, [self._cards[tip(word).id].tip for word in ids])
        future.add_done_callback(self.guard(self._told))
        return future

    def stop(self) -> None:
        """Ends the experiment in progress and leaves the rest. Returns at once."""
        if self._stand is not None:
            self._stand.stop()

    def predict(self, id: str, verdict: str) -> None:  # noqa: A002  (the word of the tips)
        """What a person expects of it, as a click on its button says."""
        self.predictions[tip(id).id] = Verdict(verdict)
        self._redraw()

    def apply(self, id: str) -> None:  # noqa: A002
        """Puts what the card advises in force on the bench."""
        self._status.run(text("panel.state.applying"))
        self._session.submit("apply", **tip(id).apply).add_done_callback(self.guard(self._applied))

    def close(self) -> None:
        """Stop, and remove the widget from the page. May be called again."""
        if self._closed:
            return
        self._closed = True
        self.stop()
        self._worker.shutdown(wait=False)
        with self.guard:
            close_tree(self.box)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.box._repr_mimebundle_(**kwargs)

    # --- work

    def _run(self, chosen: Sequence[Tip]) -> TipsReport:
        try:
            return run(chosen, self._session, stand=self._stand, on_start=self._begun, on_tip=self._ended)
        finally:
            self._over()

    def _told(self, done: "Future[TipsReport]") -> None:
        if (error := done.exception()) is not None and not self._closed:
            self._status.fail(error)

    def _begun(self, each: Tip) -> None:
        with self.guard:
            now = time.strftime("%H:%M:%S")
            self._status.run(text("tips.panel.testing", id=each.id, since=now, seconds=each.takes.seconds))

    def _ended(self, each: Tip, found: TipRun) -> None:
        with self.guard:
            self.runs[each.id] = found
            if not self._closed:
                self._redraw()

    def _over(self) -> None:
        with self.guard:
            self._running, self._stand = False, None
            if not self._closed:
                self._status.rest()
                self._redraw()

    def _applied(self, done: "Future[Any]") -> None:
        self._status.rest()
        if (error := done.exception()) is not None:
            self._status.fail(error)
        else:
            self._status.say(text("tips.panel.applied", config=str(self._session.config)))

    def _redraw(self) -> None:
        unsaid = len(self._cards.keys() - self.predictions.keys() - self.runs.keys())
        self._all.disabled, self._stop.disabled = self._running or unsaid > 0, not self._running
        told = {id_: found.verdict for id_, found in self.runs.items() if found.verdict in PREDICTIONS}
        right = sum(told[id_] is said for id_, said in self.predictions.items() if id_ in told)
        predicted = len(told.keys() & self.predictions.keys())
        said = text("tips.panel.count", tested=len(self.runs), all=len(self._cards))
        if predicted:
            said += " " + text("tips.panel.right", right=right, predicted=predicted)
        if unsaid:
            said += " " + text("tips.panel.first", open=unsaid)
        self._said.value = f"<span class='wb-note'>{escape(said)}</span>"
        for id_, card in self._cards.items():
            card.redraw(self.runs.get(id_), self.predictions.get(id_), self._running)


class _Card:
    """One claim: before its run what can be predicted, afterwards what was found."""

    def __init__(self, each: Tip, cards: TipCards) -> None:
        self.tip = each
        title = f"<div class='wb-verdict'>{escape(each.id)} · {escape(translate(each.statement), _WORDS)}</div>"
        self._options = Options(
            PREDICTIONS, f"wb-predict-{each.id}", lambda said: cards.predict(each.id, said), translate
        )
        self._found = markup("", "wb-below")
        self._run = button(text("tips.panel.run"), f"wb-run-{each.id}")
        self._apply = button(text("tips.panel.apply"), f"wb-apply-{each.id}", tooltip=values_words(each.apply))
        self._run.on_click(lambda _button: cards.guard(lambda: cards.start((each.id,)))())
        self._apply.on_click(lambda _button: cards.guard(lambda: cards.apply(each.id))())
        predicted = markup(f"<span class='wb-note'>{escape(text('tips.panel.predict'))}</span>", "wb-beside")
        self.box = column(
            [
                markup(title),
                row([predicted, self._options.box], "wb-scan-row"),
                self._found,
                row([self._run, self._apply], "wb-scan-row"),
            ],
            f"wb-tip-{each.id}",
            "wb-finding",
        )

    def redraw(self, found: TipRun | None, predicted: Verdict | None, running: bool) -> None:
        self._options.show(predicted, lambda _value: found is not None or running)
        self._apply.disabled = running
        self._run.disabled = running or (found is None and predicted is None)
        self._run.tooltip = "" if predicted or found else text("tips.panel.first_hint")
        show_if(self._apply, bool(self.tip.apply) and found is not None)  # before, it would give the answer away
        if found is not None:
            self._found.value = self._words(found, predicted)

    def _words(self, found: TipRun, predicted: Verdict | None) -> str:
        verdict = escape(translate(found.verdict))
        lines = [] if predicted is None else [text("tips.panel.predicted", verdict=translate(predicted))]
        if found.against_expectation:
            lines.append(text("tips.against_expectation", expected=translate(found.expected)))
        lines.append(str(found.sentence))
        if len(found.cells) > 1 or any(len(cell.bounds) > 1 for cell in found.cells):
            lines += [words for cell in found.cells for words in cell_words(cell)]
        else:  # its one number is in the sentence
            lines += [str(note) for cell in found.cells for note in cell.notes]
        if found.remedy is not None:
            lines.append(str(found.remedy))
        lines.append(text("tips.panel.instead", instead=translate(self.tip.instead)))
        return f"<div class='wb-verdict'>{verdict}</div>{notes(dict.fromkeys(lines))}"
