"""Errors about what was asked for."""

TEMPLATES = {
    "config.unknown_knob": (
        "There is no knob {knob!r}.",
        "Knobs: {knobs}.",
        "Nearest match: {nearest}.",
    ),
    "config.unknown_value": (
        "{knob}={value} is not possible.",
        "Allowed: {allowed}.",
        "Nearest match: {nearest}.",
    ),
    "config.sampling_at_zero": (
        "do_sample=True and temperature=0.0 cannot stand together.",
        "Sampling divides the logits by the temperature.",
        "For the likeliest token each time use do_sample=False; else a temperature above 0.",
    ),
    "config.cache_bits": (
        "The {backend} cache cannot keep {bits} bits.",
        "It keeps {allowed}.",
        "Choose one of these, or cache_bits='auto'.",
    ),
    "config.bad_workload": (
        "Workload: {field} {problem}.",
        "Given: {given}.",
        "Workload(prompt_tokens=256, new_tokens=64, batch_size=1) is the default; Workload.preset('chat') names one.",
    ),
    "config.not_a_config": (
        "This text is not a Config.",
        "{problem}",
        "Config.to_json() writes one.",
    ),
    "config.other_schema": (
        "This Config has the schema {schema}, this workbench reads {expected}.",
        "It was written by another version.",
        "Update: git pull && make lab.",
    ),
    "config.refused": (
        "{knob}={value} cannot be used here: {reason}.",
        "",
        "{remedy}.",
    ),
}
