"""`trtllm-serve` with the PyTorch backend: a script, and a file for what has no option of its own."""

from typing import Any

from workbench.export.python import comment
from workbench.export.request import Request
from workbench.export.serving import words
from workbench.export.serving.deployment import Deployment
from workbench.export.serving.shell import command, script
from workbench.words import text

_PORT = 8000


def files(request: Request) -> dict[str, str]:
    """ModelError, CapabilityError, ConfigError where TensorRT-LLM cannot have it."""
    deployment = Deployment.of("tensorrt-llm", request)
    tool, parallel, fleet = deployment.tool, deployment.parallel, deployment.fleet
    location = deployment.served.source.location
    ours = ["trtllm-serve", location, *words.loading(deployment), *words.splitting(deployment)]
    ours.append(words.option(tool, "config", "llm.yaml"))
    remarks = [text("serving.sampling_request")]
    if parallel.pipeline > 1 and fleet is not None:
        ours.append(words.option(tool, "per_node", fleet.gpus))
        tasks = [f"--nodes={parallel.pipeline}", f"--ntasks={parallel.tensor * parallel.pipeline}"]
        ours = ["srun", "--mpi=pmix", *tasks, f"--ntasks-per-node={parallel.tensor}", "trtllm-llmapi-launch", *ours]
        remarks.append(text("serving.slurm"))
    body = [*_alternative(deployment), *command(["exec", *ours]), *words.asking(_PORT)]
    return {
        "serve.sh": script(deployment.header(*remarks), body),
        "llm.yaml": words.document(_settings(deployment)),
        "request.json": words.request_file(deployment, location),
    }


def _settings(deployment: Deployment) -> dict[str, Any]:
    """JSON, which is YAML: fields of TorchLlmArgs."""
    found: dict[str, Any] = {"backend": "pytorch"}
    if deployment.dtype in deployment.tool.dtypes:
        found["dtype"] = deployment.tool.dtypes[deployment.dtype]
    if deployment.kv_cache:
        found["kv_cache_config"] = {"dtype": deployment.kv_cache}
    return found


def _alternative(deployment: Deployment) -> list[str]:
    if not any(line.code == "serving.latent" for line in deployment.parallel.lines):
        return []
    tool, group = deployment.tool, deployment.parallel.tensor * deployment.parallel.pipeline
    ours = f"{words.option(tool, 'tensor', group)} {words.option(tool, 'experts_size', group)}"
    instead = " ".join(words.splitting(deployment))
    return [comment(text("serving.attention_data", instead=instead, options=f"{ours} (llm.yaml: enable_attention_dp)"))]
