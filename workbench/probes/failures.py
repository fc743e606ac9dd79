"""What a library's error means beyond itself: memory that was refused, or a device whose context is lost."""

import errno
import re
from dataclasses import dataclass
from typing import Any

import torch

from workbench.probes import allocator
from workbench.results import AllocatorState
from workbench.words import say
from workbench.words.format import printable, size

# torch's CPU allocator; CUDA's own calls; C++'s; the system's, as safetensors passes it on
_MEMORY = ("can't allocate memory", "out of memory", "bad_alloc", "Cannot allocate memory")
# oneDNN says no more when memory for a kernel was refused, nor when something else was: it is taken for memory where
# hardly any is left
_ONEDNN = ("could not create a primitive", "could not execute a primitive", "could not create a memory")
_HARDLY_ANY = 64 << 20
_LOST = ("CUDA error", "CUDNN_STATUS", "CUBLAS_STATUS", "device-side assert")
_AMOUNT = r"([\d.]+) ?(bytes|[KMGTP]iB)"
_UNITS = {"bytes": 1, **{f"{letter}iB": 1 << 10 * power for power, letter in enumerate("KMGTP", start=1)}}
# torch's CUDA (c10/cuda/CUDACachingAllocator.cpp: "… Tried to allocate 2.00 GiB. GPU 0 has a total capacity of … of
# which … is free. … this process has … memory in use."; before 2.1 "(GPU 0; … total capacity; … free; …)") and CPU
# allocators (alloc_cpu.cpp: "you tried to allocate N bytes"), NumPy
_ASKED = re.compile(r"(?:tried|Tried|Trying|Unable) to allocate " + _AMOUNT)
_FREE = re.compile(rf"of which {_AMOUNT} is free|; {_AMOUNT} free;")
_TOTAL = re.compile(rf"total capac(?:i)?ty of {_AMOUNT}|; {_AMOUNT} total capacity")
_OWN = re.compile(rf"this process has {_AMOUNT} memory in use")

_ENFORCED = re.compile(r"^\[enforce fail at [^]]*\] .*?\. (?=\w+:)")  # where in torch's sources a check failed


def refuses_memory(error: BaseException) -> bool:
    """Whether it is an allocation that was refused, which the process survives."""
    known = isinstance(error, torch.OutOfMemoryError | MemoryError)
    known = known or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
    if not known and any(mark in str(error) for mark in _ONEDNN):
        return allocator.free_bytes(torch.device("cpu")) < _HARDLY_ANY
    return known or any(mark in str(error) for mark in _MEMORY)


def loses_device(error: BaseException) -> bool:
    """Whether every later call on the GPU will fail too, so that the process is of no more use."""
    return not refuses_memory(error) and any(mark in str(error) for mark in _LOST)


@dataclass(frozen=True)
class Refusal:
    """An allocation that was refused; bytes, None where it is not known.

    problem   in the library's own words, up to what it asked for
    free      that driver or kernel would have given at that moment
    others    that other processes hold of the GPU
    state     the allocator at that moment
    spoils    the process is of no more use: where oneDNN could not make a kernel once, it does not try again, however
              much memory there is later (torch 2.13, bfloat16 products on AVX-512; seen, not documented)
    """

    problem: str
    asked: int | None
    free: int | None
    others: int | None
    state: AllocatorState
    spoils: bool = False

    @property
    def in_pieces(self) -> bool:
        """Whether what lay unused in torch's own segments was enough, and no piece of it."""
        state = self.state
        if state.source != "cuda" or self.asked is None or state.reserved is None or state.allocated is None:
            return False
        return (state.largest_free or 0) < self.asked <= state.reserved - state.allocated

    @property
    def sentences(self) -> str:
        """What was asked for, what was there, and who else holds memory."""
        found = []
        if self.asked is not None and self.free is not None:
            found.append(say("memory.asked_free", asked=size(self.asked), free=size(self.free)))
        elif self.free is not None:
            found.append(say("memory.free", free=size(self.free)))
        if self.in_pieces and self.state.reserved is not None and self.state.allocated is not None:
            unused = size(self.state.reserved - self.state.allocated)
            found.append(say("memory.in_pieces", unused=unused, largest=size(self.state.largest_free)))
        if self.others:
            found.append(say("memory.others", others=size(self.others)))
        if self.spoils:
            found.append(say("memory.spoils"))
        return " ".join(map(str, found))

    @property
    def params(self) -> dict[str, Any]:
        """The same as numbers, for who reads them; what is not known is left out."""
        numbers = {
            "asked_bytes": self.asked,
            "free_bytes": self.free,
            "others_bytes": self.others,
            "allocated_bytes": self.state.allocated,
            "reserved_bytes": self.state.reserved,
            "largest_free_bytes": self.state.largest_free,
        }
        return {name: value for name, value in numbers.items() if value is not None}


def refusal_of(error: BaseException, device: torch.device) -> Refusal:
    """Read while `error` is at hand: its traceback still holds what the work had taken."""
    text = str(error)
    free, total, own = (_amount(pattern, text) for pattern in (_FREE, _TOTAL, _OWN))
    if free is None:
        free = allocator.free_bytes(device)
    others = None if total is None or own is None else max(total - free - own, 0)
    return Refusal(
        problem=_problem(error, text),
        asked=_amount(_ASKED, text),
        free=free,
        others=others if others and total and others > total // 50 else None,  # a context of the driver's own is less
        state=allocator.state(device),
        spoils=any(mark in text for mark in _ONEDNN),
    )


def _amount(pattern: re.Pattern[str], text: str) -> int | None:
    match = pattern.search(text)
    if match is None:
        return None
    value, unit = (part for part in match.groups() if part)
    return round(float(value) * _UNITS[unit])


def _problem(error: BaseException, text: str) -> str:
    line = next(iter(text.splitlines()), "") or type(error).__name__
    line = _ENFORCED.sub("", line)
    asked = _ASKED.search(line)
    return printable(line[: asked.end()] if asked else line, 300)
