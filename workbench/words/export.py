"""Words of the room export."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "export.unknown_target": (
        "There is no export target {target!r}.",
        "Targets: {targets}.",
        "Nearest match: {nearest}.",
    ),
    "export.not_served": (
        "{given} says where a server is to run, and {target!r} is none.",
        "Parallel sizes are proposed for serving tools only.",
        "Leave it out, or choose one of: {serving}.",
    ),
    "export.target.transformers": "a Python file that loads the model and generates as the session did",
    "export.target.json": "the configuration alone",
    "export.target.vllm": "vllm serve: number format, fp8, length, end ids, sampling, seed; tensor, pipeline and data parallel sizes, Ray beyond one machine",
    "export.target.sglang": "sglang.launch_server: number format, fp8 or nf4, length, end ids, seed, parallel sizes, several machines; sampling by request",
    "export.target.tgi": "text-generation-launcher: 16-bit formats, bitsandbytes, fp8, length, shards of one machine; sampling by request",
    "export.target.tensorrt-llm": "trtllm-serve: number format, length, parallel sizes, Slurm beyond one machine; sampling and end ids by request",
    "export.target.triton": "a model repository whose python backend runs the transformers file: everything, in dynamic batches",
    "export.target.llama.cpp": "llama-server: a GGUF file (made first where there is none), length, threads, sampling, seed, one end id, layers on GPUs",
    "export.target.ollama": "a Modelfile: GGUF or safetensors, length, sampling, seed, end tokens as stop texts",
    "export.random_weights": (
        "{model} has random weights: there is no checkpoint that code could load.",
        "Random models stand for an architecture's speed, not for a model to use.",
        "Export the configuration alone with the target 'json', or name the real checkpoint as model.",
    ),
    "export.gguf_quantized": (
        "{model} is a GGUF file, and its weights are quantised anew in this configuration.",
        "transformers unpacks the file by way of one quantiser and takes only one: code would need the session's own road.",
        "Export with quantization='auto', or from a checkpoint in safetensors.",
    ),
    "export.no_demo": (
        "The demo model is not in the home directory, so there is no directory that the code could load.",
        "It is converted when a session first opens it.",
        "Open wb.Session('demo') once, or name another model.",
    ),
}
