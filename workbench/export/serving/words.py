"""The words of one command: options by their names in the catalogue, each with its value in the same word."""

import json
from typing import Any

from workbench.catalog.serving import Tool
from workbench.export.serving.deployment import Deployment

_QUESTION = "Explain in two sentences what the KV cache of a language model is for."


def option(tool: Tool, name: str, value: Any) -> str:
    """`--name=value`: one word, so that a value with a dash in front is never taken for an option."""
    return f"{tool.options[name]}={value}"


def loading(deployment: Deployment) -> list[str]:
    """Which files, in which number formats, for which length."""
    tool, found = deployment.tool, []
    if deployment.served.source.revision:
        found.append(option(tool, "revision", deployment.served.source.revision))
    if "dtype" in tool.options and deployment.dtype in tool.dtypes:
        found.append(option(tool, "dtype", tool.dtypes[deployment.dtype]))
    if "quantization" in tool.options and deployment.quantization:
        found.append(option(tool, "quantization", deployment.quantization))
    if "kv_cache" in tool.options and deployment.kv_cache:
        found.append(option(tool, "kv_cache", deployment.kv_cache))
    if deployment.parallel.context:
        found.append(option(tool, "context", deployment.parallel.context))
    return found


def splitting(deployment: Deployment) -> list[str]:
    """Parallel sizes above 1."""
    tool, parallel = deployment.tool, deployment.parallel
    sizes = {"tensor": parallel.tensor, "pipeline": parallel.pipeline, "data": parallel.data}
    return [option(tool, name, size) for name, size in sizes.items() if size > 1 and name in tool.options]


def compact(value: Any) -> str:
    """JSON in one line."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def document(value: Any) -> str:
    """JSON as a file, which is YAML too."""
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"


def request_file(deployment: Deployment, model: str) -> str:
    """The body of one request to an OpenAI-compatible server, with what picks the tokens."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": _QUESTION}],
        "max_tokens": 128,
        **deployment.body(),
    }
    return document(body)


def asking(port: int) -> list[str]:
    """Comment lines: how the request is sent."""
    return [
        "",
        f"# curl -s http://127.0.0.1:{port}/v1/chat/completions -H 'Content-Type: application/json' -d @request.json",
    ]
