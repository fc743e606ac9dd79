"""What a monitor says of a real GPU."""

import pytest

import workbench as wb
from tests.monitor.prometheus import get, until

pytestmark = [pytest.mark.gpu, pytest.mark.model]


def test_the_gpu_and_the_allocator_are_scraped(tiny: str) -> None:
    with wb.Session(tiny, config=wb.Config(device="cuda")) as session, session.monitor(0) as monitor:
        session.generate("The sea", 4)
        until(lambda: "workbench_gpu_memory_used_bytes" in get(monitor.url), "a look")
        said = get(monitor.url)
        assert 'device="cuda"' in said
        held = session.allocator
        assert held is not None
        assert held.allocated
        assert held.reserved
        assert held.reserved >= held.allocated
        assert "workbench_allocator_unused_ratio" in said
        assert 'workbench_gpu_lost{gpu="0"} 0.0' in said
