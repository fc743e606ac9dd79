"""Words about checkpoints whose files are quantised."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "checkpoint.already": (
        "{name} is quantised in its files ({told}); {asked} cannot be made of it.",
        "Quantising what is rounded already would measure both errors, and transformers refuses it.",
        "Choose quantization='auto' to have it as it is, or open the model's checkpoint in 16 bits.",
    ),
    "checkpoint.not_in_full": (
        "{name} is quantised in its files ({told}) and cannot be had in full.",
        "transformers loads {method} weights only as they are; what the rounding took is not in the files.",
        "Choose quantization='auto', or open the model's checkpoint in 16 bits.",
    ),
    "checkpoint.no_copy": (
        "There is no {asked} copy of {name} here{group}.",
        "{asked} weights are made once, from a text that is run through the model; they are not made while loading.",
        "Make it: {command}",
    ),
    "checkpoint.no_files": (
        "{name} cannot be opened as {asked}.",
        "Such weights are made of a checkpoint in safetensors, and this has none.",
        "Choose another quantization, or a model that has its weights in safetensors.",
    ),
    "checkpoint.in_groups_of": " in groups of {size}",
    "checkpoint.needs_package": (
        "{name} is quantised in its files ({told}) and needs {packages} to be loaded.",
        "transformers has its kernels from there, and it is not installed.",
        "Install it: {command}",
    ),
    "checkpoint.fp8_kernels": (
        "{name} is quantised in its files ({told}) and cannot be multiplied so here.",
        "transformers fetches the kernel for it through the package kernels, which is not installed in a version it takes.",
        "Choose quantization='none' to have it dequantised, twice the bytes; or install: {command}",
    ),
    "checkpoint.fp8_dequantized": "FP8 needs a GPU of compute capability 8.9: dequantised to {dtype}, twice the bytes",
    "checkpoint.fp8_needs_gpu": (
        "Weights cannot be made FP8 on {device}.",
        "transformers quantises to FP8 on a GPU of compute capability 8.9 or newer.",
        "Choose torchao-int8-weight, or quantization='auto'.",
    ),
}
