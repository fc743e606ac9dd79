"""Answers of two configurations side by side: where they part first, and how sure each was of every token."""

from collections.abc import Sequence

from workbench.results import AnswerPair, TokenPair
from workbench.results.quality import domain_words
from workbench.words import text
from workbench.words.format import escape, number, printable, share

MOST_ANSWERS = 16
MOST_TOKENS = 400
MOST_CHARACTERS = 4000
_UNSURE = 0.5  # a token of less is marked: it was no clear choice


class TextDiff:
    """For a notebook's cell: what `html` gives, with the styles that a page without the panel lacks."""

    def __init__(self, answers: Sequence[AnswerPair], reference: str, candidate: str) -> None:
        self._answers = tuple(answers)
        self._names = reference, candidate

    def _repr_html_(self) -> str:
        return f"<style>{_STYLE}</style>{html(self._answers, *self._names)}"

    def __repr__(self) -> str:
        lines: list[str] = []
        for answer in self._answers[:MOST_ANSWERS]:
            said = zip(self._names, (answer.reference_text, answer.candidate_text), strict=True)
            lines += [answer.prompt, *(f"  {name}: {whole}" for name, whole in said), f"  {_parting(answer)}", ""]
        return "\n".join(printable(line, MOST_CHARACTERS) for line in lines)


def html(answers: Sequence[AnswerPair], reference: str, candidate: str) -> str:
    """A row for each prompt, those that part first on top; every token has its probability as a tooltip. Escaped."""
    if not answers:
        return f"<div class='wb-note'>{escape(text('diff.none'))}</div>"
    first = sorted(answers, key=lambda each: (each.parts_at is None, each.parts_at or 0))
    shown = "".join(_row(answer, reference, candidate) for answer in first[:MOST_ANSWERS])
    key = escape(text("diff.key", share=f"{_UNSURE:.0%}"))
    return f"<div class='wb-diff'><div class='wb-note'>{key}</div>{shown}</div>"


def _row(answer: AnswerPair, reference: str, candidate: str) -> str:
    sides = zip((reference, candidate), (answer.reference, answer.candidate), strict=True)
    columns = "".join(
        f"<div class='wb-diff-side'><div class='wb-diff-name'>{escape(name, 60)}</div>"
        f"<div class='wb-diff-text'>{_tokens(tokens, answer.parts_at)}</div></div>"
        for name, tokens in sides
    )
    title = f"<b>{escape(answer.prompt, 300)}</b> <span class='wb-note'>{escape(domain_words(answer.domain))}</span>"
    return (
        f"<div class='wb-diff-row'><div>{title}</div><div class='wb-diff-sides'>{columns}</div>"
        f"<div class='wb-note'>{escape(_parting(answer), 300)}</div></div>"
    )


def _tokens(tokens: Sequence[TokenPair], parts_at: int | None) -> str:
    written = []
    for place, token in enumerate(tokens[:MOST_TOKENS]):
        classes = [
            *(["wb-diff-after"] if parts_at is not None and place > parts_at else []),
            *(["wb-diff-here"] if place == parts_at else []),
            *(["wb-diff-unsure"] if token.p < _UNSURE else []),
        ]
        told = escape(text("diff.token", p=share(token.p), top_p=share(token.top_p)))
        mark = "▲" if place == parts_at else ""  # not by colour alone
        written.append(f"<span class='{' '.join(classes)}' title='{told}'>{mark}{escape(token.text)}</span>")
    if parts_at is not None and parts_at >= len(tokens):
        written.append(f"<span class='wb-diff-here'>▲{escape(text('diff.ended'))}</span>")
    return "".join(written)


def _parting(answer: AnswerPair) -> str:
    if answer.parts_at is None:
        return text("diff.same")
    if answer.margin is None:
        return text("diff.parts", token=answer.parts_at + 1)
    return text("diff.parts_margin", token=answer.parts_at + 1, margin=number(answer.margin))


_STYLE = """
.wb-diff-row { padding: 6px 0; }
.wb-diff-sides { display: flex; flex-wrap: wrap; gap: 4px 16px; }
.wb-diff-side { flex: 1 1 260px; min-width: 0; }
.wb-diff-name { opacity: 0.75; font-size: 0.9em; }
.wb-diff-text { white-space: pre-wrap; overflow-wrap: anywhere; }
.wb-diff-after { opacity: 0.8; }
.wb-diff-here { font-weight: 700; outline: 1px solid currentColor; }
.wb-diff-unsure { text-decoration: underline dotted; }
"""
