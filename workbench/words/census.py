"""What a model's bytes are in, and what was left in full."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    # one sentence
    "census.full": "{size} of weights, all in full: {formats}",
    "census.all_quantized": "all of the {size} of linear weights are {word}",
    "census.not_quantized": "{percent} % of the weights were not quantised: {roles}",
    "census.dequantized": "the files are {files}, which was undone while loading: all {size} of weights are in {formats}",
    "census.nothing": "asked for {asked}, and nothing was quantised: all {size} of weights are in {formats}",
    "census.other": "asked for {asked}, got {word}",
    # parts of the model
    "census.role.embedding": "the embedding table",
    "census.role.attention": "attention",
    "census.role.mlp": "the MLP",
    "census.role.experts": "the routed experts",
    "census.role.head": "the head",
    "census.role.norm": "the norms",
    "census.role.other": "other parameters",
    # why they stay
    "census.why.asked": "left in full by skip_modules",
    "census.why.by_load": "left by the load: the kernels here cannot compute it, or the library makes an exception of it",
    "census.why.tables": "{package} quantises linear layers inside the model, not its tables",
    "census.why.tied": "the embedding table is the head as well; {package} leaves both",
    "census.why.fused_experts": "the experts are fused into 3-D parameters, and {package} quantises linear layers only; it does not warn",
    "census.why.no_linear": "no linear layer, and {package} quantises only those",
    "census.why.group": "rows of {row} are not a multiple of the group of {group}: {package} skips them without a word",
    "census.why.undone": "dequantised while loading; transformers does that to FP8 on a CPU, and on a GPU below compute capability 8.9",
    "census.why.unknown": "nothing says why",
}
