"""What is wrong with the files of a model, told before it is loaded."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "integrity.empty": (
        "{file} of {name} is empty.",
        "A download may have been cut off, or the disk was full.",
        "Delete {file} and download it again.",
    ),
    "integrity.web_page": (
        "{file} of {name} is a web page, not a file of the model.",
        "A proxy, a login page or a wrong link answered in the place of the hub.",
        "Open {file} in a text editor to see who answered; then delete it and download it again.",
    ),
    "integrity.lfs_pointer": (
        "{file} of {name} is only a Git LFS pointer: a note that names the real file.",
        "The repository was cloned without Git LFS.",
        "In the model's folder run: git lfs install && git lfs pull",
    ),
    "integrity.not_json": (
        "{file} of {name} is no valid JSON: {problem}.",
        "The file may be cut off or was edited by hand.",
        "Delete {file} and download it again.",
    ),
    "integrity.no_config": (
        "{name} has no config.json.",
        "Without it the architecture is not known.",
        "Download config.json from where the weights came from into the same folder.",
    ),
    "integrity.no_tokenizer": (
        "{name} has no tokenizer.",
        "None of these files is there: {files}.",
        "Download the tokenizer's files from where the weights came from into the same folder.",
    ),
    "integrity.missing_shards": (
        "{count} weight files of {name} are missing: {files}.",
        "{index} names them. {leftovers}",
        "Download them; what is complete is kept: hf download <id> --local-dir <folder>",
    ),
    "integrity.cut_off_shard": (
        "{file} of {name} is not complete: {problem}.",
        "A download was cut off, or another file took its place. {leftovers}",
        "Delete {file} and download it again: hf download <id> {file} --local-dir <folder>",
    ),
    "integrity.still_written": (
        "{file} of {name} is not complete: {control} lies beside it.",
        "{program} keeps that file until the download is done; the weights already have their full length.",
        "Let {program} finish it, or delete both and download again.",
    ),
    "integrity.absent_tensor": (
        "{file} of {name} does not hold {tensor}, which {index} says it does ({count} such tensors).",
        "Files of two different downloads or revisions are mixed, or the index belongs to another model.",
        "Delete the index and the weight files and download one revision whole.",
    ),
    "integrity.two_downloads": (
        "{name} mixes weight files of two downloads: {files}.",
        "{problem}",
        "Delete those that do not belong and download one revision whole.",
    ),
    "integrity.no_index": (
        "{name} has its weights in several files, but no {index}.",
        "It says which file holds what, and comes with the weights. {leftovers}",
        "Download it: hf download <id> {index} --local-dir <folder>",
    ),
    "integrity.other_names": (
        "{name} has weights under a name that transformers does not look for: {files}.",
        "It looks for {wanted}.",
        "Rename the file, or name the folder that holds the whole model.",
    ),
    "integrity.adapter": (
        "{name} is an adapter ({file}), not a whole model.",
        "It changes a base model: {base}.",
        "Merge it first (peft: model.merge_and_unload(), then save_pretrained), or name the base model.",
    ),
    "integrity.bad_index": (
        "{file} of {name} is no index of weights.",
        "It has no weight_map from tensors to files of this folder.",
        "Delete {file} and download it again.",
    ),
    "integrity.no_layers": (
        "{name} lacks the weights of {count} layers, for example layer {layer}.",
        "config.json speaks of {layers} layers; transformers would fill what is missing with random numbers.",
        "Download weights and config.json of one revision whole.",
    ),
    "integrity.other_shape": (
        "config.json and weights of {name} do not belong together.",
        "{tensor} is {shape}, config.json speaks of {expected}.",
        "Download weights and config.json of one revision whole.",
    ),
    "integrity.gguf_not": (
        "{file} of {name} is no GGUF file.",
        "It does not begin with the letters GGUF, or is far too short.",
        "Delete {file} and download it again.",
    ),
    "integrity.gguf_version": (
        "{file} of {name} is a GGUF file of version {version}.",
        "Versions 2 and 3 are read.",
        "Convert it anew with a current llama.cpp, or download a newer file.",
    ),
    "integrity.gguf_header": (
        "The header of {file} of {name} cannot be read: the file ends after {size} bytes, or is damaged before that.",
        "A download may have been cut off.",
        "Delete {file} and download it again.",
    ),
    "integrity.gguf_cut_off": (
        "{file} of {name} is cut off: it has {size} bytes, its header describes at least {needed}.",
        "A download was not finished.",
        "Delete {file} and download it again, or let the download resume.",
    ),
    "integrity.gguf_parts": (
        "{file} of {name} is one of {count} parts.",
        "transformers reads a GGUF model from a single file.",
        "Join the parts: llama-gguf-split --merge {file} whole.gguf",
    ),
    "integrity.leftovers": "Unfinished downloads lie there: {files}.",
    "integrity.shard_totals": "Their names speak of {totals} files in all.",
    "integrity.same_tensor": "Both hold {tensor}, and not the same.",
}
