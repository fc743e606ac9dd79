"""A Python file that loads the model in one configuration and generates, with transformers alone."""

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from workbench import __version__
from workbench.catalog.sources import Source
from workbench.export import decoding, quantization
from workbench.export.numbers import conditions, rows
from workbench.export.python import arguments, assignment, comment, fill, imported, literal
from workbench.export.request import Request
from workbench.export.source import loadable, origin
from workbench.export.template import TEMPLATE
from workbench.knobs import KNOBS
from workbench.knobs.generation import generation_arguments
from workbench.results import versions

_PACKAGES = ("torch", "transformers", "accelerate", "safetensors")
# of the template, filled by `quantization`
_PLACES = (
    "std_imports",
    "early_imports",
    "late_imports",
    "left",
    "around_load",
    "quantization",
    "config_argument",
    "in_place",
    "ran_q",
    "exported_q",
)


def files(request: Request) -> dict[str, str]:
    """The loader. ModelError for a model that no code can load."""
    return {"load_model.py": loader(request)}


def loader(request: Request) -> str:
    """The file's text. ModelError for a model that no code can load."""
    config = request.config
    source, own = quantization.files_of(request, loadable(request.model, request.revision))
    dtype = config.dtype
    if dtype == "auto" and request.resolved:
        dtype = request.resolved.dtype
    dtype_code = literal("auto") if dtype == "auto" else f"torch.{dtype}"
    generate = generation_arguments(config)
    where: dict[str, Any] = {}
    if source.revision:
        where["revision"] = source.revision
    if source.gguf_file:
        where["gguf_file"] = source.gguf_file
    decoded = decoding.lines(config)
    made = quantization.quantized(request, own, _full_dtype(request, dtype), arguments(where))
    places = {name: made.places.get(name, []) for name in _PLACES}
    classes = ["AutoModelForCausalLM", "AutoTokenizer", *(["GgufConfig"] if source.gguf_file else []), *made.classes]
    return fill(
        TEMPLATE,
        {
            "header": _header(request, source, made.packages),
            "wait_policy": literal(_wait_policy(request)),
            "imports": imported("transformers", [*classes, *decoding.classes(config)]),
            "constants": _constants(request, source),
            "threads": _threads(request),
            "where": arguments(where),
            "weights": ["quantization_config=GgufConfig(dequantize=True),"]
            if source.gguf_file
            else ["use_safetensors=True,"],
            "dtype": dtype_code,
            "attention": literal(config.attention),
            "ran": [] if dtype == "auto" else ['"dtype": model.dtype,'],
            "exported": [] if dtype == "auto" else [f'"dtype": {dtype_code},'],
            "end_tokens": _end_tokens(request),
            "pad_token": _pad_token(request),
            "padding_side": literal(config.padding_side),
            "generate_note": decoding.note(generate),
            "generate": arguments(generate),
            "seed": ["torch.manual_seed(0)  # sampling draws: the same seed gives the same text"]
            if config.do_sample
            else [],
            **decoded,
            **places,
            "std_imports": sorted(["import os", *places["std_imports"]], key=_plain_first),
            "torch_imports": [*decoded["torch_imports"], *made.places.get("late_torch", [])],
            "more_imports": [*decoded["more_imports"], *made.places.get("late_more", [])],
        },
    )


def _plain_first(line: str) -> tuple[bool, str]:
    """Formatters put `import x` before `from x import y`."""
    return line.startswith("from"), line


def _full_dtype(request: Request, dtype: str) -> str:
    """Of the weights in full, as far as it is known: 4-bit weights are multiplied in it."""
    stated = request.facts.checkpoint_dtype if request.facts else None
    return stated if dtype == "auto" and stated in ("float32", "bfloat16", "float16") else dtype


def _header(request: Request, source: Source, packages: Sequence[str]) -> list[str]:
    installed = versions()
    # public versions: a local one ("+cpu") is not on the package index
    pins = [_pin(name, installed.get(name)) for name in _PACKAGES if name in installed]
    pins += [_pin(name, installed.get(name) or _version(name)) for name in packages]
    changed = [f"{name}={literal(value)}" for name, value in request.config.items() if value != KNOBS[name].default]
    lines = [
        f"Written by the DeepSeek Tuning Workbench {__version__}; needs transformers, not the workbench.",
        "",
        "    pip install " + " ".join([*pins, *(["gguf"] if source.gguf_file else [])]),
        "",
        f"model   {literal(request.model)}" + (f", revision {literal(source.revision)}" if source.revision else ""),
        f"config  {', '.join(changed) or 'every knob at its default'}",
    ]
    if request.resolved:
        lines += [f"but     {difference}" for difference in request.resolved.differences(request.config)]
    if request.measurement:
        built = ", ".join(f"{name} {installed[name]}" for name in ("torch", "transformers") if name in installed)
        where = f" on {request.machine.label}" if request.machine else ""
        lines += ["", f"Measured{where}, Python {platform.python_version()}, {built}:"]
        for label, value, bounds in rows(request.measurement):
            lines.append(f"    {label:<22} {value}" + (f"   {bounds}" if bounds else ""))
        lines.append(f"    {conditions(request.measurement, request.workload)}; brackets: 95 % interval of the mean")
        lines += [f"    note: {flag}" for flag in request.measurement.flags]
    return [comment(line) for line in lines]


def _pin(package: str, version: str | None) -> str:
    return f"{package}=={version.partition('+')[0]}" if version else package


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _wait_policy(request: Request) -> str:
    choice = request.machine.threads if request.machine else None
    return choice.omp_wait_policy.upper() if choice else "PASSIVE"


def _constants(request: Request, source: Source) -> list[str]:
    lines = []
    if source.path:
        lines += [
            comment(f"A directory{origin(source)} of the machine that wrote this file."),
            "# MODEL=/another/path in the environment names another.",
            "MODEL = os.environ.get(",
            f"    {literal('MODEL')},",
            f"    {literal(source.location)},",
            ")",
        ]
    else:
        lines.append(assignment("MODEL", literal(source.location)))
    device = "cuda:0" if request.config.device == "cuda" else request.config.device
    choice = 'DEVICE = "cuda:0" if torch.cuda.is_available() else "cpu"'
    return [*lines, choice if device == "auto" else assignment("DEVICE", literal(device))]


def _threads(request: Request) -> list[str]:
    asked, resolved = request.config.threads, request.resolved
    if asked != "auto":
        return [f"torch.set_num_threads({literal(asked)})"]
    if resolved and not resolved.device.startswith("cuda"):
        return [f"torch.set_num_threads({literal(resolved.threads)})  # the workbench's choice on its machine"]
    return []


def _end_tokens(request: Request) -> list[str]:
    ids = request.config.eos_token_ids
    if ids == "auto" and request.resolved:
        ids = request.resolved.eos_token_ids or "auto"
    if ids != "auto":
        return [assignment("eos_token_ids", literal(ids)), "model.generation_config.eos_token_id = eos_token_ids"]
    return [
        "eos_token_ids = model.generation_config.eos_token_id",
        "if eos_token_ids is None:",
        "    eos_token_ids = tokenizer.eos_token_id",
        "if not isinstance(eos_token_ids, list):",
        "    eos_token_ids = [eos_token_ids]",
        "model.generation_config.eos_token_id = eos_token_ids",
    ]


def _pad_token(request: Request) -> list[str]:
    asked = request.config.pad_token
    if isinstance(asked, int):
        return [f"tokenizer.pad_token = tokenizer.convert_ids_to_tokens({literal(asked)})"]
    if asked == "unk":
        return ["tokenizer.pad_token = tokenizer.unk_token"]
    first_end = "tokenizer.pad_token = tokenizer.convert_ids_to_tokens(eos_token_ids[0])"
    return [first_end] if asked == "eos" else ["if tokenizer.pad_token_id is None:", f"    {first_end}"]
