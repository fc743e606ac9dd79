"""What the engine's process holds, and giving it back."""

import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import torch
from safetensors import SafetensorError

from workbench.catalog.shapes import FIELDS
from workbench.config import Config
from workbench.engine.sharding import own_part
from workbench.errors import OutOfMemory
from workbench.probes import allocator
from workbench.probes.allocator import release as release
from workbench.probes.failures import refusal_of, refuses_memory
from workbench.words import Message, text

RESIDUE_LIMIT = 0.05  # of the model's bytes; above it the process is worth replacing
# A process grows by this much without holding any model: libraries keep a compiled kernel for each shape they met, and
# those of int8 products alone took 13 MB in one short answer.
_RESIDUE_FLOOR = 32 * 2**20
_WEIGHT_FILES = (".safetensors", ".gguf", ".bin")


class Residue(Exception):
    """After dropping the old model too much memory stayed; the host should replace this process.

    `.left_bytes` stayed of a model of `.model_bytes`. Nothing is resident any more.
    """

    def __init__(self, left_bytes: int, model_bytes: int) -> None:
        self.left_bytes = left_bytes
        self.model_bytes = model_bytes
        super().__init__(f"{left_bytes} of {model_bytes} bytes stayed")


def refuse_residue(left_bytes: int, model_bytes: int) -> None:
    """Residue when so much stayed of a model that the process is worth replacing."""
    if model_bytes and left_bytes > max(RESIDUE_LIMIT * model_bytes, _RESIDUE_FLOOR):
        raise Residue(left_bytes, model_bytes)


def held_bytes(device: torch.device) -> int:
    """Bytes in use: torch's allocated bytes on CUDA, the resident set of this process on CPU."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    return psutil.Process().memory_info().rss


def model_memory(device: torch.device) -> int:
    """Bytes that a model could be holding: like `held_bytes`, but on Linux without the pages of program libraries.

    Every kernel that runs for the first time pages more of torch's libraries in, which a dropped model cannot return.
    What counts is anonymous memory and mapped weight files.
    """
    if device.type == "cuda" or sys.platform != "linux":
        return held_bytes(device)
    anonymous = sum(
        int(line.split()[1]) * 1024
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith(("RssAnon:", "RssShmem:"))
    )
    return anonymous + _mapped_weights()


def _mapped_weights() -> int:
    """Resident bytes of weight files mapped into this process, from /proc/self/smaps."""
    total, in_weights = 0, False
    for line in Path("/proc/self/smaps").read_text(errors="replace").splitlines():
        if line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024 if in_weights else 0
        elif not line[:1].isupper():  # a mapping's own line starts with its address
            in_weights = line.endswith(_WEIGHT_FILES)
    return total


def leave_files(model: torch.nn.Module) -> None:
    """Copies the weights that are still views of a mapped file, on the CPU, after the others were quantised.

    One such view keeps the whole file mapped, and the pages that quantising read stay resident: SmolLM2 in nf4 with
    tables in float32 held 583 MiB instead of 161.
    """
    for parameter in model.parameters():
        plain = type(parameter) is torch.nn.Parameter and type(parameter.data) is torch.Tensor
        if plain and parameter.device.type == "cpu":
            parameter.data = parameter.data.clone()


def held_by(model: Any) -> int:
    """Bytes of a model's parameters and buffers on its device; 0 where there is none."""
    if model is None:
        return 0
    parts = (*model.parameters(), *model.buffers())
    return sum(own_part(part).nbytes for part in parts if part.device.type == model.device.type)


def asked(model: Any, config: Config, work: Mapping[str, int], described: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of OutOfMemory that say what was to be done, JSON where they are no numbers.

    model      what is resident now; described: transformers' config of the one that was to be
    """
    shape = {name: described[name] for name in (*FIELDS, "dtype") if described.get(name) is not None}
    return {
        "held_bytes": held_by(model),
        "config": config.to_json(),
        "shape": json.dumps(shape, default=str) if shape else "",
        **work,
    }


def let_go(error: BaseException | None) -> None:
    """Empties the frames of its traceback, and of those behind it: they hold the tensors of the work that failed.

    While a `with` block ends, Python keeps the error that ended it, so that deleting the name is not enough.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


@contextmanager
def refusals_told(
    device: torch.device, doing: Message, asked: Callable[[], dict[str, Any]] = dict[str, Any]
) -> Iterator[None]:
    """Within it a refused allocation becomes OutOfMemory, after what can be given back was.

    asked  what more is known of the work, for who tells what would fit (`workbench.explaining`)

    The error's parameters are numbers where they are known: asked_bytes, free_bytes and others_bytes at that moment,
    the allocator's allocated_bytes, reserved_bytes and largest_free_bytes, and left_bytes, what is free afterwards;
    `spoils` is 1 where the process is of no more use.
    """
    try:
        yield
    except (RuntimeError, MemoryError, OSError, SafetensorError) as error:
        if not refuses_memory(error):
            raise
        refusal = refusal_of(error, device)
        let_go(error)
    else:
        return
    release(device)
    raise OutOfMemory(
        "model.out_of_memory",
        doing=str(doing),
        problem=refusal.problem,
        said=refusal.sentences,
        advice=text("memory.ask_for_less"),
        in_pieces=int(refusal.in_pieces),
        spoils=int(refusal.spoils),
        left_bytes=allocator.free_bytes(device),
        **refusal.params,
        **asked(),
    )
