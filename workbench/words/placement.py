"""What is said of models that are spread over devices: by device_map, and by tensor parallelism."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "config.placed_beside": (
        "The libraries cannot place the layers beside {knob}={value!r}.",
        "device_map chooses the devices, and accelerate moves states and weights between them in transformers' own loop.",
        "Set {knob}={needed!r}, or device_map='none'.",
    ),
    "config.sharded_beside": (
        "The model cannot be cut over ranks beside {knob}={value!r}.",
        "Each rank runs the same plain loop over its part of every layer.",
        "Set {knob}={needed!r}, or tp_plan='none'.",
    ),
    "capability.place_nothing": "choose device_map='none'",
    "capability.note.placed_cpu": "without a GPU all layers go to memory, and what max_memory leaves no room for is read from "
    "disk for every token",
    "capability.note.placed_mig": "{gpu} is divided, and CUDA gives a process one part: what it cannot hold waits in memory",
    "capability.note.placed_one": "with one GPU ({gpu}), what it cannot hold waits in memory and comes for every token",
    "capability.note.placed_quantized": "over {count} GPUs, one after the other; quantised layers cannot wait in memory or on "
    "disk",
    "capability.note.placed_several": "the {count} GPUs compute one after the other: room, not speed",
    "capability.budget_cpu": "name cpu only, for example cpu=8GiB",
    "capability.budget_above": "{place} has {has}, not {asked}",
    "capability.budget_up_to": "choose up to {has}",
    "capability.note.budget_small": "{room} in all hold not all of the weights ({needed}): the rest is read from disk for every "
    "token",
    "capability.note.budget_no_cpu": "cpu is not named: what the GPUs cannot hold goes to disk at once",
    "capability.ranks_linux": "ranks were only ever run on Linux, and this is {platform}",
    "capability.no_ranks": "choose tp_plan='none'",
    "capability.ranks_take_gpus": "transformers takes the GPUs ({gpu}) for ranks wherever it sees one",
    "capability.no_plan": "{architecture} of this transformers has no tensor parallel plan",
    "capability.use_device_map": "choose device_map='auto'",
    "capability.ranks_quantized": "quantised files are not cut over ranks here",
    "capability.ranks_mig": "{gpu} is divided, and CUDA gives a process one part of it",
    "capability.ranks_above_gpus": "{ranks} ranks need as many GPUs, and there are {count}",
    "capability.ranks_above_cores": "{ranks} ranks need as many cores, and there are {cores}",
    "capability.fewer_ranks": "choose fewer",
    "capability.ranks_do_not_divide": "{name} is {number}, which {ranks} ranks do not divide",
    "capability.ranks_that_divide": "choose a number that divides it",
    "capability.note.ranks_cpu": "on a CPU the ranks share cores and memory: it shows what is exchanged, and gains nothing",
    "placement.nothing_stays": (
        "This memory by device ({budgets}) cannot hold the model.",
        "The table of tokens ({table}) stays on a device, beside room for the largest module ({layer}) while it computes.",
        "Raise max_memory: the first device needs at least {least}.",
    ),
    "placement.quantized_away": (
        "The layers in {quantization} do not fit on the GPUs.",
        "bitsandbytes lets no quantised layer wait in memory or on disk, and max_memory leaves some no room on a GPU.",
        "Raise max_memory for the GPUs, or set quantization='none'.",
    ),
    "placement.gguf": (
        "A GGUF file cannot be spread by {knob}.",
        "transformers unpacks it as a whole first.",
        "Set {knob}='none', or load a safetensors checkpoint.",
    ),
    "placement.not_a_rank": (
        "This process cannot be one of {ranks} ranks.",
        "It was started as one of {world}.",
        "Use host='process', which starts the ranks; a script is started by torchrun.",
    ),
    "placement.not_followed": (
        "This cannot be done over several ranks: {what}.",
        "The other ranks are told token ids, masks and numbers; whatever else a pass takes they do not have, and the first alone "
        "would wait for them for ever.",
        "Set tp_plan='none' for it.",
    ),
    "worker.rank_lost": (
        "Rank {rank} ended while {doing}.",
        "It is a process that holds a part of every layer; the others cannot go on without it.",
        "The session brings all of them back; run it again.",
    ),
    "worker.rank_out_of_step": (
        "Rank {rank} went another way than the first while {doing}.",
        "{why}",
        "The session brings all of them back; run it again.",
    ),
}
