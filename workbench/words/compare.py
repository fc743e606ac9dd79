"""What comparisons say."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "compare.same": (
        "Both sides of the comparison are the same: {config}.",
        "",
        "Name what differs, for example: session.compare(dict(attention='eager'), dict(attention='sdpa'))",
    ),
    "compare.not_live": (
        "{knobs} cannot be compared on one resident model.",
        "The change needs a reload.",
        "Leave way open: two engines or loads that alternate do it.",
    ),
    "compare.one_process": (
        "Two engines need a worker process for each.",
        "This session's engine lives in the notebook's own process.",
        "Open the session with host='process', or compare with way='alternating'.",
    ),
    "compare.unknown_way": ("There is no way {way}.", "Ways: {ways}.", "Leave it out: the workbench picks one."),
    "cost.live": "on the resident model, no load; {measuring}",
    "cost.live_elsewhere": "on one resident model, loaded there and back ({loads} × {each}); then {measuring}. "
    "A quick estimate, which is no verdict: {quick}",
    "cost.two_engines": "two engines side by side, {size} more memory; loads: {loads} × {each}; {total} in all. "
    "A quick estimate, which is no verdict: {quick}",
    "cost.alternating": "one engine that reloads by turns; loads: {loads} × {each}; {total} in all. "
    "A quick estimate, which is no verdict: {quick_loads} loads, {quick}",
    "cost.about": "about {time}",
    "cost.at_most": "at most {time}",
    "progress.second_engine": "a second engine beside this one",
    "compare.pairs_live": "{pairs} pairs in {seconds} s on one resident model; loop: {loop}",
    "compare.pairs_two_engines": "{pairs} pairs in {seconds} s in two engines, {loads} loads; loop: {loop}",
    "compare.pairs_alternating": "{pairs} pairs of loads in {seconds} s, {loads} loads; loop: {loop}",
    "compare.quick_help": "a quick estimate, marked as no verdict",
    "compare.way_help": "how to compare knobs that reload (default: two engines where memory holds them, else loads that alternate)",
    "compare.head.metric": "metric",
    "compare.head.ratio": "ratio",
    "compare.head.interval": "95 % interval",
    "compare.head.floor": "noise floor",
    "compare.against_help": "the other side: set one knob, as often as needed",
}
