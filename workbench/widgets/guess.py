"""What somebody expected, beside what ran: the answer comes from the run, never from the text."""

import math
from collections.abc import Mapping
from typing import Any

from workbench.constraints import shown
from workbench.metrics import METRICS, Better
from workbench.results import Comparison, Sweep
from workbench.widgets.table import Table
from workbench.words import text, translate
from workbench.words.format import interval, knob_value, number

_NEAR = 0.05  # a guess so close counts as right where nothing tells how well the answer is known


class Guess:
    """`Guess(decode_tps=20)` before the run, `.against(measurement)` after it.

    Names are metrics of the result, or any words: `Guess({"which wins": "sdpa"}).against({"which wins": "eager"})`. Of
    a comparison, whose metrics may be named as well: "faster", "slower" or "no difference", of b against a. Of a sweep
    knobs, with the value that wins.
    """

    def __init__(self, given: Mapping[str, Any] | None = None, **more: Any) -> None:
        self.expected: dict[str, Any] = {**(given or {}), **more}

    def against(self, ran: Any) -> Table:
        """A row for each guess: what was expected, what ran with its interval where it has one, how far off it was.

        ran  a result that has the guessed names, or a mapping of them; None: it was not found out. KeyError for a
             name that it lacks.
        """
        rows = []
        for name, guess in self.expected.items():
            if isinstance(ran, Comparison) and isinstance(guess, str):
                said, judged = _verdict(ran, name, guess)
            elif isinstance(ran, Sweep):
                said, judged = _race(ran, name, guess)
            else:
                value, bounds = _found(ran, name)
                said, judged = _ran(name, value, bounds), _judged(guess, value, bounds)
            rows.append((_label(name), _shown(name, guess), said, judged))
        return Table(tuple(text(f"guess.{name}") for name in ("expected", "ran", "off")), tuple(rows))

    def __repr__(self) -> str:
        said = ", ".join(f"{_label(name)}: {_shown(name, guess)}" for name, guess in self.expected.items())
        return text("guess.said", said=said)


def _found(ran: Any, name: str) -> tuple[Any, tuple[float, float] | None]:
    if isinstance(ran, Mapping):
        return ran[name], None
    if not hasattr(ran, name):
        raise KeyError(name)
    bounds: tuple[float, float] | None = (getattr(ran, "ci95", None) or {}).get(name)
    return getattr(ran, name), bounds if bounds and all(map(math.isfinite, bounds)) else None


def _verdict(ran: Comparison, metric: str, guess: str) -> tuple[str, str]:
    """The verdict's sentence, and whether it says what was guessed; a refusal of a verdict is no wrong guess."""
    said = str(ran.verdict[metric])
    if ran.shared or ran.quick:
        return said, text("guess.no_verdict")
    found = "no difference"
    if metric in ran.seen:
        better = (ran.ratio[metric] > 1) is (METRICS[metric].better is Better.HIGHER)
        found = "faster" if better else "slower"
    return said, text("guess.right" if guess == found else "guess.other")


def _race(ran: Sweep, knob: str, guess: Any) -> tuple[str, str]:
    """The leader's value of a knob, and whether it was guessed; what was not told apart from it is no wrong guess."""
    if ran.winner is None:
        return text("guess.no_answer"), text("guess.no_answer")
    best, *front = (ran.points[ran.winner], *(point for point in ran.points if point.state == "front"))
    value = best.config[knob]
    if guess == value:
        return knob_value(value), text("guess.right")
    among = any(point.config[knob] == guess for point in front)
    return knob_value(value), text("guess.among" if among else "guess.other")


def _label(name: str) -> str:
    return translate(METRICS[name].label) if name in METRICS else name


def _shown(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return knob_value(value)
    return shown(name, value) if name in METRICS else number(value)


def _ran(name: str, value: Any, bounds: tuple[float, float] | None) -> str:
    return f"{_shown(name, value)} {interval(bounds)}" if bounds else _shown(name, value)


def _judged(guess: Any, value: Any, bounds: tuple[float, float] | None) -> str:
    if value is None:
        return text("guess.no_answer")
    both = (guess, value)
    if any(isinstance(each, bool) or not isinstance(each, int | float) for each in both) or guess <= 0 or value <= 0:
        return text("guess.right" if guess == value else "guess.other")
    low, high = bounds or (value / (1 + _NEAR), value * (1 + _NEAR))
    if low <= guess <= high:
        return text("guess.within" if bounds else "guess.right")
    code = "guess.high" if guess > value else "guess.low"
    return text(code, ratio=f"{max(guess / value, value / guess):.2f}×")
