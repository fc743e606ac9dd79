"""Words of ceilings and of routed experts."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "phase.launches": "measuring launch latency",
    "phase.matmuls": "measuring matmul rates",
    "phase.experts": "measuring ways to compute experts",
    "progress.experts": "round {round} of the ways to compute experts",
    "experts.none": (
        "{name} has no routed experts.",
        "Its layers are dense: there is one way to compute them.",
        "Open a mixture of experts, such as random:deepseek-v2-lite?scale=tiny.",
    ),
    "experts.compiled": (
        "With compile={compile} the ways to compute experts are not compared.",
        "Compiled code is bound to one of them.",
        "Set compile=off first.",
    ),
}
