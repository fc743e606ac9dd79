"""What is said while a model's behaviour is looked at: choices, reasoning, sensitivity, tasks."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "behaviour.choices": "scoring multiple-choice items",
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
