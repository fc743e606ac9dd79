"""Words about quantising while loading."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "quantize.no_such_module": (
        "skip_modules: no module of this model is called {name}.",
        "Names are whole components of a path, such as down_proj or layers.0.mlp; near it: {near}.",
        "The model was not touched. Correct the name, or choose skip_modules='auto'.",
    ),
    "quantize.no_package": (
        "{package} cannot be imported: {problem}",
        "It is what makes this format; it is not part of the default installation or is broken.",
        "Install it: pip install -c constraints.txt {package}",
    ),
    "quantize.hqq_compute": (
        "HQQ cannot multiply in {asked} on a model whose activations are {dtype}.",
        "Its layers multiply the activations they are given with weights of their own compute dtype.",
        "Choose compute_dtype='auto', and the dtype itself by the knob dtype.",
    ),
    "quantize.int4_bfloat16": (
        "torchao's int4 weights cannot be multiplied in {dtype}, which this model's other weights are.",
        "Its kernels take bfloat16 only; in other formats a plain loop takes their place, 16 to 100 times slower.",
        "Choose dtype='bfloat16'.",
    ),
    "quantize.kernels_refuse": "{count} linear layers stay in full, for example {example}: this library's kernels here cannot compute their shape",
    "quantize.head_refused": "the head of {rows} × {columns} stays in full: this format's kernels here cannot compute its shape",
    "quantize.no_head": "this model has no output head of its own",
    "quantize.cpu_bfloat16": "on this processor bitsandbytes' 4-bit kernel multiplies in bfloat16, whatever is asked",
    "quantize.cpu_expands": "on this processor bitsandbytes repacks 4-bit weights in the first forward pass and expands their scales: no bytes are saved",
}
