"""What only CUDA can show of memory: torch's allocator told, changed by a new worker, compared; refusals explained."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.config import Config
from workbench.errors import OutOfMemory
from workbench.export.memory_health import memory_health as told
from workbench.results import Workload
from workbench.session import Session

pytestmark = [pytest.mark.gpu, pytest.mark.model]

WORK = Workload(prompt_tokens=512, new_tokens=16, batch_size=4)
BASE = Config(device="cuda", dtype="bfloat16")


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[Session]:
    with Session("demo", config=BASE) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _as_it_was(session: Session) -> Iterator[None]:
    yield
    session.apply(BASE)


def test_the_allocator_is_read_back_and_another_is_another_worker(session: Session) -> None:
    assert session.resolved.allocator == "default"
    answer, pid = session.generate("The sea is", max_new_tokens=8, chat=False)[0].token_ids, session.pid
    applied = session.apply(allocator="expandable_segments")
    assert applied.cost == "restart"
    assert session.pid != pid
    assert session.resolved.allocator == "expandable_segments"
    assert session.resolved.differences(session.config) == ()
    assert session.generate("The sea is", max_new_tokens=8, chat=False)[0].token_ids == answer


@pytest.mark.parametrize("allocator", ["default", "expandable_segments"])
def test_torchs_own_numbers_over_requests(session: Session, allocator: str) -> None:
    session.apply(allocator=allocator)
    (run,) = session.memory_health(WORK, requests=30, budget_s=120).runs
    assert run.after.source == "cuda"
    assert run.after.missing is None
    for point in run.points:
        state = point.state
        assert state.reserved is not None
        assert state.allocated is not None
        assert state.reserved >= state.allocated >= session.resolved.weight_bytes * 0.95
        assert state.largest_free is not None
        assert state.largest_free <= state.reserved - state.allocated
        assert state.inactive_split is not None
        assert 0 <= state.inactive_split <= state.reserved - state.allocated
        assert state.mapped is state.resident is None
        assert point.need_bytes <= point.peak_bytes
    assert run.after.segments
    assert bool(run.after.expandable) is (allocator == "expandable_segments")
    assert run.given_back.reserved is not None
    assert run.given_back.reserved <= run.after.reserved  # type: ignore[operator]
    assert run.growth["in_use"].ci95 is not None
    assert not run.growth["in_use"].seen
    assert run.added("refusals") == 0


def test_allocators_compared_there_and_back_on_the_same_requests(session: Session) -> None:
    found = session.memory_health(WORK, requests=12, compare=("default", "expandable_segments"), budget_s=240)
    assert [run.allocator for run in found.runs] == [
        "default",
        "expandable_segments",
        "expandable_segments",
        "default",
    ]
    assert [run.resolved.allocator for run in found.runs] == [run.allocator for run in found.runs]
    assert found.unavailable == ()
    lengths = {tuple((point.prompt_tokens, point.new_tokens) for point in run.points) for run in found.runs}
    assert len(lengths) == 1
    assert session.config == BASE
    assert len(told(found).heading) == 4


def test_a_refusal_tells_what_was_asked_what_was_free_and_what_fits(session: Session) -> None:
    before, pid = session.generate("The sea is", max_new_tokens=8, chat=False)[0].token_ids, session.pid
    with pytest.raises(OutOfMemory) as caught:
        session.measure(Workload(prompt_tokens=8000, new_tokens=4, batch_size=10_000), budget_s=5)
    error = caught.value
    assert "CUDA out of memory" in error.what
    assert error.params["asked_bytes"] > error.params["free_bytes"]
    assert error.params["reserved_bytes"] >= error.params["allocated_bytes"] > 0
    assert "It asked for" in error.why
    assert "batch_size=" in error.next_step
    rows = int(error.next_step.partition("batch_size=")[2].partition(".")[0])
    assert 1 <= rows < 10_000
    assert session.pid == pid
    assert session.generate("The sea is", max_new_tokens=8, chat=False)[0].token_ids == before
    # what the work had taken is back with the driver, not kept by the traceback
    assert error.params["left_bytes"] > error.params["free_bytes"]
