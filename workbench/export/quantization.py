"""How the exported code quantises: the libraries' own config objects, and what they leave in full."""

import ast
import importlib.util
import re
from dataclasses import replace
from importlib.resources import files

from workbench.catalog.integrity import check_config
from workbench.catalog.quantized import Stated, copies, stated
from workbench.catalog.sources import Source
from workbench.errors import CapabilityError, ModelError
from workbench.export import quantized_head
from workbench.export.piece import Loading, Piece, joined
from workbench.export.python import arguments, assignment, imported, literal
from workbench.export.request import Request
from workbench.knobs.formats import FORMATS
from workbench.words import text

_TORCHAO = {
    "torchao-int8-weight": "Int8WeightOnlyConfig",
    "torchao-int8-dynamic": "Int8DynamicActivationInt8WeightConfig",
    "torchao-float8": "Float8WeightOnlyConfig",
}
_PROTOTYPE = "torchao.prototype.quantization.int4.inference_workflow"
# what the kernels of a format refuse here: a test of `layer` in the exported code
_REFUSED = {
    "bnb-nf4": "layer.out_features % 32 or layer.in_features % 64",
    "bnb-fp4": "layer.out_features % 32 or layer.in_features % 64",
    "fp8": "layer.out_features % 128 or layer.in_features % 128",
}
_LEFT = '''\
def left_in_full():
    """Return the paths of the linear layers that are not quantised."""
    config = AutoConfig.from_pretrained(
        MODEL,
WHERE    )
    with torch.device("meta"):  # no weights, only the layers' names and shapes
        outline = AutoModelForCausalLM.from_config(config)
    names = []
    for name, layer in outline.named_modules():
        if not isinstance(layer, torch.nn.Linear):
            continue
        if re.search(LEFT_IN_FULL, name):
            names.append(name)
REFUSED    return names
'''
_HQQ = """\
kept = left_in_full()
for name, layer in list(model.named_modules()):
    if type(layer) is torch.nn.Linear and name not in kept:
        layer = HQQLinear(
            layer,
            BaseQuantizeConfig(nbits=BITS, group_size=GROUP),
            compute_dtype=COMPUTE,
            device=str(layer.weight.device),
        )
        model.set_submodule(name, layer)
"""


def files_of(request: Request, source: Source) -> tuple[Source, Stated | None]:
    """The files that the code loads, and what they are quantised to: a copy made here where the config asks for one.

    CapabilityError: there is no such copy. ModelError: a quantisation that code cannot have from these files.
    """
    config, chosen = request.config, FORMATS.get(request.config.quantization)
    own = stated(check_config(source.path, source.label)) if source.path and not source.gguf_file else None
    if source.gguf_file and chosen is not None:
        raise ModelError("export.gguf_quantized", model=request.model)
    if own is None and request.facts and request.facts.checkpoint_quantization == "fp8":
        own = Stated("fp8", "fp8", {"quant_method": "fp8"})
    if own is not None or chosen is None or not chosen.calibrated:
        return source, own
    size = None if config.group_size == "auto" else int(config.group_size)
    made = copies(source.path, config.quantization, size) if source.path else ()
    if not made:
        command = f"workbench quantize {request.model} --method {config.quantization}"
        group = text("checkpoint.in_groups_of", size=size) if size else ""
        raise CapabilityError(
            "checkpoint.no_copy", asked=config.quantization, name=source.label, group=group, command=command
        )
    folder = made[0].folder.resolve()
    found = source.model_copy(update={"path": folder, "kind": "directory", "revision": None})
    return found, stated(check_config(folder, folder.name))


def piece(loading: Loading) -> Piece:
    """The code's quantisation, and the proof that there is one, or none."""
    request, own = loading.request, loading.own
    if own is not None:
        return _of_files(request, own, loading.full_dtype)
    chosen = FORMATS.get(request.config.quantization)
    if chosen is None:
        return Piece({} if loading.source.gguf_file else _proof(quantized=False))
    listed = chosen.package == "hqq" or request.config.skip_modules != "auto" or _refused(request)
    match chosen.package:
        case "bitsandbytes":
            made = _bnb(request, loading.full_dtype)
        case "torchao":
            made = _torchao(request)
        case "optimum-quanto":
            bits = literal(chosen.name.removeprefix("quanto-"))
            made = _config("QuantoConfig", [f"weights={bits},"], "modules_to_not_convert")
        case "transformers":
            made = _config("FineGrainedFP8Config", [], "modules_to_not_convert")
        case _:
            made = _hqq(request)
    kept = _kept(request, arguments(loading.where)) if listed else {}
    places = {
        name: [line for line in lines if listed or "left_in_full()" not in line] for name, lines in made.places.items()
    }
    head = quantized_head.piece(request, _group(request) if chosen.grouped else None)
    whole = joined([Piece(places), Piece(kept), head])
    classes = (*made.classes, *(["AutoConfig"] if listed else []))
    return replace(whole, classes=classes, packages=_packages(chosen.package))


def _packages(package: str) -> tuple[str, ...]:
    return {"transformers": (), "optimum-quanto": ("optimum-quanto",)}.get(package, (package,))


def _of_files(request: Request, own: Stated, dtype: str) -> Piece:
    """The files bring it: nothing is to be said, but where FP8 is dequantised."""
    by = FORMATS.get(own.word)
    packages = (by.package, *by.beside) if by is not None and by.calibrated else ()
    ran = request.resolved.quantization if request.resolved else request.config.quantization
    if own.method != "fp8" or ran not in ("none",):
        return Piece(packages=packages, places=_proof())
    made = _config("FineGrainedFP8Config", ["dequantize=True,"], "")
    after = []
    if dtype != "auto":
        after = [
            "for parameter in model.parameters():  # transformers casts only what was FP8",
            f"    parameter.data = parameter.data.to(torch.{dtype})",
        ]
    size = tuple(own.entry.get("weight_block_size") or (128, 128))
    places = {
        **made.places,
        **_mending(),
        "around_load": [f"@whole_blocks({literal(size).replace('[', '(').replace(']', ')')})"],
        "in_place": after,
    }
    return replace(made, places={name: lines for name, lines in places.items() if name not in ("ran", "promised")})


_IS_QUANTIZED = 'getattr(model, "is_quantized", False)'


def _proof(expression: str = _IS_QUANTIZED, *, quantized: bool = True) -> dict[str, list[str]]:
    return {"ran": [f'"quantized": {expression},'], "promised": [f'"quantized": {quantized},']}


def _config(name: str, values: list[str], kept: str) -> Piece:
    """`quantization = Name(...)`, and its use."""
    lines = [*values, *([f"{kept}=left_in_full(),"] if kept else [])]
    body = [f"quantization = {name}(", *(f"    {line}" for line in lines), ")"]
    return Piece(
        classes=(name,),
        places={
            "quantization": body,
            "load_arguments": ["quantization_config=quantization,"],
            **_proof(),
        },
    )


def _bnb(request: Request, dtype: str) -> Piece:
    config = request.config
    if config.quantization == "bnb-int8":
        values = ["load_in_8bit=True,", f"llm_int8_threshold={literal(config.bnb_threshold)},"]
    else:
        compute = dtype if config.compute_dtype == "auto" else config.compute_dtype
        values = [
            "load_in_4bit=True,",
            f"bnb_4bit_quant_type={literal(config.quantization.removeprefix('bnb-'))},",
            f"bnb_4bit_use_double_quant={literal(config.bnb_double_quant)},",
            *([] if compute == "auto" else [f"bnb_4bit_compute_dtype=torch.{compute},"]),
        ]
    return _config("BitsAndBytesConfig", values, "llm_int8_skip_modules")


def _torchao(request: Request) -> Piece:
    name = request.config.quantization
    quiet = "set_inductor_config=False"  # left on, it changes the whole process's float32 precision
    if name != "torchao-int4-weight":
        kind, room, inner = _TORCHAO[name], "torchao.quantization", f"{_TORCHAO[name]}({quiet})"
        lines = [f"{inner},"]
    else:
        group = _group(request)
        on_gpu = _device(request).startswith("cuda")
        kind = "Int4WeightOnlyConfig" if on_gpu else "PrototypeInt4WeightOnlyConfig"
        room = "torchao.quantization" if on_gpu else _PROTOTYPE
        packing = "plain" if importlib.util.find_spec("mslk") else "tile_packed_to_4d"
        more = [f"    int4_packing_format={literal(packing)},"] if on_gpu else []
        lines = [f"{kind}(", f"    group_size={group},", *more, f"    {quiet},", "),"]
    made = _config("TorchAoConfig", lines, "modules_to_not_convert")
    return replace(made, places={**made.places, "late_imports": imported(room, [kind])})


def _hqq(request: Request) -> Piece:
    config = request.config
    bits, asked = config.quantization.removeprefix("hqq-int"), config.compute_dtype
    compute = "model.dtype" if asked == "auto" else f"torch.{asked}"
    code = _HQQ.replace("BITS", bits).replace("GROUP", str(_group(request))).replace("COMPUTE", compute)
    proof = "any(isinstance(layer, HQQLinear) for layer in model.modules())"
    return Piece(
        places={
            "early_imports": ["from hqq.core.quantize import BaseQuantizeConfig, HQQLinear"],
            "in_place": code.rstrip().split("\n"),
            **_proof(proof),
        }
    )


def _group(request: Request) -> int:
    asked = request.config.group_size
    return int(FORMATS[request.config.quantization].group or 64) if asked == "auto" else int(asked)


def _device(request: Request) -> str:
    asked = request.resolved.device if request.resolved else request.config.device
    return ("cuda" if request.machine and request.machine.gpus else "cpu") if asked == "auto" else str(asked)


def _refused(request: Request) -> bool:
    """Whether kernels refused some layers in the session."""
    return bool(request.resolved and "skip_modules" in request.resolved.why)


def _kept(request: Request, where: list[str]) -> dict[str, list[str]]:
    """The function `left_in_full`: by name, and by shape where kernels refuse it."""
    config, refused = request.config, _refused(request)
    shape = _REFUSED.get(config.quantization) if refused else None
    by_shape = f"        elif {shape}:  # its kernels refuse\n            names.append(name)\n" if shape else ""
    asked = () if isinstance(config.skip_modules, str) else tuple(config.skip_modules)
    names = ["lm_head", *asked, *(["kv_b_proj"] if refused and config.quantization == "bnb-int8" else [])]
    choices = "|".join(_expression(name) for name in dict.fromkeys(names))
    indented = "".join(f"        {line}\n" for line in where)
    return {
        "std_imports": ["import re"],
        "functions": [
            "",
            "# whole components of a layer's path",
            assignment("LEFT_IN_FULL", _raw(rf"(?:^|\.)(?:{choices})(?:\.|$)")),
            "",
            "",
            *_LEFT.replace("WHERE", indented).replace("REFUSED", by_shape).rstrip().split("\n"),
            "",
        ],
    }


def _raw(pattern: str) -> str:
    return literal(pattern) if '"' in pattern or not pattern.isprintable() else f'r"{pattern}"'


def _expression(name: str) -> str:
    """A name of the knob skip_modules as a regular expression: a * is anything within one component."""
    return r"\.".join(re.escape(part).replace(r"\*", "[^.]*") for part in name.split("."))


def _mending() -> dict[str, list[str]]:
    """The engine's own mending of transformers' dequantisation, carried along as source."""
    source = (files("workbench.engine") / "quantizing" / "fp8.py").read_text(encoding="utf-8")
    wanted = ("whole_blocks", "_is_right")
    found = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name in wanted]
    lines = source.splitlines()
    body: list[str] = []
    for node in found:
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)]) - 1
        body += ["", "", *lines[first : node.end_lineno]]
    return {
        "std_imports": [
            "import functools",
            "from collections.abc import Iterator",
            "from contextlib import contextmanager",
            "from typing import Any",
        ],
        "torch_imports": ["from torch.nn.functional import pad"],
        "more_imports": ["from transformers.integrations.finegrained_fp8 import Fp8Dequantize"],
        "functions": ["", "# fmt: off", *body[2:], "# fmt: on", ""],
    }
