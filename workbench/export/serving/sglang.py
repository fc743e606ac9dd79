"""`python -m sglang.launch_server`: one script, which every machine runs with its own rank."""

from workbench.export.python import comment
from workbench.export.request import Request
from workbench.export.serving import words
from workbench.export.serving.deployment import Deployment
from workbench.export.serving.shell import Variable, command, script
from workbench.words import text

_PORT = 30000
_MEETING = 20000


def files(request: Request) -> dict[str, str]:
    """ModelError, CapabilityError, ConfigError where SGLang cannot have it."""
    deployment = Deployment.of("sglang", request)
    tool, location = deployment.tool, deployment.served.source.location
    ours = ["python", "-m", "sglang.launch_server", words.option(tool, "model", location)]
    ours += [*words.loading(deployment), *words.splitting(deployment)]
    remarks = [text("serving.sampling_request"), *deployment.remarks()]
    if deployment.quantization == "bitsandbytes":
        ours.append(words.option(tool, "load_format", "bitsandbytes"))
        remarks.append(text("serving.double_quant"))
    ours.append(words.option(tool, "defaults", "openai"))
    if deployment.eos_token_ids:
        override = words.compact({"eos_token_id": list(deployment.eos_token_ids)})
        ours.append(words.option(tool, "model_config", override))
        remarks.append(text("serving.eos_added"))
    if deployment.seed is not None:
        ours.append(words.option(tool, "seed", deployment.seed))
    if deployment.parallel.pipeline > 1:
        meeting = f'{tool.options["address"]}="${{HEAD:?address of the first machine}}:{_MEETING}"'
        ours += [words.option(tool, "nodes", deployment.parallel.pipeline), Variable(meeting)]
        ours.append(Variable(f'{tool.options["rank"]}="${{NODE_RANK:?0 on the first machine}}"'))
        remarks.append(text("serving.each_machine"))
    body = [*_alternative(deployment), *command(["exec", *ours]), *words.asking(_PORT)]
    return {
        "serve.sh": script(deployment.header(*remarks), body),
        "request.json": words.request_file(deployment, location),
    }


def _alternative(deployment: Deployment) -> list[str]:
    if not any(line.code == "serving.latent" for line in deployment.parallel.lines):
        return []
    tool, group = deployment.tool, deployment.parallel.tensor * deployment.parallel.pipeline
    ours = f"{words.option(tool, 'tensor', group)} {words.option(tool, 'attention_data', group)}"
    return [comment(text("serving.attention_data", instead=" ".join(words.splitting(deployment)), options=ours))]
