"""`text-generation-launcher`: one script for one machine."""

from workbench.export.request import Request
from workbench.export.serving import words
from workbench.export.serving.deployment import Deployment
from workbench.export.serving.shell import command, script
from workbench.words import text

_PORT = 3000


def files(request: Request) -> dict[str, str]:
    """ModelError, CapabilityError, ConfigError where TGI cannot have it."""
    deployment = Deployment.of("tgi", request)
    tool, location = deployment.tool, deployment.served.source.location
    found = words.loading(deployment)
    if deployment.quantization:  # the launcher refuses both
        found = [word for word in found if not word.startswith(tool.options["dtype"])]
    ours = ["text-generation-launcher", words.option(tool, "model", location), *found, *words.splitting(deployment)]
    if deployment.parallel.context:
        ours.append(words.option(tool, "prompt", deployment.parallel.context - 1))
    remarks = [text("serving.sampling_request"), *deployment.remarks()]
    return {
        "serve.sh": script(deployment.header(*remarks), [*command(["exec", *ours]), *words.asking(_PORT)]),
        "request.json": words.request_file(deployment, location),
    }
