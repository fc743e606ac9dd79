"""Prompt and answer: text streamed into one escaped line of HTML, at most ten times a second."""

import time
from collections.abc import Callable

import ipywidgets

from workbench.errors import ConfigError
from workbench.results import Chunk
from workbench.widgets.parts import button, classed, column, labelled, markup, row
from workbench.words import text
from workbench.words.format import escape, quantity, seconds

SECONDS_BETWEEN_DRAWS = 0.1
MOST_CHARACTERS = 20_000


class Answer:
    """`wb-prompt`, `wb-generate`, `wb-output`. `submit(prompt, new_tokens)` starts the work elsewhere."""

    def __init__(self, submit: Callable[[str, int], None]) -> None:
        self._submit = submit
        self._prompt = classed(
            ipywidgets.Textarea(
                value=text("panel.prompt_default"),
                placeholder=text("panel.prompt_hint"),
                rows=2,
                continuous_update=True,
                layout=ipywidgets.Layout(width="auto", flex="1 1 260px"),
            ),
            "wb-prompt",
        )
        self._new_tokens = classed(
            ipywidgets.BoundedIntText(
                value=64,
                min=1,
                max=100_000,
                layout=ipywidgets.Layout(width="82px"),
            ),
            "wb-new-tokens",
        )
        self.button = button(text("panel.generate"), "wb-generate", "wb-primary")
        self._output = markup("", "wb-output")
        self._rate = markup("", "wb-rate")
        self.box = column(
            [
                row([self._prompt, labelled(text("panel.new_tokens"), self._new_tokens), self.button], "wb-prompt-row"),
                self._output,
                self._rate,
            ],
            "wb-answer",
        )
        self._job: int | None = None
        self._rows: dict[int, str] = {}
        self._last: dict[int, Chunk] = {}
        self._first_s: float | None = None
        self._drawn_s = 0.0
        self.draw()

    def clicked(self) -> None:
        """ConfigError for an empty prompt."""
        prompt = self._prompt.value
        if not prompt.strip():
            raise ConfigError("panel.empty_prompt")
        self._submit(prompt, self._new_tokens.value)

    def take(self, job: int, chunk: Chunk) -> None:
        """One more piece of a stream; a new job starts an empty page."""
        if job != self._job:
            self._job, self._rows, self._last, self._first_s = job, {}, {}, None
        if self._first_s is None:
            self._first_s = chunk.elapsed_s
        self._rows[chunk.row] = self._rows.get(chunk.row, "") + chunk.text
        self._last[chunk.row] = chunk
        now = time.monotonic()
        if chunk.finish_reason is not None or now - self._drawn_s >= SECONDS_BETWEEN_DRAWS:
            self._drawn_s = now
            self.draw()

    def draw(self) -> None:
        """Show all that has come so far."""
        if not self._rows:
            self._output.value = f"<div class='wb-text wb-note'>{escape(text('panel.output_empty'))}</div>"
            self._rate.value = ""
            return
        self._output.value = "".join(self._row(row) for row in sorted(self._rows))
        self._rate.value = f"<div class='wb-note'>{escape(self._rate_words(), 300)}</div>"

    def _row(self, row: int) -> str:
        whole = self._rows[row]
        dropped = max(0, len(whole) - MOST_CHARACTERS)
        name = (
            f"<div class='wb-note'>{escape(text('panel.output_row', row=row + 1))}</div>" if len(self._rows) > 1 else ""
        )
        cut = f"<div class='wb-note'>{escape(text('panel.output_cut', dropped=dropped))}</div>" if dropped else ""
        return f"{name}{cut}<div class='wb-text'>{escape(whole[dropped:], MOST_CHARACTERS)}</div>"

    def _rate_words(self) -> str:
        tokens = sum(chunk.index + 1 for chunk in self._last.values())
        rates = [chunk.decode_tps for chunk in self._last.values()]
        known = [rate for rate in rates if rate is not None]
        if len(known) == len(rates):
            words = [text("panel.output_rate", tokens=tokens, rate=quantity(sum(known), "tok/s"))]
        else:
            words = [text("panel.output_rate_unknown", tokens=tokens)]
        words.append(text("panel.output_first", ttft=seconds(self._first_s)))
        reasons = {chunk.finish_reason for chunk in self._last.values() if chunk.finish_reason is not None}
        words += [text(f"panel.finish.{reason}") for reason in sorted(reasons)]
        return " · ".join(words)
