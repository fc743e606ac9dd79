"""What is said while a model is brought onto this machine, and what may go wrong."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "phase.downloading": "downloading {name}",
    "hub.asking": "asking {host} for {name}",
    "hub.downloading": "downloading {name}",
    "hub.checking": "checking {file}",
    "hub.many_ggufs": (
        "{name} holds several GGUF files, and which one you mean is not known.",
        "Smallest first: {files}",
        "Fetch one of them, then open it: hf download {name} {first} --local-dir models; Session('models/{first}')",
    ),
    "hub.no_weights": (
        "The repository {name} has no weights that can be loaded.",
        "Neither .safetensors, .gguf nor pytorch_model.bin at its root; there: {found}.",
        "Check the name: weights are often in a sister repository.",
    ),
}
