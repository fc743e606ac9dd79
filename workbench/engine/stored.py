"""What each weight of a model is stored in, read from its modules: number format, size in full, tensors that hold it.

The libraries are recognised by the classes of modules and tensors; none is imported here. Where each keeps its state,
as read in bitsandbytes 0.50, torchao 0.18, optimum-quanto 0.2.7, hqq 0.2.8, gptqmodel 7.6 and transformers 5.23:
  bitsandbytes  Params4bit.quant_state (absmax, code, offset, nested state2); Int8Params.SCB, moved to the module's
                `state` by the first forward
  torchao       tensor subclasses, flattened by `__tensor_flatten__`
  quanto        the same, nested; scales of activations are buffers of the module
  hqq           W_q, and scales and zero points in the dict `meta`
  gptqmodel     buffers qweight, qzeros, scales, g_idx, or what post_init makes of them
  transformers  FP8Linear.weight with weight_scale_inv, FP8Experts.gate_up_proj with gate_up_proj_scale_inv
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from workbench.engine.sharding import own_part

_FP8 = {torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz}
_SCALES = ("_scale_inv", "_scale", "activation_scale")


@dataclass(frozen=True)
class Stored:
    """One weight or buffer.

    name         module and tensor, as in `named_parameters`
    word         the value of the knob quantization that it is kept as; "none" in full
    format       see `workbench.results.Share`
    values       numbers of the weight in full; 0 for a buffer
    row          numbers of one of its rows, which groups must divide; None where it is no matrix
    data, state  plain tensors
    """

    name: str
    module: torch.nn.Module
    word: str
    format: str
    values: int
    row: int | None
    data: tuple[torch.Tensor, ...]
    state: tuple[torch.Tensor, ...] = ()


def tied(model: Any) -> bool:
    """Whether the output head multiplies with the embedding table itself."""
    head = model.get_output_embeddings()
    return head is not None and getattr(head, "weight", None) is model.get_input_embeddings().weight


def stored(model: torch.nn.Module) -> Iterator[Stored]:
    """Everything that the modules of `model` hold, the parameters that several share (a tied head) once."""
    seen: set[int] = set()
    for path, module in model.named_modules():
        if _library(module) == "hqq" and hasattr(module, "W_q"):
            yield from _hqq(path, module)
        elif _library(module) in ("gptqmodel", "awq") and hasattr(module, "in_features"):
            yield _packed(path, module)
        else:
            own = {
                name: value for name, value in module._parameters.items() if value is not None and id(value) not in seen
            }
            seen |= {id(value) for value in own.values()}
            yield from _plain(path, module, own)


def _plain(path: str, module: torch.nn.Module, own: Mapping[str, torch.Tensor]) -> Iterator[Stored]:
    """The module's own parameters, each with the state that lies beside it; then buffers."""
    fp8 = any(value.dtype in _FP8 for value in own.values())
    scales = {name for name in own if fp8 and name.endswith(_SCALES)}
    for name in [name for name in own if name not in scales]:
        beside = [own[scale] for scale in scales if scale.startswith(name)]
        yield _parameter(_join(path, name), module, own[name], beside)
    for name, buffer in module._buffers.items():
        if buffer is not None:  # rotary frequencies, quanto's scales of activations, FP8's of single tensors
            yield Stored(_join(path, name), module, "none", _dtype(buffer), 0, None, (), (buffer,))


def _parameter(name: str, module: Any, value: Any, beside: list[torch.Tensor]) -> Stored:
    library = _library(value)
    if library == "bitsandbytes" and getattr(value, "quant_state", None) is not None:
        kind = value.quant_state.quant_type
        shape = value.quant_state.shape
        return _matrix(name, module, f"bnb-{kind}", kind, shape, (value.data,), tensors(value.quant_state))
    if library == "bitsandbytes" and value.dtype == torch.int8:
        held = [part for part in (value.CB, module.state.CB) if part is not None] or [value.data]
        state = (*tensors(value.SCB), *(part for part in tensors(module.state) if part is not held[0]))
        return _matrix(name, module, "bnb-int8", "int8", value.shape, (value.data, *held), state)
    if hasattr(value, "__tensor_flatten__") and library in ("torchao", "optimum"):
        return _subclass(name, module, value, library)
    if value.dtype in _FP8:
        return _matrix(name, module, "fp8", _dtype(value), value.shape, (value.data,), tuple(beside))
    return _matrix(name, module, "none", _dtype(value), value.shape, (own_part(value.data),))


def _subclass(name: str, module: Any, value: Any, library: str) -> Stored:
    """The largest inner tensor holds the numbers; how wide one is, follows from its bytes."""
    inner = sorted(tensors(value), key=lambda tensor: -tensor.nbytes)
    data, state = inner[0], tuple(inner[1:])
    # rows of 4 bits may be padded to whole tiles: their bytes do not tell
    bits = 4 if type(value).__name__.startswith("Int4") else round(8 * data.nbytes / value.numel())
    kind = _dtype(data) if data.dtype in _FP8 else f"int{bits}"
    if library == "optimum":
        word = f"quanto-{'float8' if data.dtype in _FP8 else kind}"
    elif data.dtype in _FP8:
        word = "torchao-float8"
    elif bits == 4:
        word = "torchao-int4-weight"
    else:
        word = "torchao-int8-dynamic" if getattr(value, "act_quant_kwargs", None) is not None else "torchao-int8-weight"
    return _matrix(name, module, word, kind, value.shape, (data,), state)


def _hqq(path: str, module: Any) -> Iterator[Stored]:
    bits, shape = int(module.meta["nbits"]), module.meta["shape"]
    state = tensors(module.meta)
    yield _matrix(_join(path, "W_q"), module, f"hqq-int{bits}", f"int{bits}", shape, (module.W_q.data,), state)
    if isinstance(module.bias, torch.Tensor):
        yield _matrix(_join(path, "bias"), module, "none", _dtype(module.bias), module.bias.shape, (module.bias.data,))


def _packed(path: str, module: Any) -> Stored:
    """GPTQ and AWQ: all tensors of the module; the largest are the numbers, the rest zero points, scales, order."""
    held = {name: part for name, part in (*module._buffers.items(), *module._parameters.items()) if part is not None}
    others = [part for name, part in vars(module).items() if name not in ("_buffers", "_parameters", "_modules")]
    every = sorted(
        {id(part): part for part in (*held.values(), *tensors(others))}.values(), key=lambda one: -one.nbytes
    )
    word = "awq" if "awq" in type(module).__name__.lower() or _library(module) == "awq" else "gptq"
    shape = (module.out_features, module.in_features)
    bits = int(getattr(module, "bits", 4))
    return _matrix(_join(path, "qweight"), module, word, f"int{bits}", shape, tuple(every[:1]), tuple(every[1:]))


def _matrix(
    name: str,
    module: Any,
    word: str,
    kind: str,
    shape: Any,
    data: tuple[torch.Tensor, ...],
    state: tuple[torch.Tensor, ...] = (),
) -> Stored:
    row = int(shape[-1]) if len(shape) > 1 else None
    return Stored(name, module, word, kind, math.prod(shape), row, data, state)


def tensors(value: Any) -> tuple[torch.Tensor, ...]:
    """The plain tensors inside `value`: a tensor subclass, a container, or an object of a library that holds state."""
    if isinstance(value, torch.Tensor):
        if type(value) not in (torch.Tensor, torch.nn.Parameter) and hasattr(value, "__tensor_flatten__"):
            names, _ = value.__tensor_flatten__()
            return tuple(part for name in names for part in tensors(getattr(value, name)))
        return (value,)
    if isinstance(value, Mapping):
        return tuple(part for item in value.values() for part in tensors(item))
    if isinstance(value, list | tuple):
        return tuple(part for item in value for part in tensors(item))
    if type(value).__name__ in ("QuantState", "MatmulLtState"):  # bitsandbytes
        return tensors(vars(value))
    return ()


def _library(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
