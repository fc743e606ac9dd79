"""Prompt and answers: text streamed into escaped HTML, at most ten times a second; two configurations side by side."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from workbench.errors import ConfigError
from workbench.judging import names_of
from workbench.results import Chunk, SideBySide
from workbench.widgets.comparing import Sides
from workbench.widgets.guard import Guard
from workbench.widgets.parts import button, classed, column, labelled, markup, row
from workbench.words import text
from workbench.words.format import escape, quantity, seconds

SECONDS_BETWEEN_DRAWS = 0.1
MOST_CHARACTERS = 20_000


class Answer:
    """`wb-prompt`, `wb-chat`, `wb-new-tokens`, `wb-generate`, `wb-both`, `wb-output`, `wb-rate`.

    submit  starts an operation of the session, as the panel does
    sides   the two configurations that Compare names, or None
    """

    def __init__(self, guard: Guard, submit: Callable[..., Any], sides: Callable[[], Sides | None]) -> None:
        self._submit, self._sides = submit, sides
        self._prompt = classed(
            ipywidgets.Textarea(
                value=text("panel.prompt_default"),
                placeholder=text("panel.prompt_hint"),
                rows=2,
                continuous_update=True,
                layout=ipywidgets.Layout(width="auto", flex="1 1 180px"),
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
        self._chat = classed(
            ipywidgets.Dropdown(
                options=[(text("panel.prompt_chat"), True), (text("panel.prompt_raw"), False)],
                layout=ipywidgets.Layout(width="112px"),
            ),
            "wb-chat",
        )
        self._generate = button(text("panel.generate"), "wb-generate", "wb-primary")
        self._generate.on_click(guard(lambda _button: self.one()))
        self._both = button(text("panel.both"), "wb-both", tooltip=text("panel.both_help"))
        self._both.on_click(guard(lambda _button: self.both()))
        self._output = markup("", "wb-output")
        self._rate = markup("", "wb-rate")
        self.box = column(
            [
                row(
                    [
                        self._prompt,
                        labelled(text("panel.prompt_as"), self._chat),
                        labelled(text("panel.new_tokens"), self._new_tokens),
                        self._generate,
                        self._both,
                    ],
                    "wb-prompt-row",
                ),
                self._output,
                self._rate,
            ],
            "wb-answer",
        )
        self._job: int | None = None
        self._rows: dict[int, str] = {}
        self._last: dict[int, Chunk] = {}
        self._first_s: dict[int, float] = {}
        self._names: tuple[str, str] | None = None  # of two configurations side by side
        self._compared: SideBySide | None = None
        self._drawn_s = 0.0
        self.draw()

    def enable(self, ready: bool) -> None:
        self._generate.disabled = not ready
        self._both.disabled = not ready or self._sides() is None

    def one(self) -> None:
        """ConfigError for an empty prompt."""
        prompt, most, chat = self._asked()
        self._names = None
        self._submit("generate", [prompt], max_new_tokens=most, chat=chat)

    def both(self) -> None:
        """ConfigError for an empty prompt, and where there are no two configurations."""
        prompt, most, chat = self._asked()
        sides = self._sides()
        if sides is None:
            raise ConfigError("panel.compare.no_sides")
        self._names = names_of(*sides)
        self._submit("side_by_side", prompt, *sides, most, chat=chat)

    def _asked(self) -> tuple[str, int, bool]:
        prompt = self._prompt.value
        if not prompt.strip():
            raise ConfigError("panel.empty_prompt")
        return prompt, self._new_tokens.value, self._chat.value

    def take(self, job: int, chunk: Chunk) -> None:
        """One more piece of a stream; a new job starts an empty page."""
        if job != self._job:
            self._job, self._rows, self._last, self._first_s, self._compared = job, {}, {}, {}, None
        self._first_s.setdefault(chunk.row, chunk.elapsed_s)
        self._rows[chunk.row] = self._rows.get(chunk.row, "") + chunk.text
        self._last[chunk.row] = chunk
        now = time.monotonic()
        if chunk.finish_reason is not None or now - self._drawn_s >= SECONDS_BETWEEN_DRAWS:
            self._drawn_s = now
            self.draw()

    def found(self, compared: SideBySide) -> None:
        """Both answers are whole: mark where they part."""
        self._compared = compared
        self.draw()

    def draw(self) -> None:
        """Show all that has come so far."""
        if not self._rows:
            self._output.value = f"<div class='wb-text wb-note'>{escape(text('panel.output_empty'))}</div>"
            self._rate.value = ""
            return
        if self._names is not None:
            self._output.value = self._beside(self._names)
            self._rate.value = f"<div class='wb-note'>{escape(self._parting(), 300)}</div>"
            return
        self._output.value = "".join(self._row(row) for row in sorted(self._rows))
        self._rate.value = f"<div class='wb-note'>{escape(self._rate_words(), 300)}</div>"

    def _beside(self, names: tuple[str, str]) -> str:
        """A column for each configuration, its speed under it; ▲ where the answers part."""
        columns = []
        for side, name in enumerate(names):
            whole = self._rows.get(side, "")
            shown = escape(whole[-MOST_CHARACTERS:], MOST_CHARACTERS)
            if self._compared is not None and self._compared.parts_at is not None:
                same = _shared_text(self._compared)
                mark = f"<b class='wb-parts' title='{escape(text('panel.both_parts'))}'>▲</b>"
                shown = escape(whole[:same], MOST_CHARACTERS) + mark + escape(whole[same:], MOST_CHARACTERS)
            rate = escape(self._rate_words([side]), 300) if side in self._last else "…"
            columns.append(
                f"<div class='wb-pair-side'><div class='wb-note'>{'AB'[side]}: {escape(name, 80)}</div>"
                f"<div class='wb-text'>{shown}</div><div class='wb-note'>{rate}</div></div>"
            )
        return f"<div class='wb-pair'>{''.join(columns)}</div>"

    def _parting(self) -> str:
        if self._compared is None:
            return text("panel.both_running")
        if self._compared.parts_at is None:
            return text("panel.both_same")
        return text("panel.both_part", token=self._compared.parts_at + 1)

    def _row(self, row: int) -> str:
        whole = self._rows[row]
        dropped = max(0, len(whole) - MOST_CHARACTERS)
        name = (
            f"<div class='wb-note'>{escape(text('panel.output_row', row=row + 1))}</div>" if len(self._rows) > 1 else ""
        )
        cut = f"<div class='wb-note'>{escape(text('panel.output_cut', dropped=dropped))}</div>" if dropped else ""
        return f"{name}{cut}<div class='wb-text'>{escape(whole[dropped:], MOST_CHARACTERS)}</div>"

    def _rate_words(self, rows: Sequence[int] | None = None) -> str:
        last = [chunk for row, chunk in self._last.items() if rows is None or row in rows]
        tokens = sum(chunk.index + 1 for chunk in last)
        rates = [chunk.decode_tps for chunk in last]
        known = [rate for rate in rates if rate is not None]
        if len(known) == len(rates):
            words = [text("panel.output_rate", tokens=tokens, rate=quantity(sum(known), "tok/s"))]
        else:
            words = [text("panel.output_rate_unknown", tokens=tokens)]
        first_s = min(at for row, at in self._first_s.items() if rows is None or row in rows)
        words.append(text("panel.output_first", ttft=seconds(first_s)))
        reasons = {chunk.finish_reason for chunk in last if chunk.finish_reason is not None}
        words += [text(f"panel.finish.{reason}") for reason in sorted(reasons)]
        return " · ".join(words)


def _shared_text(found: SideBySide) -> int:
    """Characters that both answers begin with."""
    first, second = (answer.text for answer in found.answers)
    pairs = enumerate(zip(first, second, strict=False))
    return next((at for at, pair in pairs if pair[0] != pair[1]), min(len(first), len(second)))
