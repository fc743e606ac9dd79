"""What comparisons say."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "compare.same": (
        "Both sides of the comparison are the same: {config}.",
        "",
        "Name what differs, for example: session.compare(dict(attention='eager'), dict(attention='sdpa'))",
    ),
    "compare.needs_reload": (
        "{knobs} cannot be compared on one resident model.",
        "The change needs a reload, and pairs must be close in time to mean anything.",
        "Apply it, then compare the live knobs; or measure each and read their intervals.",
    ),
    "compare.pairs": "{pairs} pairs in {seconds} s; loop: {loop}",
    "compare.head.metric": "metric",
    "compare.head.ratio": "ratio",
    "compare.head.interval": "95 % interval",
    "compare.head.floor": "noise floor",
    "compare.against_help": "the other side: set one knob, as often as needed",
}
