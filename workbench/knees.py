"""Where the trade of latency for throughput turns: the knee of a batch scan. No torch.

The knee is the batch of the greatest power, throughput ÷ latency (Kleinrock's power metric; others find other knees:
SIGMETRICS Perform. Eval. Rev. 43(2), doi 10.1145/2825236.2825248). Here that is decode tokens/s ÷ time per output
token. Up to the knee a doubling of the batch multiplies throughput by more than √2 and latency by less; past it it is
the other way round. Where a step takes a + b × rows, as weights read once and work done by row make it, the knee lies
at a ÷ b rows.

How sure: a scan sees the knee only between its values, and neighbours whose power the intervals do not tell from the
greatest could be it too. The interval told reaches from the value below all these to the value above them.
"""

import math
from collections.abc import Sequence

from workbench.results import Knee, ScanPoint
from workbench.words import say
from workbench.words.format import number


def knee_of(line: int, points: Sequence[ScanPoint], largest: int | None) -> Knee:
    """The knee of one line's points, by value. `value` is None where none lies within, or fewer than three were seen.

    largest  rows that memory holds by the forecast; None: not known
    """
    if len(points) < 3:
        said = say("knee.too_few", values=len(points))
        return Knee(line=line, value=None, low=None, high=None, largest=largest, said=said)
    values = [point.value for point in points]
    powers = [_log_power(point) for point in points]
    best = max(range(len(points)), key=lambda at: powers[at][0])
    level, width = powers[best]
    alike = [
        at for at, (other, spread) in enumerate(powers) if level - other <= math.hypot(width, spread) or at == best
    ]
    first, last = alike[0], alike[-1]
    low = values[max(first - 1, 0)]
    high = values[last + 1] if last + 1 < len(values) else None
    gain = points[best].mean["decode_tps"] / points[0].mean["decode_tps"]
    told = {"first": values[0], "last": values[-1]}
    if best == len(points) - 1:
        return Knee(line=line, value=None, low=low, high=None, largest=largest, said=say("knee.beyond", **told))
    if best == 0 and values[0] > 1:
        return Knee(line=line, value=None, low=None, high=high, largest=largest, said=say("knee.before", **told))
    found = {"value": values[best], "low": low, "high": high, "gain": number(gain), **told}
    code = "knee.open" if high is None else "knee.at_once" if best == 0 else "knee.found"
    return Knee(line=line, value=values[best], low=low, high=high, largest=largest, said=say(code, **found))


def _log_power(point: ScanPoint) -> tuple[float, float]:
    """ln of tokens/s ÷ time per output token, and half its 95 % interval. Tokens/s are rows ÷ time per output token,
    run by run, so its spread is twice that of ln tokens/s."""
    mean = point.mean["decode_tps"]
    low, high = point.ci95.get("decode_tps", (0.0, math.inf))
    half = (math.log(high / low) if low > 0 and math.isfinite(high) else math.inf) / 2
    return math.log(mean / point.mean["tpot_s"]), 2 * half
