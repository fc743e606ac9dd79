"""Words of what somebody expected, beside what ran."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "guess.said": "expected: {said}",
    "guess.expected": "expected",
    "guess.ran": "ran",
    "guess.off": "how far off",
    "guess.right": "right",
    "guess.other": "another answer",
    "guess.no_verdict": "no verdict, so no answer",
    "guess.among": "not decided: among those not told apart",
    "guess.no_answer": "no answer",
    "guess.within": "within the interval",
    "guess.high": "{ratio} too high",
    "guess.low": "{ratio} too low",
}
