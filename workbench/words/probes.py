"""What probes say about their own numbers, and what running work is called."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "phase.working": "working",
    "phase.waiting": "waiting for the device",
    "phase.loading": "loading the model",
    "phase.switching": "changing a live setting",
    "phase.generating": "generating",
    "phase.warming_up": "warming up",
    "phase.measuring": "measuring",
    "phase.bandwidth": "measuring memory bandwidth",
    "progress.repeat": "run {done}, decode known to ±{percent}",
    "progress.warm_up": "warm-up",
    "flag.shared": "other processes used {cores} cores during the runs",
    "flag.budget": "stopped by the time budget at ±{percent} instead of ±{asked}",
    "flag.peak_sampled": "peak memory was sampled every {period_ms} ms, not read from the kernel",
    "why.pad_eos": "the tokenizer has no pad token: its end token is used",
    "why.eos_from_tokenizer": "the generation config names no end token: the tokenizer's is used",
    "why.threads_default": "this machine has not been measured; one thread per operation is safe beside other work",
    "why.no_such_token": "this tokenizer has no {token} token",
    "why.use_token_id": "give the id of the token to use",
    "probe.too_long": (
        "{prompt} prompt tokens and {new} new ones are {total}, beyond the context of {limit}.",
        "Positions past the trained context give text without meaning.",
        "Shorten the prompt, or ask for at most {room} new tokens.",
    ),
    "probe.empty_prompt": (
        "Prompt {index} is empty.",
        "A model continues from at least one token.",
        "Write something into it.",
    ),
    "probe.wrong_length": (
        "generate produced {produced} tokens where {asked} were asked.",
        "The work of this measurement would not be the same each time.",
        "Report this with the model's name: a measurement is not possible.",
    ),
}
