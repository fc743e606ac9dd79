"""The allocator read from itself: glibc's heap here, torch's blocks from what it documents, what is in force."""

import ctypes
import subprocess
import sys

import pytest
import torch

from workbench.probes import allocator
from workbench.results import AllocatorState

CPU = torch.device("cpu")
MIB = 1 << 20
glibc = pytest.mark.skipif(allocator.state(CPU).source != "glibc", reason="needs glibc 2.33")


@glibc
def test_the_heap_tells_what_a_program_takes_and_what_it_leaves_free() -> None:
    """In a process of its own: 64 blocks of 1 MiB, too small for mmap there, then every second one freed."""
    code = """
import ctypes, json, torch
from workbench.probes import allocator
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
libc.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
cpu = torch.device("cpu")
states = [allocator.state(cpu)]
blocks = [libc.malloc(1 << 20) for _ in range(64)]
states.append(allocator.state(cpu))
for block in blocks[:-1:2]: libc.free(block)
states.append(allocator.state(cpu))
big = torch.ones(64 << 20, dtype=torch.uint8)
print(json.dumps([state.to_dict() for state in states]))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    import json

    before, taken, holed = map(AllocatorState.from_dict, json.loads(ran.stdout))
    assert None not in (before.allocated, taken.allocated, holed.allocated, holed.largest_free, holed.inactive_split)
    assert taken.allocated - before.allocated == pytest.approx(64 * MIB, rel=0.05)  # type: ignore[operator]
    assert taken.allocated - holed.allocated == pytest.approx(32 * MIB, rel=0.05)  # type: ignore[operator]
    assert taken.reserved == holed.reserved  # the holes are below the heap's end
    assert holed.inactive_split >= 31 * MIB  # type: ignore[operator]
    assert MIB <= holed.largest_free < 31 * MIB  # type: ignore[operator]
    assert holed.split_share == pytest.approx(holed.inactive_split / holed.reserved)  # type: ignore[operator]
    assert holed.unused_share > taken.unused_share  # type: ignore[operator]
    assert holed.retries is holed.expandable is None


@glibc
def test_a_tensor_is_in_use_while_it_lives() -> None:
    before = allocator.state(CPU).in_use
    tensor = torch.ones(64 << 20, dtype=torch.uint8)
    with_it = allocator.state(CPU)
    assert before is not None
    assert with_it.in_use is not None
    assert with_it.in_use - before == pytest.approx(tensor.nbytes, rel=0.05)
    assert with_it.held is not None
    assert with_it.held >= with_it.in_use


def test_without_glibc_nothing_is_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator, "_malloc", lambda: None)
    state = allocator.state(CPU)
    assert state.source is state.reserved is state.split_share is state.unused_share is state.in_use is None
    assert "glibc" in str(state.missing)
    assert state.device_free


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process")
@pytest.mark.parametrize("limit", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_a_limit_of_the_process_is_less_than_what_the_machine_has(limit: str) -> None:
    code = (
        "import resource, torch; from workbench.probes import allocator; cpu = torch.device('cpu');"
        "size = {n: int(r.split()[0]) << 10 for n, _, r in (l.partition(':') for l in open('/proc/self/status')) "
        "if n in ('VmSize', 'VmData')};"
        f"used = size['{'VmSize' if limit == 'RLIMIT_AS' else 'VmData'}'];"
        f"resource.setrlimit(resource.{limit}, (used + (96 << 20),) * 2);"
        "print(allocator.free_bytes(cpu))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 80 * MIB < int(ran.stdout) <= 96 * MIB


@pytest.mark.parametrize(
    ("told", "platform", "word"),
    [
        ("", "linux", "default"),
        ("expandable_segments:True", "linux", "expandable_segments"),
        ("expandable_segments:true", "linux", "expandable_segments"),
        ("expandable_segments:True", "win32", "default"),
        ("expandable_segments:False", "linux", "default"),
        ("max_split_size_mb:64", "linux", "max_split_size_mb:64"),
        ("max_split_size_mb:64, expandable_segments:True", "linux", "expandable_segments,max_split_size_mb:64"),
        ("backend:cudaMallocAsync", "linux", "backend:cudaMallocAsync"),
    ],
)
def test_the_knobs_word_for_what_torch_was_told(told: str, platform: str, word: str) -> None:
    assert allocator.word_of(told, platform) == word


@pytest.mark.parametrize(
    ("environment", "word"),
    [
        ({}, "default"),
        ({"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}, "expandable_segments"),
        ({"PYTORCH_ALLOC_CONF": "expandable_segments:True"}, "expandable_segments"),
        # the name that the knob sets wins over what a person has in the other
        (
            {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True", "PYTORCH_ALLOC_CONF": "max_split_size_mb:64"},
            "expandable_segments",
        ),
    ],
)
def test_what_torch_itself_says_it_was_told(environment: dict[str, str], word: str) -> None:
    import os

    plain = {name: value for name, value in os.environ.items() if "ALLOC_CONF" not in name}
    code = "from workbench.probes import allocator as a; import sys; print(a.word_of(a.settings(), sys.platform))"
    ran = subprocess.run(
        [sys.executable, "-W", "error::FutureWarning", "-c", code],
        env={**plain, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == (word if sys.platform != "win32" else word.replace("expandable_segments", "default"))
    assert allocator.in_force(CPU) == ""


def test_the_largest_block_that_is_free_for_reuse() -> None:
    segments = [
        {
            "blocks": [
                {"size": 9 * MIB, "state": "active_allocated"},
                {"size": 2 * MIB, "state": "inactive"},
                {"size": 8 * MIB, "state": "active_awaiting_free"},
            ]
        },
        {"blocks": [{"size": 3 * MIB, "state": "inactive"}]},
    ]
    assert allocator.largest_free(segments) == 3 * MIB
    assert allocator.largest_free([]) == 0


@pytest.mark.parametrize("backend", ["native", "cudaMallocAsync"])
def test_a_gpus_allocator_as_torch_tells_it(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    """Names and shapes of torch.cuda.memory_stats and memory_snapshot; the second backend's snapshot raises."""
    stats = {
        "reserved_bytes.all.current": 100 * MIB,
        "allocated_bytes.all.current": 60 * MIB,
        "inactive_split_bytes.all.current": 30 * MIB,
        "num_alloc_retries": 2,
        "num_ooms": 1,
    }

    def snapshot() -> list[dict[str, object]]:
        if backend != "native":
            raise RuntimeError("Calling snapshot with backend:cudaMallocAsync is not meaningful")
        blocks = [{"size": 30 * MIB, "state": "inactive"}, {"size": 60 * MIB, "state": "active_allocated"}]
        other = [{"size": 90 * MIB, "state": "inactive"}]
        return [
            {"device": 1, "is_expandable": True, "blocks": blocks},
            {"device": 1, "is_expandable": False, "blocks": []},
            {"device": 0, "is_expandable": False, "blocks": other},
        ]

    monkeypatch.setattr(torch.cuda, "memory_stats", lambda _device: stats)
    monkeypatch.setattr(torch.cuda, "memory_snapshot", snapshot)
    monkeypatch.setattr(torch.cuda, "get_allocator_backend", lambda: backend)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (7 * MIB, 200 * MIB))
    state = allocator.state(torch.device("cuda:1"))
    assert (state.source, state.reserved, state.allocated, state.device_free) == (
        "cuda",
        100 * MIB,
        60 * MIB,
        7 * MIB,
    )
    assert state.unused_share == pytest.approx(0.4)
    if backend == "native":
        assert (state.largest_free, state.segments, state.expandable) == (30 * MIB, 2, 1)
        assert (state.retries, state.refusals) == (2, 1)
        assert state.split_share == pytest.approx(0.3)
        assert state.missing is None
    else:
        assert state.largest_free is state.segments is state.retries is state.split_share is None
        assert "cudaMallocAsync" in str(state.missing)


def test_structs_are_those_of_malloc_h() -> None:
    assert ctypes.sizeof(allocator._Mallinfo2) == 10 * ctypes.sizeof(ctypes.c_size_t)
