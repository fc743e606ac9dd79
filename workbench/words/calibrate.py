"""Words about quantising with a calibration text: GPTQ and AWQ."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "phase.quantizing": "quantising {name} with {method}",
    "phase.waiting_for_quantize": "waiting for another process that quantises {name}",
    "calibrate.layers": "quantising the layers of {name}",
    "calibrate.method": (
        "There is no method {method!r}.",
        "With a calibration text: {methods}.",
        "The formats that need none are values of the knob quantization, made while loading.",
    ),
    "calibrate.bits": (
        "{method} with {bits} bits is not offered.",
        "Its kernels load: {known}.",
        "Choose one of these with --bits.",
    ),
    "calibrate.group": (
        "A group of {size} weights is not offered.",
        "Known: {known}.",
        "Choose one of these with --group-size.",
    ),
    "calibrate.rows": (
        "Groups of {size} weights do not divide the rows of {name}.",
        "{tensor} has rows of {row}.",
        "Choose a group size that does: {fitting}.",
    ),
    "calibrate.too_little": (
        "The calibration text is too short: {tokens} tokens of {name}'s tokenizer.",
        "At least {least} are needed, in passages of more than 10; a few thousand are better.",
        "Give a longer text with --calibration, or leave it out to use the workbench's own.",
    ),
    "calibrate.no_files": (
        "{name} cannot be quantised into a copy.",
        "That takes a checkpoint in safetensors; this has none.",
        "Name a hub id or a folder with config.json and .safetensors files.",
    ),
    "calibrate.quantized": (
        "{name} is quantised already ({told}).",
        "Rounding it again would add a second error to the first.",
        "Name the model's checkpoint in 16 bits.",
    ),
    "calibrate.experts": (
        "{name} has routed experts: a GPTQ or AWQ copy of it could not be loaded.",
        "gptqmodel writes every expert for itself; transformers 5 keeps them fused, finds none of them in such files, and would fill them with random numbers.",
        "Choose a format that is made while loading (bnb-nf4, torchao-int8-weight), and look at its census: those leave the experts in full.",
    ),
    "calibrate.needs_package": (
        "gptqmodel and optimum are not both installed.",
        "They make GPTQ and AWQ weights and compute with them; gptqmodel takes numpy down to 2.2, so they are no part of the default installation.",
        "Run: {command}",
    ),
    "calibrate.disk_full": (
        "There is not enough space in {path}: {needed} MB are needed, {free} MB are free.",
        "gptqmodel moves layers to the disk while it works, and the copy is written there.",
        "Free some space, or set WORKBENCH_HOME to a folder on another disk.",
    ),
    "calibrate.died": (
        "The process that quantised {name} ended early: {problem}",
        "Nothing of it is kept.",
        "Look for lack of memory, then try again.",
    ),
    "calibrate.done": "{method} {bits}-bit in groups of {group_size}, {size} MB, {seconds} s; calibrated by {text}: {tokens} tokens",
    "calibrate.leaked": "note: the calibration text shares passages with the evaluation ({domains}); quality judged on those flatters this copy",
    "calibrate.few_tokens": "note: {tokens} tokens for layers of up to {widest} inputs: a longer text gives GPTQ more to go by",
    "calibrate.method_help": "gptq or awq (default: gptq)",
    "calibrate.bits_help": "of one weight (default: 4)",
    "calibrate.group_help": "weights of a row that share a scale (default: 64)",
    "calibrate.text_help": "UTF-8 text to calibrate with, passages apart by empty lines (default: the workbench's own)",
}
