"""What is said of the length at which one configuration overtakes another."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "progress.crossover": "{tokens} prompt tokens",
    "crossover.crosses": "{what}: {first} is ahead up to {at} prompt tokens {interval}, {second} beyond",
    "crossover.always": "{what}: {name} is ahead at every length from {low} to {high}: no crossing seen in this range",
    "crossover.unclear": "{what}: no crossing seen from {low} to {high} prompt tokens; {ahead} of {all} lengths show a "
    "difference",
    "crossover.needs_gpu": (
        "A crossover between CPU and GPU needs both.",
        "This machine has no CUDA GPU that torch can use.",
        "Give two configurations: session.crossover(dict(threads=1), dict(threads=2)); or run it where a GPU is.",
    ),
    "crossover.one_engine": (
        "Both configurations cannot be resident at once.",
        "{reason}.",
        "Compare them at one length: session.compare(a, b), which reloads by turns.",
    ),
    "crossover.no_room": "memory does not hold a second engine beside this one",
    "crossover.lengths": (
        "The lengths {lengths} cannot be tried.",
        "They are prompt tokens from 1, each larger than the one before, two at least.",
        "Leave them out for 8, 32, 128, 512 as far as the context goes.",
    ),
    "crossover.head.tokens": "prompt tokens",
    "crossover.head.ttft": "TTFT {name}",
    "crossover.head.ratio": "TTFT {b} ÷ {a}",
    "crossover.head.decode": "decode {b} ÷ {a}",
    "crossover.lengths_help": "prompt tokens parted by commas (default: 8,32,128,512 as far as the context goes)",
    "crossover.against_help": "knobs of the second configuration; may be repeated (default: CPU against GPU)",
    "chart.crossover.title": "From which prompt length is {b} ahead of {a}?",
    "chart.crossover.x": "prompt tokens",
    "chart.crossover.y": "{b} ÷ {a}",
    "chart.crossover.hover": "{tokens} tokens, {what}: {ratio} {interval}<br>n = {pairs}",
    "crossover.shared": "shared, no verdict at {lengths} of {all} lengths: other processes were busy",
}
