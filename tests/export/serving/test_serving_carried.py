"""No knob is lost on its way to a serving tool: it is carried, or it is told."""

import json
import re

import pytest
from hypothesis import given, settings

from tests.export.test_export_transformers import configs
from workbench import export
from workbench.catalog.serving import TOOLS, Tool
from workbench.config import Config
from workbench.errors import ConfigError
from workbench.export import TARGETS
from workbench.export.request import Request
from workbench.export.serving.deployment import Deployment
from workbench.knobs import KNOBS
from workbench.knobs.formats import quantizes

HUB = "deepseek-ai/deepseek-llm-7b-base"
SERVING = [name for name, target in TARGETS.items() if target.serves]
# of the machine that serves; and what only says how a cache is quantised, which `cache` tells
SILENT = frozenset({"device", "threads", "cache_backend", "cache_bits"})


@pytest.mark.parametrize("target", SERVING)
@settings(max_examples=25, deadline=None)
@given(config=configs())
def test_what_was_changed_is_carried_or_told(target: str, config: Config) -> None:
    """In a file, or under "does not carry over"."""
    try:
        made = export.snippet(target, config, model=HUB)
    except ConfigError as refused:
        if (target, refused.code) != ("ollama", "serving.unquotable"):
            raise
        return  # a stop string that the format has no way to write
    if target == "triton":  # transformers itself runs there, as the exported loader says it
        [loader] = [text for path, text in made.files.items() if path.endswith("/load_model.py")]
        assert loader == export.render("transformers", config, model=HUB)
        return
    left = Deployment.of(target, Request(config, HUB)).left()
    for name, value in config.items():
        if value != KNOBS[name].default and config.matters(name) and name not in SILENT:
            told = any(line.startswith(f"{name}=") for line in left)
            assert told or is_carried(name, config, made.files, TOOLS[target]), f"{name}={value!r}"


def is_carried(name: str, config: Config, made: dict[str, str], tool: Tool) -> bool:
    """Whether the tool is given the value, in its own words."""
    value, body = config[name], json.loads(made.get("request.json", "{}"))
    whole = "\n".join(made.values())
    given = "\n".join(line for line in whole.splitlines() if not line.startswith("#"))
    match name:
        case "quantization":
            word = tool.made.get(value, tool.nearest)
            return not quantizes(value) or (bool(word) and word in given)
        case "cache":
            word = tool.kv_cache.get(config.cache_backend, "")
            return value == "dynamic" or (bool(word) and word in given)
        case "dtype":
            return tool.dtypes.get(value, "missing") in given
        case "eos_token_ids":
            return all(re.search(rf"(?<!\d){each}(?!\d)", whole) for each in value)
        case "stop_strings":
            return body.get(tool.request.get(name)) == list(value) or given.count("PARAMETER stop ") >= len(value)
        case "do_sample":
            name, value = "temperature", config.temperature
    option = rf"{tool.options.get(name, 'missing')}[= ]{re.escape(str(value))}(?![\w.])"
    return body.get(tool.request.get(name)) == value or re.search(option, given) is not None
