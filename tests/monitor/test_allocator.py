"""The allocator's numbers on their way from torch to a scrape."""

from pathlib import Path
from typing import Any

import pytest
import torch

import workbench as wb
from tests.monitor.prometheus import get
from workbench.hosts import operations
from workbench.probes.allocated import allocated
from workbench.results import AllocatorReading

# names of torch.cuda.memory_stats (torch/cuda/memory.py)
STATS = {
    "reserved_bytes.all.current": 1000,
    "allocated_bytes.all.current": 600,
    "inactive_split_bytes.all.current": 100,
    "num_alloc_retries": 2,
    "num_ooms": 0,
}
READING = AllocatorReading(reserved=1000, allocated=600, inactive_split=100, retries=2, refusals=0)


@pytest.mark.parametrize(
    ("backend", "expected"), [("native", READING), ("cudaMallocAsync", AllocatorReading(reserved=1000, allocated=600))]
)
def test_torchs_names_become_ours(monkeypatch: pytest.MonkeyPatch, backend: str, expected: AllocatorReading) -> None:
    monkeypatch.setattr(torch.cuda, "memory_stats", lambda _device: STATS)
    monkeypatch.setattr(torch.cuda, "get_allocator_backend", lambda: backend)
    assert allocated(torch.device("cuda", 0)) == expected
    assert allocated(torch.device("cpu")) is None


@pytest.mark.model
def test_what_the_engine_says_is_scraped(demo_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[Any] = [None]
    monkeypatch.setattr(operations, "allocated", lambda _device: held[0])
    tiny = "random:deepseek-llm-7b-base?scale=tiny&layers=2"
    with wb.Session(tiny, config=wb.Config(threads=1), host="inline") as session, session.monitor(0) as monitor:
        assert session.allocator is None
        assert "workbench_allocator" not in get(monitor.url)
        held[0] = READING
        session.generate("The sea", 1)
        assert session.allocator == READING
        assert "workbench_allocator_retries_total 2.0" in get(monitor.url)
        held[0] = None
        session.generate("The sea", 1)
        assert "workbench_allocator" not in get(monitor.url)
