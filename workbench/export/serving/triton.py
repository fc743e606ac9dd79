"""A model repository for Triton's python backend: config.pbtxt, model.py and the exported loader."""

import re
from importlib.resources import files as resources

from workbench.export import transformers
from workbench.export.python import comment
from workbench.export.request import Request
from workbench.export.serving import pbtxt
from workbench.export.serving.deployment import Deployment
from workbench.export.serving.shell import command, script
from workbench.forecast import forecast
from workbench.results import Workload
from workbench.words import text

_REPOSITORY = "model_repository"
_LARGEST = 64  # rows of one batch; more is decode's knee on no GPU of the catalogue for long
_DELAY_US = 5000  # a decode step of a small model: what a request may wait for company


def files(request: Request) -> dict[str, str]:
    """ModelError, CapabilityError, ConfigError where it cannot be had."""
    deployment = Deployment.of("triton", request)
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", deployment.served.source.label).strip(".-") or "model"
    folder = f"{_REPOSITORY}/{name}"
    header = deployment.header(text("serving.triton_how"), text("serving.triton_fetch"))
    written = [*(comment(line) for line in header), *pbtxt.message(_config(deployment, name))]
    loader = {f"{folder}/1/{path}": content for path, content in transformers.files(request).items()}
    serve = command(["exec", "tritonserver", f"--model-repository={_REPOSITORY}"])
    asking = f"# curl -s http://127.0.0.1:8000/v2/models/{name}/infer -d @request.json"
    return {
        f"{folder}/config.pbtxt": "".join(f"{line}\n" for line in written),
        f"{folder}/1/model.py": (resources("workbench.export.serving") / "triton_model.py").read_text(encoding="utf-8"),
        **loader,
        "serve.sh": script([text("serving.triton_how")], [*serve, "", asking]),
        "request.json": _REQUEST,
    }


_REQUEST = """\
{
  "inputs": [
    {"name": "text_input", "datatype": "BYTES", "shape": [1, 1], "data": ["What is the KV cache for?"]},
    {"name": "max_tokens", "datatype": "INT32", "shape": [1, 1], "data": [64]}
  ]
}
"""


def _config(deployment: Deployment, name: str) -> dict[str, pbtxt.Value]:
    rows = _rows(deployment)
    steps = [size for size in (2, 4, 8, 16, 32, 64) if size <= rows]
    batching: dict[str, pbtxt.Value] = {"max_queue_delay_microseconds": _DELAY_US}
    if steps:
        batching = {"preferred_batch_size": steps[-2:], **batching}
    return {
        "name": name,
        "backend": "python",
        "max_batch_size": rows,
        "input": [
            {"name": "text_input", "data_type": pbtxt.Word("TYPE_STRING"), "dims": [1]},
            {"name": "max_tokens", "data_type": pbtxt.Word("TYPE_INT32"), "dims": [1], "optional": True},
        ],
        "output": [
            {"name": "text_output", "data_type": pbtxt.Word("TYPE_STRING"), "dims": [1]},
            {"name": "token_count", "data_type": pbtxt.Word("TYPE_INT32"), "dims": [1]},
        ],
        "dynamic_batching": batching,
        "instance_group": [_instances(deployment)],
    }


def _instances(deployment: Deployment) -> dict[str, pbtxt.Value]:
    """One copy: load_model.py chooses its device, and a second copy would share it."""
    cpu = deployment.request.config.device == "cpu" and deployment.fleet is None
    return {"count": 1, "kind": pbtxt.Word("KIND_CPU" if cpu else "KIND_AUTO")}


def _rows(deployment: Deployment) -> int:
    """Rows of one batch: those of the workload, or as many as the forecast has room for on the GPU that is named."""
    request, fleet = deployment.request, deployment.fleet
    work = request.workload or Workload()
    if fleet is None or deployment.served.about is None:
        return max(work.batch_size, 8)
    room = forecast(deployment.served.about, request.config, work, on=fleet.gpu.slug).largest_batch
    return min(max(room or 1, 1), _LARGEST)
