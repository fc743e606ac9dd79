"""Pickled checkpoints to safetensors: `python -P -m workbench.engine.convert`, a process that ends when it is done.

Started by `workbench.hub.convert` with a bare environment. Only torch's weights_only loader opens a pickle here. What
it prints are JSON lines: {"done": bytes}, and at the end {"files": {...}} or {"code": …, "params": {…}}.
"""

import argparse
import json
import os
import pickle
import re
import struct
import sys
import threading
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from workbench.errors import ModelError, WorkbenchError

# torch names what it refused: "Unsupported global: GLOBAL posix.system was not …", "… Unsupported class posix.system"
_REFUSED = re.compile(
    r"(?:GLOBAL|Unsupported class|Unsupported operand|Trying to (?:call|instantiate)\S*)\s+([A-Za-z_][\w.]+)"
)
# torch goes on to advise the unsafe loader: that part is never shown
_ADVICE = re.compile(r"In PyTorch 2\.6|Please file an issue|\x1b|You can get a|Check the documentation")
# what torch raises on bytes that are no checkpoint
_DAMAGED = (
    pickle.UnpicklingError,
    struct.error,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
    MemoryError,
)
_WRAPPERS = ("state_dict", "model_state_dict")  # trainers put the weights beside their own state


def main() -> int:
    parser = argparse.ArgumentParser(description="Converts pickled weights; started by the workbench.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--files", nargs="+", required=True, metavar="PICKLE=SAFETENSORS")
    parser.add_argument("--tied", action="store_true")
    arguments = parser.parse_args()
    threading.Thread(target=_end_with_owner, daemon=True, name="owner").start()
    tell, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer
    try:
        placed: dict[str, str] = {}
        total = 0
        for pair in arguments.files:
            name, _, written = pair.partition("=")
            tensors = read(arguments.source / name)
            write(tensors, arguments.target / written, tied=arguments.tied)
            placed |= dict.fromkeys(tensors, written)
            total += sum(tensor.nbytes for tensor in tensors.values())
            print(json.dumps({"done": name}), file=tell, flush=True)
            del tensors
    except WorkbenchError as error:
        print(json.dumps({"code": error.code, "params": error.params}), file=tell, flush=True)
        return 1
    except OSError as error:
        problem = f"{type(error).__name__}: {error.strerror or error}"
        params = {"path": str(arguments.target), "problem": problem}
        print(json.dumps({"code": "convert.not_writable", "params": params}), file=tell, flush=True)
        return 1
    print(json.dumps({"placed": placed, "total_size": total}), file=tell, flush=True)
    return 0


def read(file: Path) -> dict[str, torch.Tensor]:
    """The named tensors of a pickled checkpoint, mapped from the disk where its format allows.

    ModelError: it asks for anything but tensors, cannot be read, or holds something else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of formats that torch reads all the same
            # only the zip format can be mapped; the older one is read whole
            loaded = torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except _DAMAGED as error:
        raise _refusal(file, error) from error
    while isinstance(loaded, Mapping) and (key := next((key for key in _WRAPPERS if key in loaded), None)):
        loaded = loaded[key]
    if not isinstance(loaded, Mapping) or not loaded:
        raise ModelError("convert.not_tensors", file=file.name, entry="the whole", kind=type(loaded).__name__)
    for name, value in loaded.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise ModelError("convert.not_tensors", file=file.name, entry=repr(name), kind=type(value).__name__)
        if value.layout != torch.strided or value.is_quantized:
            problem = "quantised" if value.is_quantized else str(value.layout)
            raise ModelError("convert.odd_tensor", file=file.name, entry=name, problem=problem)
    return dict(loaded)


def write(tensors: dict[str, torch.Tensor], file: Path, *, tied: bool) -> None:
    """`tensors` as safetensors. Names that share their memory are written each, except an output head that is `tied`.

    The format holds no shared memory. A tied head is left out and named in the metadata, as safetensors' own
    `save_model` does; any other shared tensor is written twice, because transformers may ask for both names.
    """
    metadata = {"format": "pt"}
    seen: dict[tuple[Any, ...], str] = {}
    kept: dict[str, torch.Tensor] = {}
    # the embedding first, so that the head is the one that repeats it
    for name in sorted(tensors, key=lambda name: name.endswith("lm_head.weight")):
        tensor = tensors[name].detach()
        place = (tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tensor.shape, tensor.stride())
        first = seen.setdefault(place, name) if tensor.numel() else name
        if tied and first != name and name.endswith("lm_head.weight"):
            metadata[name] = first
            continue
        whole = tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.nbytes
        kept[name] = tensor if whole and first == name else tensor.clone(memory_format=torch.contiguous_format)
    try:
        save_file({name: kept[name] for name in tensors if name in kept}, file, metadata=metadata)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        if "os error" in str(error):
            raise OSError(None, str(error)) from error
        raise ModelError("convert.odd_tensor", file=file.name, entry="a tensor", problem=str(error)) from error
    for name in set(tensors) - set(kept):
        del tensors[name]


def _refusal(file: Path, error: Exception) -> ModelError:
    text = str(error)
    if isinstance(error, pickle.UnpicklingError) and (call := _REFUSED.search(text)):
        return ModelError("convert.calls_code", file=file.name, call=call[1])
    text = _ADVICE.split(text.partition("WeightsUnpickler error:")[2] or text)[0].strip()
    return ModelError(
        "convert.unreadable", file=file.name, problem=" ".join(text.split())[:200] or type(error).__name__
    )


def _end_with_owner() -> None:
    """The owner holds the other end of our standard input and never writes."""
    while os.read(0, 1):  # not sys.stdin: its lock would be held when the interpreter ends
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
