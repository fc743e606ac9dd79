"""The watch beside a job: it looks at the GPU that torch means, which writes UUIDs otherwise than NVML."""

import time
from types import SimpleNamespace

import pytest

from tests.machine.facts import CUDA_TORCH, with_gpu
from tests.nvml_standin import H100, T4, Standin
from workbench.config import Config
from workbench.machine.examine import report
from workbench.results import Gpu
from workbench.watch import watch


@pytest.mark.parametrize(("device", "uuid"), [("cuda:0", "GPU-bb22"), ("cuda:1", "GPU-aa11")])
def test_the_gpu_that_the_model_is_on(nvml: Standin, device: str, uuid: str) -> None:
    nvml.play(gpus=[H100, T4])
    seen = tuple(
        Gpu(index=index, name=name, memory_bytes=1, uuid=written)
        for index, (name, written) in enumerate((("Tesla T4", "bb22"), ("H100", "aa11")))
    )
    machine = report(with_gpu(torch=CUDA_TORCH.model_copy(update={"gpus": seen})), {})
    bench = SimpleNamespace(host=SimpleNamespace(pid=None), config=Config(device=device), machine=machine, on_mark=[])
    with watch(bench, 0.01) as watching:  # type: ignore[arg-type]  # of the bench it takes these four
        ends_s = time.monotonic() + 30
        while not watching.samples:
            assert time.monotonic() < ends_s
            time.sleep(0.01)
    assert [gpu.uuid for gpu in watching.samples[0].gpus] == [uuid]
