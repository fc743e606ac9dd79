"""Words about checkpoints that exist only as pickles, and their conversion to safetensors."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "phase.converting": "converting {name} to safetensors",
    "phase.waiting_for_conversion": "waiting for another process that converts {name}",
    "convert.hashing": "taking the checksum of {file} (MB)",
    "convert.writing": "converting {file} (MB)",
    "convert.foreign_layout": (
        "{name} has its weights in {file}, a pickle that transformers does not lay out so.",
        "It looks for pytorch_model.bin, or pytorch_model.bin.index.json with its parts.",
        "Use the model's version for transformers (hub repositories often end in -hf).",
    ),
    "convert.no_pickle": (
        "{name} has no pickle to convert.",
        "Its weights are of the kind: {kind}.",
        "Open it as it is: Session({name!r})",
    ),
    "convert.not_local": (
        "{name} is no folder on this machine.",
        "workbench convert takes the folder that holds pytorch_model.bin.",
        "For a hub id: Session({name!r}, allow_pickle=True) downloads and converts.",
    ),
    "convert.calls_code": (
        "{file} was not converted: besides tensors it asks for {call}.",
        "Unpickled in the usual way it would call that; torch's weights_only loader refused, and nothing of it ran.",
        "Treat the file as hostile unless you know why it asks for that. Use another source of this model, best one with safetensors.",
    ),
    "convert.unreadable": (
        "{file} cannot be read by torch's weights_only loader: {problem}",
        "It is cut off, no checkpoint at all, or written in an old format that only an unsafe loader reads.",
        "Download it again, or use another source of this model, best one with safetensors.",
    ),
    "convert.not_tensors": (
        "{file} holds something that is no tensor: {entry} is {kind}.",
        "safetensors holds named tensors and nothing else.",
        "Use the checkpoint that the model's authors publish for transformers.",
    ),
    "convert.odd_tensor": (
        "{entry} in {file} cannot be written as safetensors: {problem}",
        "Only dense tensors in common number formats can.",
        "Use the checkpoint that the model's authors publish for transformers.",
    ),
    "convert.altered": (
        "{file} changed while it was converted.",
        "Something else writes to that folder; a download may still be going on.",
        "Wait until the folder is at rest, then convert again.",
    ),
    "convert.disk_full": (
        "There is not enough space for the converted model in {path}: {needed} MB are needed, {free} MB are free.",
        "The copy is as large as the original.",
        "Free some space, name a folder on another disk (workbench convert PATH --output FOLDER), or set WORKBENCH_HOME.",
    ),
    "convert.not_writable": (
        "The converted model cannot be written to {path}.",
        "{problem}",
        "Make it writable, or name another folder: workbench convert PATH --output FOLDER",
    ),
    "convert.target_taken": (
        "{path} is not empty.",
        "A converted model is written into a folder of its own, which replaces nothing.",
        "Name a folder that does not exist yet.",
    ),
    "convert.died": (
        "The process that converted {name} ended early: {problem}",
        "Nothing of it is kept.",
        "Look for lack of memory (one weight file must fit), then convert again.",
    ),
    "convert.needs_yes": (
        "{name} has its weights only as a pickle ({file}); converting it needs an explicit yes.",
        "It is read with torch's weights_only loader in a process of its own, which builds tensors and refuses everything else.",
        "Run: workbench convert {path} --yes",
    ),
    "convert.question": "{file} of {name} is a pickle. Read it with torch's weights_only loader in a process of its own and write {size} MB of safetensors to {target}? Type yes: ",
    "convert.done": "{files} files, {size} MB; checksums in {manifest}",
    "convert.path_help": "folder with pytorch_model.bin, or with its parts and their index",
    "convert.output_help": "write the converted model into this new folder (default: models/converted in the home directory)",
    "convert.yes_help": "do not ask",
}
