"""Where one configuration overtakes another along a length: from ratios with intervals to a crossing. No torch.

Between two lengths the logarithm of the ratio is taken as linear in the logarithm of the length. A crossing is seen
only where one end of the range is clearly on one side of 1 and the other end clearly on the other; its interval lies
between the lengths at which the ratio's two bounds pass 1.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from workbench.results import Crossing, Interval

# (length, ratio b ÷ a, its 95 % interval or None)
Point = tuple[float, float, Interval | None]


def crossing(points: Sequence[Point]) -> Crossing | None:
    """The one crossing along `points`, by growing length; None where none is seen, or the ratio passes 1 to and fro."""
    ordered = sorted(points)
    sides = [_side(bounds) for _, _, bounds in ordered]
    clear = [side for side in sides if side]
    if sum(one != following for one, following in pairwise(clear)) != 1:
        return None
    last = max(at for at, side in enumerate(sides) if side == clear[0])
    first = min(at for at, side in enumerate(sides) if side == clear[-1])
    between = ordered[last : first + 1]
    rising = clear[0] < 0
    lows = [(length, bounds[0] if bounds else 0.0) for length, _, bounds in between]
    highs = [(length, bounds[1] if bounds else math.inf) for length, _, bounds in between]
    early, late = (highs, lows) if rising else (lows, highs)
    at = _passes([(length, ratio) for length, ratio, _ in between])
    low, high = _passes(early), _passes(late, last=True)
    if at is None or low is None or high is None:
        return None
    measured = between[0][0], between[-1][0]
    return Crossing(at=at, interval=(min(low, at), max(high, at)), b_below=rising, between=measured)


def _side(bounds: Interval | None) -> int:
    """-1 below 1, 1 above it, 0 where the interval holds it or is not known."""
    if bounds is None:
        return 0
    return -1 if bounds[1] < 1 else 1 if bounds[0] > 1 else 0


def _passes(curve: Sequence[tuple[float, float]], *, last: bool = False) -> float | None:
    """The length at which the curve passes 1; the first of several, or the last."""
    found = []
    for (x0, y0), (x1, y1) in pairwise(curve):
        if (y0 - 1) * (y1 - 1) > 0:
            continue
        if y0 == y1:
            found.append(x0)
        elif y0 <= 0 or y1 <= 0 or math.isinf(y0) or math.isinf(y1):  # a bound that is not known: anywhere between
            found.append(x1 if last else x0)
        else:
            share = math.log(y0) / (math.log(y0) - math.log(y1))
            found.append(math.exp(math.log(x0) + share * (math.log(x1) - math.log(x0))))
    return (found[-1] if last else found[0]) if found else None
