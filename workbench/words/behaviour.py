"""What is said while a model's behaviour is looked at: choices, reasoning, sensitivity, tasks."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "behaviour.choices": "scoring multiple-choice items",
    "reasoning.answering": "answering checkable questions",
    "reasoning.no_sampling": "the checkpoint names no sampling settings: temperature {temperature}, top_p {top_p}, as DeepSeek advises for R1",
    "reasoning.alone": "{share:.0%} of the answers right [{low:.0%}, {high:.0%}], {count} questions × {seeds} seeds",
    "reasoning.same": "{share:.0%} of the answers right, the reference {before:.0%}: no difference seen (difference {change:+.0%} [{low:+.0%}, {high:+.0%}])",
    "reasoning.better": "{share:.0%} of the answers right, the reference {before:.0%}: better by {change:+.0%} [{low:+.0%}, {high:+.0%}]",
    "reasoning.worse": "{share:.0%} of the answers right, the reference {before:.0%}: worse by {change:+.0%} [{low:+.0%}, {high:+.0%}]",
    "reasoning.cut": "{share:.0%} of the answers were cut off at {limit} tokens: with room to finish they may fare better",
    "tasks.running": "running {names}",
    "tasks.no_package": (
        "The package lm-eval is not installed.",
        "Its tasks and their scoring are not part of the workbench.",
        "{command}",
    ),
    "tasks.failed": (
        "{names} could not be run: {problem}",
        "The name may be unknown to the harness, or its data set may be out of reach.",
        "List the names with: lm-eval ls tasks. Offline, give a folder of task files with local data: include='FOLDER'.",
    ),
    "tasks.no_names": (
        "There is no task to run: {given}.",
        "",
        "Give the name of one or several, as the harness lists them: lm-eval ls tasks",
    ),
    "tasks.no_folder": ("There is no folder {folder}.", "", "Give a folder that holds task files (.yaml)."),
    "sensitivity.reading": "reading the weights in full",
    "sensitivity.trying": "trying {name} in full",
    "sensitivity.together": "trying the best {count} together",
    "sensitivity.leave": "Leave {names} unquantised: KLD {before:.2g} → {after:.2g} for {more:+.0%} memory.",
    "sensitivity.none": "No group of layers is worth leaving unquantised: with none of them in full is the KLD of {kld:.2g} clearly lower.",
    "sensitivity.budget": "the time was spent before {left} of {count} groups were tried",
    "sensitivity.not_quantized": (
        "No linear layer of this model is quantised.",
        "There is nothing that could be left in full.",
        "Apply a quantization first.",
    ),
    "sensitivity.attached": (
        "The weights before quantisation are not at hand.",
        "This model was attached as it is; where its weights came from is not known.",
        "Open it by its name or folder instead.",
    ),
    "sensitivity.no_originals": (
        "{name} has no weights in full: its files are {told}.",
        "What a layer lost cannot be told from what is left of it.",
        "Open the model that it was made of, and quantise that.",
    ),
    "sensitivity.not_finite": (
        "{bad} of {count} positions have NaN or Inf in their logits.",
        "Layers are ranked by KLD, which such positions have none of.",
        "Look at the quality first: another dtype, or another quantisation.",
    ),
    "sensitivity.no_room": (
        "The weights in full take {needed:.1f} GB beside the model; {free:.1f} GB are free.",
        "Weights of this source cannot stay on disk while they are compared.",
        "Use a model of safetensors files, or free memory.",
    ),
}
