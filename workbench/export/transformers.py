"""A Python file that loads the model in one configuration and generates, with transformers alone."""

from collections.abc import Callable
from typing import Any

from workbench.catalog.sources import Source
from workbench.export import check, decoding, placement, quantization, speculation, tokens
from workbench.export.header import deciding, header
from workbench.export.piece import Loading, Piece, joined
from workbench.export.python import arguments, assignment, comment, dictionary, fill, imported, literal
from workbench.export.request import Request
from workbench.export.source import loadable, origin
from workbench.export.template import TEMPLATE
from workbench.knobs.machine import ALLOCATOR_VARIABLE, environment_of, waiting_environment


def files(request: Request) -> dict[str, str]:
    """The loader first; then what its --check needs. ModelError for a model that no code can load."""
    code, packages = loader(request)
    return {"load_model.py": code, **check.files(request, packages)}


def loader(request: Request) -> tuple[str, tuple[str, ...]]:
    """The main file's text, and the distributions that it needs beside the usual ones."""
    source, own = quantization.files_of(request, loadable(request.model, request.revision))
    dtype = request.config.dtype
    if dtype == "auto" and request.resolved:
        dtype = request.resolved.dtype
    where: dict[str, Any] = {}
    if source.revision:
        where["revision"] = source.revision
    if source.gguf_file:
        where["gguf_file"] = source.gguf_file
    loading = Loading(request, source, own, dtype, where)
    made = joined(piece(loading) for piece in PIECES)
    imports = {*made.places["std_imports"], "import os", "import sys", "import warnings"}
    code = fill(
        TEMPLATE,
        {
            **made.places,
            "header": header(request, source, made.packages),
            "std_imports": sorted({*imports, "from importlib.metadata import version"}, key=_plain_first),
            "imports": imported("transformers", ["AutoModelForCausalLM", "AutoTokenizer", *made.classes]),
            "constants": [
                *_model(source),
                *_device(request),
                *dictionary("VERSIONS", deciding(request, made.packages)),
                *made.places["constants"],
            ],
            "tokenizer": _tokenizer(where),
            "where": arguments(where),
            "dtype": _dtype(dtype),
            "attention": literal(request.config.attention),
        },
    )
    return code, made.packages


def _process(loading: Loading) -> Piece:
    """What belongs to the whole process: environment and threads."""
    return Piece(
        {
            "environment": [
                "# OpenMP reads this once, when torch starts its threads: it is set before the import.",
                *_environment(loading.request),
            ],
            "switches": _threads(loading.request),
        }
    )


def _weights(loading: Loading) -> Piece:
    """Which files, and what they must have become."""
    ran = ['"attention": model.config._attn_implementation,']
    promised = [f'"attention": {literal(loading.config.attention)},']
    if loading.dtype != "auto":
        ran.append('"dtype": model.dtype,')
        promised.append(f'"dtype": {_dtype(loading.dtype)},')
    if loading.source.gguf_file:
        unpacked = ["quantization_config=GgufConfig(dequantize=True),"]
        return Piece({"ran": ran, "promised": promised, "load_arguments": unpacked}, ("GgufConfig",))
    return Piece({"ran": ran, "promised": promised, "load_arguments": ["use_safetensors=True,"]})


# in the order in which they stand at a place of the template that several fill
PIECES: tuple[Callable[[Loading], Piece], ...] = (
    _process,
    _weights,
    decoding.piece,
    quantization.piece,
    placement.piece,
    speculation.piece,
    tokens.piece,
)


def _plain_first(line: str) -> tuple[bool, str]:
    """Formatters put `import x` before `from x import y`."""
    return line.startswith("from"), line


def _dtype(name: str) -> str:
    return literal(name) if name == "auto" else f"torch.{name}"


def _tokenizer(where: dict[str, Any]) -> list[str]:
    if not where:
        return ["tokenizer = AutoTokenizer.from_pretrained(MODEL)"]
    lines = ["MODEL,", *arguments(where)]
    return ["tokenizer = AutoTokenizer.from_pretrained(", *(f"    {line}" for line in lines), ")"]


def _environment(request: Request) -> list[str]:
    choice = request.machine.threads if request.machine else None
    policy = choice.omp_wait_policy.upper() if choice else "PASSIVE"
    wanted = {**waiting_environment(policy), **environment_of(request.config)}
    allocator = wanted.pop(ALLOCATOR_VARIABLE, None)
    lines = [f"os.environ[{literal(name)}] = {literal(value)}" for name, value in wanted.items()]
    if allocator is not None:
        lines.append("# torch reads this once as well, for the memory of the GPU.")
        lines.append(f"os.environ[{literal(ALLOCATOR_VARIABLE)}] = {literal(allocator)}")
    return lines


def _model(source: Source) -> list[str]:
    if not source.path:
        return [assignment("MODEL", literal(source.location))]
    return [
        comment(f"A directory{origin(source)}"),
        "# of the machine that wrote this file; MODEL=/another/path in the environment names another.",
        "MODEL = os.environ.get(",
        f"    {literal('MODEL')},",
        f"    {literal(source.location)},",
        ")",
    ]


def _device(request: Request) -> list[str]:
    device = "cuda:0" if request.config.device == "cuda" else request.config.device
    choice = 'DEVICE = "cuda:0" if torch.cuda.is_available() else "cpu"'
    return [choice if device == "auto" else assignment("DEVICE", literal(device))]


def _threads(request: Request) -> list[str]:
    asked, resolved = request.config.threads, request.resolved
    if asked != "auto":
        return [f"torch.set_num_threads({literal(asked)})"]
    if resolved and not resolved.device.startswith("cuda"):
        return [f"torch.set_num_threads({literal(resolved.threads)})  # the workbench's choice on its machine"]
    return []
