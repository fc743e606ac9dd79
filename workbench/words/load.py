"""Errors about getting a model from where it lies."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "model.bad_name": (
        "{name} is not a model name.",
        "A name is demo, a hub id (owner/name), a local directory, a .gguf file, or random:<slug>.",
        "Try Session('demo').",
    ),
    "model.no_such_path": (
        "There is nothing at {path}.",
        "A name with slashes or dots in front is read as a local path.",
        "Check the path, or use a hub id (owner/name).",
    ),
    "model.not_a_model": (
        "{path} is not a model.",
        "A model directory has a config.json or a .gguf file; here: {found}.",
        "Name the folder that holds config.json and the .safetensors files.",
    ),
    "model.no_weights": (
        "{path} has a config.json but no weights.",
        "Neither .safetensors nor .gguf files are there; a download may have been cut off.",
        "Download the weights again, for example: hf download <id> --local-dir {path}",
    ),
    "model.pickle_only": (
        "{name} has its weights only as a pickle ({file}), which is not loaded.",
        "Unpickling can run whatever code the file contains. torch's weights_only loader builds tensors and refuses the rest.",
        "If you trust where it came from, say so: Session({name!r}, allow_pickle=True), or run: workbench convert {path}",
    ),
    "model.damaged_config": (
        "config.json of {path} cannot be used: {problem}.",
        "The file may be cut off or belong to something else.",
        "Download it again from where the model came from.",
    ),
    "model.damaged_weights": (
        "The weights of {name} are damaged: {problem}",
        "A download may have been cut off.",
        "Delete the damaged file and download it again.",
    ),
    "model.missing_tensors": (
        "{count} tensors of {name} are not in its weight files, for example {tensor}.",
        "transformers would fill them with random numbers.",
        "Download weights and config.json of one revision whole.",
    ),
    "model.remote_code": (
        "{name} needs code from its own repository, which is not run.",
        "trust_remote_code is off in this workbench and stays off.",
        "Use a model whose architecture transformers has built in, or a newer transformers.",
    ),
    "model.unknown_architecture": (
        "transformers does not know the architecture {architecture} of {name}.",
        "The model may be newer than the installed transformers.",
        "Update: pip install -U transformers; then run: workbench doctor",
    ),
    "model.not_causal": (
        "{name} ({architecture}) is not a causal language model.",
        "The workbench measures decoder-only text generation.",
        "Choose a model that AutoModelForCausalLM can load.",
    ),
    "model.hub_unreachable": (
        "{name} could not be fetched: {problem}",
        "The hub did not answer, or there is no such repository or revision.",
        "Check the name and the network (HF_ENDPOINT names a mirror, HF_TOKEN opens a gated repository), or give a local directory.",
    ),
    "model.load_failed": (
        "{name} could not be loaded: {problem}",
        "",
        "The config in force before is kept. Try another dtype or attention, or run: workbench doctor",
    ),
    "model.out_of_memory": (
        "Out of memory while {doing}: {problem}",
        "{said} What was resident before is resident again.",
        "{advice}",
    ),
    "model.not_back": (
        "Out of memory while {doing}: {problem}",
        "{said} There was no room for the model of before either: nothing is resident, and the next call tries again.",
        "{advice}",
    ),
}
