"""How the exported code decodes: kernels, masks, arithmetic, and the compiled loop that it carries along."""

import ast
from importlib.resources import files

from workbench.config import Config
from workbench.export.piece import Loading, Piece
from workbench.export.python import dictionary, literal
from workbench.knobs.formats import infers
from workbench.knobs.generation import generation_arguments

# knob value -> name in torch.nn.attention.SDPBackend
_SDP_BACKENDS = {
    "flash": "FLASH_ATTENTION",
    "efficient": "EFFICIENT_ATTENTION",
    "cudnn": "CUDNN_ATTENTION",
    "math": "MATH",
}
_MASKS = {
    "tokenizer": ['attention_mask=inputs["attention_mask"],'],
    "ones": ['attention_mask=torch.ones_like(inputs["input_ids"]),'],
    "none": [],
}
_CLASSES = "from transformers import "
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


def piece(loading: Loading) -> Piece:
    """Nothing where a setting is torch's or transformers' own."""
    config = loading.config
    chooses = config.attention == "sdpa" and config.sdpa_backend != "auto"
    # as `engine.scope` does: generate by itself only keeps no gradients
    around = ["@torch.inference_mode()"] if infers(config.quantization) else []
    if chooses:
        around.append(f"@sdpa_kernel(SDPBackend.{_SDP_BACKENDS[config.sdpa_backend]})")
    if config.autocast != "off":
        around.append(f"@torch.autocast(torch.device(DEVICE).type, dtype=torch.{config.autocast})")
    switches = []
    if config.tf32:
        switches.append('torch.set_float32_matmul_precision("high")  # TF32')
    if config.cudnn_benchmark:
        switches.append("torch.backends.cudnn.benchmark = True")
    sources = [_source(name) for name in _carries(config)]
    imports = sorted({line for lines, _ in sources for line in lines})
    loop = _loop(config)
    return Piece(
        {
            **loop,
            "std_imports": [line for line in imports if "torch" not in line and "transformers" not in line],
            "more_imports": [line for line in imports if line.startswith("from transformers.")],
            "functions": [
                *(line for _, body in sources for line in ("", "# fmt: off", body, "# fmt: on", "")),
                *loop.get("functions", []),
            ],
            "torch_imports": ["from torch.nn.attention import SDPBackend, sdpa_kernel"] if chooses else [],
            "constants": _generation(config),
            "switches": switches,
            "around_run": around,
            "run_arguments": [*_MASKS[config.attention_mask], *loop.get("run_arguments", [])],
            "generate_arguments": _stops(config),
            "seed": _seed(config),
        },
        tuple(name for line in imports if line.startswith(_CLASSES) for name in line[len(_CLASSES) :].split(", ")),
    )


def _carries(config: Config) -> list[str]:
    """Files whose code goes along whole, as the engine runs it."""
    sentence = ["probes/sentence_end.py"] if config.stop_at_sentence != "off" else []
    return [*sentence, *(["engine/static_loop.py"] if config.compile != "off" else [])]


def _stops(config: Config) -> list[str]:
    """What ends an answer beside end tokens and length; a measurement of fixed work goes without."""
    lines = []
    if config.stop_strings:
        lines += [f"stop_strings={literal(config.stop_strings)},", "tokenizer=tokenizer,"]
    if config.stop_at_sentence != "off":
        after = literal(config.stop_at_sentence)
        prompt = 'inputs["input_ids"].shape[1]'
        lines += ["stopping_criteria=[", f"    SentenceEnd(tokenizer, {prompt}, after={after}),", "],"]
    return lines


def _seed(config: Config) -> list[str]:
    value = literal(0 if config.seed == "random" else config.seed)
    said = "sampling draws: the same seed gives the same text"
    return [f"torch.manual_seed({value})  # {said}"] if config.do_sample else []


def _generation(config: Config) -> list[str]:
    """The arguments of `generate`, as data at the top of the file."""
    arguments = generation_arguments(config)
    note = []
    if "disable_compile" in arguments:
        note = [
            "# On CUDA generate compiles by itself once the cache is static: a second change,",
            "# switched off as it was in the workbench. Delete disable_compile to have it.",
        ]
    return [*note, *dictionary("GENERATION", arguments)]


def _loop(config: Config) -> dict[str, list[str]]:
    """How the compiled loop is used, whose source goes along."""
    if config.compile == "off":
        return {}
    length = "rounded_length(tokens)" if config.cache_length == "auto" else literal(config.cache_length)
    freezing = 'model.device.type == "cpu"' if config.freezing == "auto" else literal(config.freezing == "on")
    uses = _LOOP_FOR.replace("LENGTH", length).replace("MODE", literal(config.compile)).replace("FREEZING", freezing)
    return {
        "functions": ["", uses.rstrip(), ""],
        "before_run": [
            'batch_size, prompt_tokens = inputs["input_ids"].shape',
            "loop = loop_for(model, batch_size, prompt_tokens + max_new_tokens)",
        ],
        "run_arguments": ['**loop.arguments(arguments.get("streamer")),'],
    }


def _source(name: str) -> tuple[list[str], str]:
    """(lines of import, all that follows them) of a file that the engine runs."""
    text = files("workbench").joinpath(name).read_text(encoding="utf-8")
    tree = ast.parse(text)
    found = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    written = text.splitlines()
    body = "\n".join(written[found[-1].end_lineno or 0 :]).strip("\n")
    return [ast.unparse(node) for node in found], body
