"""`llama-server`: a script, and one that makes the GGUF file where the model is not one."""

from workbench.export.request import Request
from workbench.export.serving import words
from workbench.export.serving.deployment import Deployment
from workbench.export.serving.shell import Variable, command, script
from workbench.words import text

_PORT = 8080
_MADE, _FULL = "model.gguf", "model-full.gguf"


def files(request: Request) -> dict[str, str]:
    """ModelError, CapabilityError, ConfigError where llama.cpp cannot have it."""
    deployment = Deployment.of("llama.cpp", request)
    served = deployment.served
    remarks = [text("serving.sampling_request"), *deployment.remarks()]
    made = {}
    if not served.source.gguf_file:
        made = {"convert.sh": _convert(deployment, remarks)}
    model = served.gguf_path if served.source.gguf_file else _MADE
    ours = ["llama-server", *_pair(deployment, "model", model), *_placing(deployment, remarks)]
    ours += _ending(deployment, remarks)
    for name, value in _sampling(deployment).items():
        ours += _pair(deployment, name, value)
    if deployment.seed is not None:
        ours += _pair(deployment, "seed", deployment.seed)
    header = deployment.header(*remarks)
    return {
        "serve.sh": script(header, [*command(["exec", *ours]), *words.asking(_PORT)]),
        **made,
        "request.json": words.request_file(deployment, "model"),
    }


def _pair(deployment: Deployment, name: str, value: object) -> list[str]:
    """Two words: llama.cpp takes what follows an option for its value, whatever it begins with."""
    return [deployment.tool.options[name], str(value)]


def _sampling(deployment: Deployment) -> dict[str, object]:
    """Every one: llama.cpp's own defaults (temperature 0.8, top-k 40, top-p 0.95, min-p 0.05) are not neutral."""
    neutral = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
    return {**neutral, **deployment.sampling}


def _placing(deployment: Deployment, remarks: list[str]) -> list[str]:
    """Length, threads, and which layers lie on GPUs."""
    config, parallel, found = deployment.request.config, deployment.parallel, []
    if parallel.context:
        found += _pair(deployment, "context", parallel.context)
    threads = config.threads
    if threads == "auto" and deployment.request.resolved and deployment.fleet is None:
        threads = deployment.request.resolved.threads
    if threads != "auto":
        found += _pair(deployment, "threads", threads)
    if deployment.fleet is None:
        return found + (_pair(deployment, "layers", 0) if config.device == "cpu" else [])
    found += _pair(deployment, "layers", "all")
    if parallel.pipeline > 1:
        found += _pair(deployment, "split", "layer")
        found += _pair(deployment, "shares", ",".join(["1"] * parallel.pipeline))
        remarks.append(text("serving.layers"))
    return found


def _ending(deployment: Deployment, remarks: list[str]) -> list[str]:
    ids = deployment.eos_token_ids
    if not ids:
        return []
    if len(ids) > 1:
        remarks.append(text("serving.eos_first", kept=ids[0], dropped=", ".join(map(str, ids[1:]))))
    return _pair(deployment, "metadata", f"tokenizer.ggml.eos_token_id=int:{ids[0]}")


def _convert(deployment: Deployment, remarks: list[str]) -> str:
    """The GGUF file, in the number format in force, or in the nearest of 8 or 4 bits."""
    tool, source = deployment.tool, deployment.served.source
    remarks.append(text("serving.convert", tool=tool.name))
    target = deployment.quantization or deployment.nearest
    body, location = [], source.location
    if source.kind == "hub":
        fetch = ["hf", "download", source.name, *([f"--revision={source.revision}"] if source.revision else [])]
        body += command([*fetch, "--local-dir=model"])
        location = "model"
    dtype = tool.dtypes.get(deployment.dtype, "auto")
    program = Variable('"${LLAMA_CPP:?path of a llama.cpp checkout}/convert_hf_to_gguf.py"')
    full = _FULL if target else _MADE
    options = [f"{tool.options['outtype']}={dtype}", f"{tool.options['outfile']}={full}"]
    body += command(["python", program, location, *options])
    if target:
        body += command(["llama-quantize", full, _MADE, target])
    return script([text("serving.convert", tool=tool.name), text("serving.names_from", source=tool.source)], body)
