"""What is said of layers that wait outside the device."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "capability.too_many_layers": "the model has {layers} layers",
    "capability.layers_up_to": "choose up to {layers}",
    "capability.offload_quantized": "quantised layers stay on the device here: their kernels read state that is not moved",
    "capability.keep_all_layers": "choose offloaded_layers=0",
    "capability.note.offload_cpu": "each of them crosses to the GPU for every token",
    "capability.note.offload_disk": "each of them is read from disk (or its cache in memory) for every token",
    "config.offload_beside": (
        "Layers cannot be kept away beside {knob}={value!r}.",
        "accelerate moves plain weights between the steps of transformers' own loop.",
        "Set {knob}={needed!r}, or offloaded_layers=0.",
    ),
    "offload.too_many": (
        "{asked} layers cannot be kept away.",
        "The model has {layers} that can be told apart.",
        "Ask for fewer.",
    ),
    "offload.values": (
        "The values {values} cannot be tried.",
        "They are numbers of layers from 0, each larger than the one before, two at least.",
        "Leave them out for none, a quarter, half and all.",
    ),
    "progress.offload": "{layers} layers away, round {round}",
    "offload.verdict": "{layers} of {all} layers away: decode {ratio} {interval}, {freed} less on the device; a layer away "
    "costs {each} a token",
    "offload.none_seen": "{layers} of {all} layers away: no difference seen, decode {ratio} {interval}; {freed} less on the "
    "device",
    "offload.flag.disk_cached": "what is on disk may come from the page cache: a disk that really is read is slower",
    "offload.head.layers": "layers away",
    "offload.head.decode": "decode",
    "offload.head.prefill": "prefill",
    "offload.head.ratio": "decode ÷ first",
    "offload.head.device": "weights on {device}",
    "offload.head.away": "elsewhere",
    "offload.head.each": "a layer costs",
    "offload.values_help": "numbers of layers, parted by commas (default: none, a quarter, half and all)",
    "chart.offload.title": "What does a layer kept away cost?",
    "chart.offload.x": "layers kept away",
    "chart.offload.hover": "{layers} away: {decode}<br>{ratio} {interval}<br>{held} on the device<br>n = {rounds} loads",
}
