"""How answers go wrong: where two of them part, and what a degenerating model does. Pure functions of ids and text."""

import re
from collections.abc import Sequence
from statistics import fmean

from workbench.results import AnswerPair, Degeneration, TokenPair

Ids = Sequence[int]

_LOOPS = 3  # times that a block stands at the end before it counts as a loop
_LOOP_TOKENS = 12  # and how long those repetitions are together at least
_PAIRS = {
    "(": ")",
    "[": "]",
    "{": "}",
    "（": "）",
    "［": "］",
    "【": "】",
    "〔": "〕",
    "《": "》",
    "〈": "〉",
    "「": "」",
}
_PAIRS |= {"『": "』", "“": "”"}
_OPENER = {closer: opener for opener, closer in _PAIRS.items()}
# what closes nothing and is right all the same: "1) first", "b) second", ":-)"
_FREE_CLOSER = re.compile(r"(?:^[ \t]*(?:\d+|[A-Za-z])|[:;]-?)\)\Z", re.MULTILINE)
_CHINESE = r"[\u3400-\u4dbf\u4e00-\u9fff]"
_HALF_AFTER_CHINESE = re.compile(rf"{_CHINESE}[,;:?!]|{_CHINESE}\.(?=\s|\Z|{_CHINESE})")
_FULL = re.compile(r"[，。；：？！、]")


def parts_at(reference: Ids, candidate: Ids) -> int | None:
    """Index of the first token that differs, the end of the shorter one included; None: the same throughout."""
    for index, (own, other) in enumerate(zip(reference, candidate, strict=False)):
        if own != other:
            return index
    return None if len(reference) == len(candidate) else min(len(reference), len(candidate))


def distinct(ids: Ids, length: int) -> float | None:
    """Different runs of `length` tokens ÷ all of them (distinct-n: Li et al. 2016, arXiv 1510.03055); None: no run."""
    runs = [tuple(ids[at : at + length]) for at in range(len(ids) - length + 1)]
    return len(set(runs)) / len(runs) if runs else None


def repeated_4grams(ids: Ids) -> float:
    """Share of the runs of four tokens that were there before."""
    different = distinct(ids, 4)
    return 0.0 if different is None else 1 - different


def loops(ids: Ids) -> bool:
    """Whether the end is one block three times or more, over at least twelve tokens."""
    for period in range(1, len(ids) // _LOOPS + 1):
        length = max(_LOOPS * period, _LOOP_TOKENS)
        if length > len(ids):
            continue
        tail = ids[len(ids) - length :]
        if all(tail[at] == tail[at - period] for at in range(period, length)):
            return True
    return False


def unbalanced(text: str, *, ended: bool) -> bool:
    """Whether a bracket or a quote closes what was never opened, or another kind; or, in an answer that ended, is open.

    An answer that was cut off may leave brackets open.
    """
    open_ones: list[str] = []
    for at, character in enumerate(text):
        if character in _PAIRS:
            open_ones.append(character)
        elif character in _OPENER:
            if not open_ones and _FREE_CLOSER.search(text[: at + 1]):
                continue
            if not open_ones or open_ones.pop() != _OPENER[character]:
                return True
    straight = text.count('"') % 2 == 1
    fences = text.count("```") % 2 == 1
    return ended and (bool(open_ones) or straight or fences)


def mixed_widths(text: str) -> bool:
    """Whether Chinese is punctuated with half-width and full-width marks in one text."""
    return bool(_HALF_AFTER_CHINESE.search(text)) and bool(_FULL.search(text))


def degeneration(
    pairs: Sequence[AnswerPair], ids: Sequence[tuple[Ids, Ids]], ended: Sequence[tuple[bool, bool]]
) -> Degeneration:
    """Of answers, each of (reference, candidate).

    pairs  for their text; ids: the tokens, the end token included; ended: by an end token, not by the limit
    """
    sides = (0, 1)
    bodies = [
        [tuple(one[side][: -1 if end[side] else None]) for one, end in zip(ids, ended, strict=True)] for side in sides
    ]
    texts = [
        [
            _written(pair.reference if side == 0 else pair.candidate, end[side])
            for pair, end in zip(pairs, ended, strict=True)
        ]
        for side in sides
    ]
    spoilt = [
        [unbalanced(text, ended=end[side]) or mixed_widths(text) for text, end in zip(texts[side], ended, strict=True)]
        for side in sides
    ]
    both = [(len(own), len(other)) for own, other in zip(*bodies, strict=True)]
    return Degeneration(
        answers=len(pairs),
        repeat_4gram=_of_both([[repeated_4grams(body) for body in bodies[side]] for side in sides]),
        ended=_of_both([[end[side] for end in ended] for side in sides]),
        looping=_of_both([[loops(body) for body in bodies[side]] for side in sides]),
        unbalanced=_of_both(spoilt),
        ended_early=_mean([end[1] and 2 * other < own for (own, other), end in zip(both, ended, strict=True)]),
        end_missing=_mean([own and not other for own, other in ended]),
    )


def _written(pieces: Sequence[TokenPair], ended: bool) -> str:
    return "".join(piece.text for piece in (pieces[:-1] if ended else pieces))


def _of_both(sides: Sequence[Sequence[float]]) -> tuple[float, float]:
    return _mean(sides[0]), _mean(sides[1])


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0
