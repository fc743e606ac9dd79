"""What a verification comes to: from tokens, differences and pairs to a sentence. No torch, no clock, no process."""

import math
from collections.abc import Sequence
from typing import Any

from workbench.judging import floor_of
from workbench.pairing import Gathered, judged_of
from workbench.results import Answers, Verification
from workbench.results.verification import Speed
from workbench.words import Message, say
from workbench.words.format import interval, printable

JUDGED = "decode_tps"
KNOWN = 0.1  # half width of an interval that still says something of a speed
_NAMES = ("session", "snippet")


def judged(
    *,
    answers: Sequence[Answers],
    differences: Sequence[Message],
    gathered: Gathered | None,
    problem: Message | None,
    tolerance: float,
    estimate: bool,
    without_workbench: bool,
    flags: Sequence[Message],
    **fields: Any,
) -> Verification:
    """The Verification that follows; the remaining `fields` as they are.

    ok: nothing differs, and decode is known, and not seen to lie more than `tolerance` away. An interval that reaches
    out of the tolerance from within is said in words and does not fail it, as long as it is narrow enough to say
    anything; nor does an estimate, which has none, nor a machine too busy for a verdict, which is said.
    """
    pairs = _of_pairs(gathered, estimate)
    ratio, bounds = pairs.get("ratio", {}).get(JUDGED), pairs.get("ci95", {}).get(JUDGED)
    speed = "shared" if gathered and gathered.shared and bounds is not None else _speed(bounds, tolerance)
    same = all(each.parts_at is None for each in answers) if answers else None
    noted = [*flags, *(gathered.flags if gathered else ())]
    wrong = _wrong(problem, without_workbench, differences, answers)
    if wrong is not None:
        verdict = say("verify.not", problem=str(wrong))
    else:
        verdict = _of_speed(answers, ratio, bounds, speed, tolerance)
    return Verification(
        ok=wrong is None and ratio is not None and speed not in ("differs", "unknown"),
        same_tokens=same,
        answers=tuple(answers),
        differences=tuple(differences),
        speed_ratio=ratio,
        **pairs,
        speed=speed,
        tolerance=tolerance,
        way="by_turns" if estimate else "beside",
        without_workbench=without_workbench,
        problem=problem,
        verdict=verdict,
        flags=tuple(noted),
        **fields,
    )


def _of_pairs(gathered: Gathered | None, estimate: bool) -> dict[str, Any]:
    if gathered is None:
        return {}
    found = judged_of(gathered, floor_of(gathered.same), _NAMES, quick=estimate)
    kept = {name: found[name] for name in ("ratio", "ci95", "noise_floor", "samples")}
    return {**kept, "pairs": len(gathered.pairs), "set_aside": gathered.set_aside, "stopped_by": gathered.stopped_by}


def _speed(bounds: tuple[float, float] | None, tolerance: float) -> Speed | None:
    """Where decode lies against 1 ± tolerance."""
    if bounds is None:
        return None
    low, high = bounds
    if low > 1 + tolerance or high < 1 - tolerance:
        return "differs"
    if low >= 1 - tolerance and high <= 1 + tolerance:
        return "within"
    return "open" if math.sqrt(high / low) - 1 <= KNOWN else "unknown"


def _wrong(
    problem: Message | None, without_workbench: bool, differences: Sequence[Message], answers: Sequence[Answers]
) -> Message | None:
    """The first thing that is not as promised, the gravest first; None: nothing but perhaps the speed."""
    if problem is not None:
        return problem
    if not without_workbench:
        return say("verify.imported")
    if differences:
        return differences[0]
    for each in answers:
        if each.parts_at is not None:
            row, token = each.parts_at
            return say("verify.tokens", token=token + 1, prompt=printable(each.prompts[row], 60))
    return None


def _of_speed(
    answers: Sequence[Answers],
    ratio: float | None,
    bounds: tuple[float, float] | None,
    speed: Speed | None,
    tolerance: float,
) -> Message:
    counted = {"tokens": sum(each.tokens for each in answers), "prompts": sum(len(each.prompts) for each in answers)}
    shown = {"ratio": f"{ratio:.3f}", "percent": f"{100 * tolerance:g}"}
    shown["interval"] = interval(bounds, 4) if bounds else ""
    match speed:
        case "differs":
            return say("verify.slow", **shown)
        case "unknown":
            return say("verify.unknown", **counted, **shown)
        case "open":
            return say("verify.ok_open", **counted, **shown)
        case "shared":
            return say("verify.ok_shared", **counted, **shown)
        case "within":
            return say("verify.ok", **counted, **shown)
    return say("verify.ok_estimate", **counted, **shown)
