"""Ollama: a Modelfile, and the script that makes the model from it."""

from workbench.export.python import comment
from workbench.export.request import Request
from workbench.export.serving import modelfile
from workbench.export.serving.deployment import Deployment
from workbench.export.serving.shell import command, script
from workbench.words import text

_NAME = "workbench-export"  # of the model in ollama's own list


def files(request: Request) -> dict[str, str]:
    """ModelError, CapabilityError, ConfigError where Ollama cannot have it."""
    deployment = Deployment.of("ollama", request)
    source, remarks = deployment.served.source, deployment.remarks()
    location = deployment.served.gguf_path if source.gguf_file else source.location
    fetch: list[str] = []
    if source.kind == "hub":
        words = ["hf", "download", source.name, *([f"--revision={source.revision}"] if source.revision else [])]
        fetch, location = command([*words, "--local-dir=model"]), "./model"
        remarks.append(text("serving.fetch"))
    create = ["ollama", "create", _NAME, "--file=Modelfile"]
    if word := deployment.quantization or deployment.nearest:
        create.append(f"--quantize={word}")
    parameters = _parameters(deployment, remarks)
    lines = [comment(line) for line in deployment.header(*remarks)]
    written = [modelfile.line("FROM", location)]
    written += [modelfile.line(f"PARAMETER {name}", value) for name, value in parameters]
    return {
        "Modelfile": "".join(f"{line}\n" for line in [*lines, *written]),
        "create.sh": script([text("serving.create")], [*fetch, *command(create), *command(["ollama", "run", _NAME])]),
    }


def _parameters(deployment: Deployment, remarks: list[str]) -> list[tuple[str, str]]:
    """Every sampling value: Ollama's own defaults are not neutral."""
    options, config = deployment.tool.options, deployment.request.config
    neutral: dict[str, object] = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
    values: dict[str, object] = {**neutral, **deployment.sampling}
    if deployment.parallel.context:
        values["context"] = deployment.parallel.context
    if config.threads != "auto":
        values["threads"] = config.threads
    if config.device == "cpu":
        values["layers"] = 0
    if deployment.seed is not None:
        values["seed"] = deployment.seed
    found = [(options[name], str(value)) for name, value in values.items()]
    stops = list(deployment.stop_strings)
    texts = {token: deployment.served.text_of(token) for token in deployment.eos_token_ids}
    known = [each for each in texts.values() if each]
    if known:
        remarks.append(text("serving.eos_texts", texts=", ".join(map(repr, known))))
    if unknown := [str(token) for token, each in texts.items() if not each]:
        remarks.append(text("serving.eos_textless", ids=", ".join(unknown)))
    return [*found, *((options["stop"], each) for each in (*stops, *known))]
