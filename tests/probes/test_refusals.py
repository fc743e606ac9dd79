"""What libraries say when memory is refused, by version: what was asked for, what was free, who else is there."""

import errno

import numpy as np
import pytest
import torch

from workbench.probes import allocator
from workbench.probes.failures import Refusal, refusal_of, refuses_memory
from workbench.results import AllocatorState
from workbench.words.format import size

CPU = torch.device("cpu")
MIB, GIB = 1 << 20, 1 << 30
# c10/cuda/CUDACachingAllocator.cpp of torch 2.1 and later; the second as printed beside other processes
NEW = (
    "CUDA out of memory. Tried to allocate 3.75 GiB. GPU 0 has a total capacity of 23.53 GiB of which 2.59 GiB is "
    "free. Including non-PyTorch memory, this process has 20.93 GiB memory in use. Of the allocated memory 20.43 GiB "
    "is allocated by PyTorch, and 47.16 MiB is reserved by PyTorch but unallocated. If reserved but unallocated memory "
    "is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation."
)
SHARED = (
    "CUDA out of memory. Tried to allocate 130.00 MiB. GPU 0 has a total capacity of 94.96 GiB of which 59.69 MiB is "
    "free. Process 502587 has 1.78 GiB memory in use. Process 745081 has 86.44 GiB memory in use. Including "
    "non-PyTorch memory, this process has 6.62 GiB memory in use. Of the allocated memory 5.97 GiB is "
    "allocated by PyTorch."
)
OLD = (
    "CUDA out of memory. Tried to allocate 36.00 MiB (GPU 0; 7.93 GiB total capacity; 130.35 MiB already allocated; "
    "47.06 MiB free; 188.00 MiB reserved in total by PyTorch)"
)
MISSPELT = NEW.replace("capacity", "capacty")  # torch 2.1


@pytest.mark.parametrize(
    ("text", "asked", "free", "others"),
    [
        (NEW, 3.75 * GIB, 2.59 * GIB, None),
        (MISSPELT, 3.75 * GIB, 2.59 * GIB, None),
        (SHARED, 130 * MIB, 59.69 * MIB, 94.96 * GIB - 59.69 * MIB - 6.62 * GIB),
        (OLD, 36 * MIB, 47.06 * MIB, None),
    ],
)
def test_torchs_words_for_a_gpu(text: str, asked: float, free: float, others: float | None) -> None:
    error = torch.OutOfMemoryError(text)
    assert refuses_memory(error)
    found = refusal_of(error, CPU)
    assert (found.asked, found.free) == (round(asked), round(free))
    assert found.others == (None if others is None else pytest.approx(others, abs=2))
    assert found.problem == text[: text.index("iB") + 2]
    assert size(found.asked) in found.sentences
    assert size(found.free) in found.sentences
    assert ("Other processes hold" in found.sentences) is (others is not None)


def test_what_is_really_refused_here() -> None:
    tries = {
        lambda: torch.empty(1 << 50): 4 << 50,
        lambda: np.ones(1 << 50): 8 << 50,
        lambda: bytearray(1 << 50): None,
    }
    for attempt, asked in tries.items():
        with pytest.raises((RuntimeError, MemoryError)) as caught:
            attempt()
        assert refuses_memory(caught.value)
        found = refusal_of(caught.value, CPU)
        assert found.asked == asked
        assert found.problem
        assert "enforce" not in found.problem
        assert found.free is not None
        assert abs(found.free - allocator.free_bytes(CPU)) < 2 * GIB
        assert "were free" in found.sentences
        assert "asked_bytes" not in found.params or found.params["asked_bytes"] == asked


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("CUDA error: out of memory"),
        MemoryError(),
    ],
)
def test_other_words_for_the_same(error: Exception) -> None:
    assert refuses_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOENT, "No such file"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        RuntimeError("CUDA error: an illegal memory access was encountered"),
    ],
)
def test_what_is_something_else(error: Exception) -> None:
    assert not refuses_memory(error)


def test_onednn_says_nothing_and_is_believed_where_hardly_any_memory_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    error = RuntimeError("could not create a primitive")
    monkeypatch.setattr(allocator, "free_bytes", lambda _device: 8 * GIB)
    assert not refuses_memory(error)
    monkeypatch.setattr(allocator, "free_bytes", lambda _device: 8 * MIB)
    assert refuses_memory(error)


@pytest.mark.parametrize(
    ("largest", "asked", "pieces"),
    [
        (100 * MIB, 300 * MIB, True),
        (400 * MIB, 300 * MIB, False),
        (100 * MIB, 2 * GIB, False),
        (100 * MIB, None, False),
    ],
)
def test_pieces_that_together_were_enough(largest: int, asked: int | None, pieces: bool) -> None:
    state = AllocatorState(source="cuda", reserved=8 * GIB, allocated=7 * GIB, largest_free=largest)
    found = Refusal("no", asked, 10 * MIB, None, state)
    assert found.in_pieces is pieces
    assert ("in pieces of 100" in found.sentences) is pieces
