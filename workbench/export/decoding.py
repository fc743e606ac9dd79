"""How the exported code decodes: kernels, masks, arithmetic, and the compiled loop that it carries along."""

import ast
from importlib.resources import files
from typing import Any

from workbench.config import Config
from workbench.export.python import literal

# knob value -> name in torch.nn.attention.SDPBackend
_SDP_BACKENDS = {
    "flash": "FLASH_ATTENTION",
    "efficient": "EFFICIENT_ATTENTION",
    "cudnn": "CUDNN_ATTENTION",
    "math": "MATH",
}
_LOOP_FOR = """\
LOOPS = {}  # one for each batch size and length of cache; its first step compiles


def loop_for(model, batch_size, tokens):
    length = LENGTH
    if (batch_size, length) not in LOOPS:
        LOOPS[batch_size, length] = StaticLoop(
            model,
            batch_size,
            length,
            mode=MODE,
            freezing=FREEZING,
        )
    return LOOPS[batch_size, length]
"""


def lines(config: Config) -> dict[str, list[str]]:
    """What stands at each place of the template; nothing where a setting is torch's or transformers' own."""
    chooses = config.attention == "sdpa" and config.sdpa_backend != "auto"
    scope = []
    if chooses:
        scope.append(f"@sdpa_kernel(SDPBackend.{_SDP_BACKENDS[config.sdpa_backend]})")
    if config.autocast != "off":
        scope.append(f"@torch.autocast(torch.device(DEVICE).type, dtype=torch.{config.autocast})")
    switches = []
    if config.tf32:
        switches.append('torch.set_float32_matmul_precision("high")  # TF32')
    if config.cudnn_benchmark:
        switches.append("torch.backends.cudnn.benchmark = True")
    masks = {
        "tokenizer": ['attention_mask=inputs["attention_mask"],'],
        "ones": ['attention_mask=torch.ones_like(inputs["input_ids"]),'],
        "none": [],
    }
    return {
        "torch_imports": ["from torch.nn.attention import SDPBackend, sdpa_kernel"] if chooses else [],
        "scope": scope,
        "switches": switches,
        "mask": masks[config.attention_mask],
        **_loop(config),
    }


def classes(config: Config) -> list[str]:
    """What the carried loop takes from `transformers` itself."""
    if config.compile == "off":
        return []
    wanted = "from transformers import "
    return [name for line in _source()[0] if line.startswith(wanted) for name in line.removeprefix(wanted).split(", ")]


def note(generate: dict[str, Any]) -> list[str]:
    """A comment above `generate` where an argument needs one."""
    if "disable_compile" not in generate:
        return []
    return [
        "# On CUDA generate compiles by itself once the cache is static: a second change,",
        "# switched off as it was in the workbench. Delete disable_compile to have it.",
    ]


def _loop(config: Config) -> dict[str, list[str]]:
    """The compiled loop's own source, and how it is used; nothing when `compile` is off."""
    if config.compile == "off":
        return {name: [] for name in ("loop_imports", "more_imports", "loop", "choose_loop", "use_loop")}
    imports, body = _source()
    own = [line for line in imports if "torch" not in line and "transformers" not in line]
    length = "rounded_length(tokens)" if config.cache_length == "auto" else literal(config.cache_length)
    freezing = 'model.device.type == "cpu"' if config.freezing == "auto" else literal(config.freezing == "on")
    uses = _LOOP_FOR.replace("LENGTH", length).replace("MODE", literal(config.compile)).replace("FREEZING", freezing)
    return {
        "loop_imports": [*own, ""],
        "more_imports": [line for line in imports if line.startswith("from transformers.")],
        "loop": ["", "# fmt: off", body, "# fmt: on", "", "", uses.rstrip(), ""],
        "choose_loop": [
            'batch_size, prompt_tokens = inputs["input_ids"].shape',
            "loop = loop_for(model, batch_size, prompt_tokens + max_new_tokens)",
        ],
        "use_loop": ["**loop.arguments(),"],
    }


def _source() -> tuple[list[str], str]:
    """(lines of import, all that follows them) of the loop that the engine runs."""
    text = files("workbench.engine").joinpath("static_loop.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    found = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    written = text.splitlines()
    body = "\n".join(written[found[-1].end_lineno or 0 :]).strip("\n")
    return [ast.unparse(node) for node in found], body
