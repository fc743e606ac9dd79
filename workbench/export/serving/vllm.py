"""`vllm serve`: a script, the sampling defaults, and on several machines what joins them through Ray."""

from workbench.export.python import comment
from workbench.export.request import Request
from workbench.export.serving import words
from workbench.export.serving.deployment import Deployment
from workbench.export.serving.shell import Variable, command, script
from workbench.words import text

_PORT = 8000
_RAY_PORT = 6379


def files(request: Request) -> dict[str, str]:
    """ModelError, CapabilityError, ConfigError where vLLM cannot have it."""
    deployment = Deployment.of("vllm", request)
    tool, parallel = deployment.tool, deployment.parallel
    location = deployment.served.source.location
    ours = ["vllm", "serve", location, *words.loading(deployment), *words.splitting(deployment)]
    ours += _generation(deployment)
    if deployment.seed is not None:
        ours.append(words.option(tool, "seed", deployment.seed))
    several = parallel.pipeline > 1
    remarks = deployment.remarks()
    if deployment.eos_token_ids:
        remarks.append(text("serving.sampling_file"))
    if several:
        ours.append(words.option(tool, "executor", "ray"))
        remarks.append(text("serving.ray"))
    start = command(["ray", "start", "--head", f"--port={_RAY_PORT}"]) if several else []
    body = [*start, *_alternative(deployment), *command(["exec", *ours]), *words.asking(_PORT)]
    made = {"serve.sh": script(deployment.header(*remarks), body)}
    if several:
        head = Variable(f'--address="${{HEAD:?address of the first machine}}:{_RAY_PORT}"')
        made["join.sh"] = script([text("serving.ray")], command(["ray", "start", head]))
    if deployment.eos_token_ids:
        made["generation/generation_config.json"] = words.document(_defaults(deployment))
    made["request.json"] = words.request_file(deployment, location)
    return made


def _generation(deployment: Deployment) -> list[str]:
    """Only our sampling defaults; end ids that were asked for need a file of their own."""
    if deployment.eos_token_ids:
        return [words.option(deployment.tool, "generation", "generation")]
    return [
        words.option(deployment.tool, "generation", "vllm"),
        words.option(deployment.tool, "sampling", words.compact(deployment.sampling)),
    ]


def _defaults(deployment: Deployment) -> dict[str, object]:
    ids = list(deployment.eos_token_ids)
    return {"eos_token_id": ids, "do_sample": deployment.request.config.do_sample, **deployment.sampling}


def _alternative(deployment: Deployment) -> list[str]:
    """Attention in data parallel, where the arithmetic speaks for it."""
    parallel, tool = deployment.parallel, deployment.tool
    if not any(line.code == "serving.latent" for line in parallel.lines):
        return []
    instead = words.splitting(deployment)
    ours = [words.option(tool, "data", parallel.tensor * parallel.pipeline * parallel.data), tool.options["experts"]]
    if parallel.pipeline > 1:
        ours += [words.option(tool, "data_here", parallel.tensor), words.option(tool, "data_backend", "ray")]
    return [comment(text("serving.attention_data", instead=" ".join(instead), options=" ".join(ours)))]
