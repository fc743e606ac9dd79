"""What the engine's process holds, and giving it back."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch

from workbench.errors import OutOfMemory
from workbench.probes.failures import refuses_memory
from workbench.words import Message

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


def release(device: torch.device) -> None:
    """Collects garbage and returns freed pages to the driver or the kernel."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # absent from musl
        if trim is not None:
            trim(0)


@contextmanager
def refusals_told(device: torch.device, doing: Message) -> Iterator[None]:
    """Within it a refused allocation becomes OutOfMemory, after what can be given back was."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not refuses_memory(error):
            raise
        problem = next(iter(str(error).splitlines()), type(error).__name__)
    else:
        return
    release(device)
    raise OutOfMemory("model.out_of_memory", doing=str(doing), problem=problem)
