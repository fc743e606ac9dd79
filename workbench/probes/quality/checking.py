"""Answers that can be checked: what a model gives as its answer, and whether it is the right one. Pure functions."""

import re
import unicodedata

THINK_END = "</think>"

_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
_WRAPPED = re.compile(r"\\(?:text|mathrm|mathbf|textbf|mathit)\s*\{([^{}]*)\}")
_SAID = re.compile(
    r"(?:final answer|the answer|answer|答案|结果)\s*(?:is|are|为|是|:|=)+\s*[:*\s]*([^\n]+)", re.IGNORECASE
)
_NUMBER = re.compile(r"(?<![A-Za-z0-9_.])[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
_WEEKDAY = re.compile(r"(?:星期|礼拜|周)([一二三四五六日天])")


def thought(text: str) -> tuple[str, str | None]:
    """(the thinking, the answer after it); the answer is None where `</think>` was not reached."""
    before, end, after = text.partition(THINK_END)
    return before.removeprefix("<think>").strip(), after.strip() if end else None


def given(answer: str, expected: str) -> str | None:
    """What `answer` gives, of the kind that `expected` is: the last box, else what it says the answer is, else the
    last number, or for words the last line.

    None where there is none.
    """
    numeric = bool(re.fullmatch(r"-?\d+(\.\d+)?", expected))
    answer = unicodedata.normalize("NFKC", answer)
    if (box := _last_box(answer)) is not None:
        return _number(box, last=False) if numeric else _word(box)
    said = _SAID.findall(answer)
    if said and (found := _number(said[-1], last=False) if numeric else _word(_sentence(said[-1]))):
        return found
    if numeric:
        return _number(answer, last=True)
    lines = [line for line in answer.splitlines() if line.strip()]
    return _word(lines[-1]) if lines else None


def is_right(found: str | None, expected: str) -> bool:
    """Equal numbers, or equal words but for case and the marks around them."""
    if found is None:
        return False
    if re.fullmatch(r"-?\d+(\.\d+)?", expected):
        return float(found) == float(expected)
    wanted = _word(unicodedata.normalize("NFKC", expected))
    return found == wanted


def _last_box(text: str) -> str | None:
    """The contents of the last \\boxed{…}, braces inside it included; None also where it never closes."""
    starts = list(_BOXED.finditer(text))
    if not starts:
        return None
    start, depth = starts[-1].end(), 1
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return text[start:at]
    return None


def _number(text: str, *, last: bool) -> str | None:
    text = re.sub(r"\\[,!; ]|\{,\}", "", text)  # thousands in LaTeX
    found = _NUMBER.findall(text)
    return found[-1 if last else 0].replace(",", "") if found else None


def _sentence(text: str) -> str:
    return re.split(r"[.。!?！？\n]", text.strip(), maxsplit=1)[0]


def _word(text: str) -> str | None:
    """In lower case, without LaTeX and marks; a Chinese weekday as its one character."""
    bare = _WRAPPED.sub(r"\1", text)
    if day := _WEEKDAY.findall(bare):
        return "日" if day[-1] == "天" else str(day[-1])
    words = re.findall(r"\w+", bare.lower())
    return words[-1] if words else None
