from pathlib import Path

import pytest
import torch

from workbench.errors import Stopped
from workbench.probes import ceilings

MIB = 1 << 20


def test_bandwidth_of_this_cpu() -> None:
    before = torch.get_num_threads()
    found = ceilings.copy_bandwidth("cpu", threads=1)
    assert torch.get_num_threads() == before
    assert (found.device, found.threads, found.key) == ("cpu", 1, "cpu:1")
    assert found.method in ("copy", "read")
    means = {method: sum(rates) / len(rates) for method, rates in found.samples.items()}
    assert found.bytes_per_s == pytest.approx(max(means.values())) == pytest.approx(means[found.method])
    assert found.ci95[0] < found.bytes_per_s < found.ci95[1]
    assert min(len(rates) for rates in found.samples.values()) >= 8
    assert 1e8 < found.bytes_per_s < 1e13


def test_stop_is_heard_and_the_threads_are_put_back() -> None:
    before = torch.get_num_threads()

    def stop() -> None:
        assert torch.get_num_threads() == 1
        raise Stopped("session.stopped", phase="measuring")

    with pytest.raises(Stopped):
        ceilings.copy_bandwidth("cpu", threads=1, check=stop)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("cache", "available", "size"),
    [
        (8 * MIB, 32 << 30, 128 * MIB),
        (64 * MIB, 32 << 30, 256 * MIB),
        (1152 * MIB, 512 << 30, 512 * MIB),
        (64 * MIB, 1 << 30, 128 * MIB),
        (0, 0, 4096),
    ],
)
def test_buffers_overflow_the_caches_but_not_the_memory(cache: int, available: int, size: int) -> None:
    assert ceilings.buffer_bytes(cache, available) == size


def test_caches_shared_by_cores_count_once(tmp_path: Path) -> None:
    for cpu, shared in enumerate(("0-1", "0-1", "2-3", "2-3")):
        folder = tmp_path / f"cpu{cpu}" / "cache" / "index3"
        folder.mkdir(parents=True)
        (folder / "size").write_text("32768K\n")
        (folder / "shared_cpu_list").write_text(f"{shared}\n")
    assert ceilings._cache_bytes(tmp_path) == 64 * MIB
    assert ceilings._cache_bytes(tmp_path / "none") == 64 * MIB


@pytest.mark.gpu
def test_bandwidth_of_a_gpu() -> None:
    found = ceilings.copy_bandwidth("cuda")
    assert found.key == "cuda:0"
    assert found.threads is None
    assert 1e10 < found.bytes_per_s < 2e13
