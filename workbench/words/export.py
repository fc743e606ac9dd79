"""Words of the room export."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "export.unknown_target": (
        "There is no export target {target!r}.",
        "Targets: {targets}.",
        "Nearest match: {nearest}.",
    ),
    "export.random_weights": (
        "{model} has random weights: there is no checkpoint that code could load.",
        "Random models stand for an architecture's speed, not for a model to use.",
        "Export the configuration alone with the target 'json', or name the real checkpoint as model.",
    ),
    "export.gguf_quantized": (
        "{model} is a GGUF file, and its weights are quantised anew in this configuration.",
        "transformers unpacks the file by way of one quantiser and takes only one: code would need the session's own road.",
        "Export with quantization='auto', or from a checkpoint in safetensors.",
    ),
    "export.no_demo": (
        "The demo model is not in the home directory, so there is no directory that the code could load.",
        "It is converted when a session first opens it.",
        "Open wb.Session('demo') once, or name another model.",
    ),
}
