"""What is said of two configurations that should compute the same."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "agreement.same": "{b} and {a} agree to the last bit",
    "agreement.agrees": "{b} agrees with {a}: {times}× the distance of one more rounding, and no top token changes",
    "agreement.rounding": "{b} differs from {a} by rounding: {times}× the distance of one more rounding in {dtype}; {parts}",
    "agreement.lossy": "{b} differs from {a} by more than rounding ({times}×), as {knob} lets expect; {parts}",
    "agreement.wrong": "WRONG: {b} and {a} do not compute the same: {times}× the distance of one more rounding in {dtype}; "
    "{parts}. A fast wrong kernel is a bug, and its speed means nothing",
    "agreement.needs_reload": (
        "{knobs} cannot be asked for agreement on one resident model.",
        "The change needs a reload, and logits never leave the process that made them.",
        "Compare live configurations; session.compare compares the speed of the others.",
    ),
    "agreement.parts": "greedy answers part at token {index}, where the margin is {margin} logits",
    "agreement.never_parts": "greedy answers stay the same here",
}
