"""Memory that is really refused, in load, prefill and decode: told with what would fit, and the session goes on."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import workbench as wb
from tests.limits import room, squeeze
from workbench.gpu_check.memory import refused as refusal
from workbench.results import Chunk

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of another process"),
]
MIB = 1 << 20
NAME = "random:deepseek-llm-7b-base?scale=tiny"
CONFIG = wb.Config(dtype="float32", threads=1, attention="eager")


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session(NAME, config=CONFIG) as opened:
        opened.measure(wb.Workload(prompt_tokens=8, new_tokens=2), budget_s=0.1)  # the bandwidth is known from here on
        yield opened


@pytest.fixture(autouse=True)
def _the_same_answers_by_the_same_worker(session: wb.Session) -> Iterator[None]:
    def seen() -> tuple[object, ...]:
        answer = session.generate("The sea", max_new_tokens=6)[0].token_ids
        return answer, session.pid, session.config

    before = seen()
    yield
    assert seen() == before


def refused(caught: pytest.ExceptionInfo[wb.OutOfMemory]) -> wb.OutOfMemory:
    """The error, with what every one of them tells."""
    error = caught.value
    assert error.params["asked_bytes"] > MIB
    assert error.params["free_bytes"] < error.params["asked_bytes"]
    assert "It asked for" in error.why
    assert "were free" in error.why
    assert error.what.startswith("Out of memory while")
    assert "DefaultCPUAllocator" in error.what
    assert "enforce fail" not in error.what
    return error


def test_in_prefill(session: wb.Session) -> None:
    assert session.pid
    long = wb.Workload(prompt_tokens=1500, new_tokens=4)
    with room(session.pid, 24 * MIB):
        with pytest.raises(wb.OutOfMemory) as caught:
            session.measure(long, budget_s=1)
        error = refused(caught)
        assert (error.params["rows"], error.params["prompt_tokens"]) == (1, 1500)
        # the change that the advice names does make room, in the same limits
        assert "session.apply(attention='sdpa') it would fit" in error.next_step
        session.apply(attention="sdpa")
        session.measure(long, budget_s=1)
        session.apply(attention="eager")


def session_error(session: wb.Session, workload: wb.Workload) -> wb.WorkbenchError:
    with pytest.raises(wb.OutOfMemory) as caught:
        session.measure(workload, budget_s=1)
    return caught.value


def test_in_a_batch_whose_smaller_rows_fit(session: wb.Session) -> None:
    assert session.pid
    work = wb.Workload(prompt_tokens=256, new_tokens=4, batch_size=64)
    with room(session.pid, 32 * MIB):
        error = session_error(session, work)
        rows = int(error.next_step.partition("batch_size=")[2].partition(".")[0])
        assert 1 <= rows < 64
        session.measure(work.replace(batch_size=max(rows // 2, 1)), budget_s=1)


def test_the_gpu_check_tells_it_too(session: wb.Session) -> None:
    assert session.pid
    with room(session.pid, 32 * MIB):
        found = refusal(session, wb.Workload(prompt_tokens=256, new_tokens=4, batch_size=64))
    assert found["asked_bytes"] > found["free_bytes"]
    assert "batch_size=" in found["next"]
    assert (found["same_worker"], found["same_tokens"]) == (True, True)
    with pytest.raises(RuntimeError, match="did fit"):
        refusal(session, wb.Workload(prompt_tokens=8, new_tokens=2))


def test_in_decode(session: wb.Session) -> None:
    pid, seen = session.pid, list[Chunk]()
    assert pid

    def read() -> None:
        for chunk in session.stream(["The sea is " * 60] * 64, max_new_tokens=400):
            if not seen:
                squeeze(pid, 2 * MIB)  # prefill is over
            seen.append(chunk)

    with room(pid, 4096 * MIB), pytest.raises(wb.OutOfMemory) as caught:
        read()
    assert len(seen) >= 64
    error = caught.value
    assert error.params["rows"] == 64
    assert "generating" in error.what
    assert "were free" in error.why


def test_in_a_load_and_the_model_of_before_comes_back(demo_home: Path) -> None:
    """How much room there must be for the one and not for the other depends on where the heap ends: several are tried,
    from where neither has room on.
    """
    codes = []
    with wb.Session(NAME, config=CONFIG.replace(dtype="bfloat16")) as session:
        before, pid = session.generate("The sea", max_new_tokens=6)[0].token_ids, session.pid
        assert pid
        for spare in (-8, 4, 8, 12, 16, 20):
            with room(pid, spare * MIB):
                with pytest.raises(wb.OutOfMemory) as caught:
                    session.apply(dtype="float32")
                error = refused(caught)
                codes.append(error.code)
                assert "loading" in error.what
                assert error.params["held_bytes"] == 0
                assert ("is resident again" in error.why) is (error.code == "model.out_of_memory")
                if error.code == "model.out_of_memory":  # in the same limits: it is there
                    assert session.generate("The sea", max_new_tokens=6)[0].token_ids == before
                    break
            # where nothing was resident the next call brings it back
            assert session.generate("The sea", max_new_tokens=6)[0].token_ids == before
            assert session.config.dtype == "bfloat16"
        assert session.pid == pid
    assert codes[0] == "model.not_back"
    assert codes[-1] == "model.out_of_memory"


def test_in_a_scan_the_line_ends_and_tells_what_was_asked(session: wb.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench import scan as scans

    real = scans.forecasts.forecast
    monkeypatch.setattr(
        scans.forecasts, "forecast", lambda *given, **options: real(*given, **options).model_copy(update={"fits": True})
    )
    assert session.pid
    with room(session.pid, 64 * MIB):
        found = session.scan(
            "batch_size", [1, 2048], workload=wb.Workload(prompt_tokens=256), new_tokens=4, budget_s=1e9
        )
    (end,) = found.ends
    assert end.reason.code == "scan.out_of_memory"
    assert "were free" in str(end.reason)


def test_where_onednn_had_no_memory_for_a_kernel_the_worker_is_replaced(demo_home: Path) -> None:
    """It never makes such a kernel again in that process: the same work goes well in the next."""
    work = wb.Workload(prompt_tokens=256, new_tokens=4)
    with wb.Session(NAME, config=CONFIG.replace(dtype="bfloat16")) as session:
        session.measure(wb.Workload(prompt_tokens=8, new_tokens=2), budget_s=0.1)
        before, pid = session.generate("The sea", max_new_tokens=6)[0].token_ids, session.pid
        assert pid
        # tensors find holes in the heap; pages for a kernel's code come from the system
        with room(pid, 0), pytest.raises((wb.OutOfMemory, wb.WorkerDied)) as caught:
            session.measure(work, budget_s=1)
        if isinstance(caught.value, wb.OutOfMemory):  # some library may crash instead
            if "primitive" not in caught.value.what:
                pytest.skip("another library than oneDNN multiplies bfloat16 here")
            assert "a worker is replaced" in caught.value.why
        assert session.generate("The sea", max_new_tokens=6)[0].token_ids == before
        assert session.pid not in (None, pid)
        assert session.measure(work, budget_s=0.1).token_ids


def test_in_a_comparison(session: wb.Session) -> None:
    assert session.pid
    long = wb.Workload(prompt_tokens=1500, new_tokens=4)
    with room(session.pid, 24 * MIB), pytest.raises(wb.OutOfMemory) as caught:
        session.compare({"attention": "sdpa"}, {"attention": "eager"}, long, budget_s=1, quick=True)
    assert "measuring" in refused(caught).what


def test_a_first_load_that_does_not_fit_names_what_would(demo_home: Path) -> None:
    """Inline: nothing is resident, and the model's own config tells its size."""
    import torch

    from workbench.engine.loading import Checkpoint
    from workbench.knobs.formats import FORMATS

    def no_room(*_: object) -> None:
        raise torch.OutOfMemoryError("Tried to allocate 900.00 GiB")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "model", no_room)
        patch.setattr("workbench.engine.memory.allocator.free_bytes", lambda _device: 30 * MIB)
        with pytest.raises(wb.OutOfMemory, match="900") as caught:
            wb.Session(NAME + "&layers=8", config=wb.Config(dtype="float32", threads=1), host="inline")
    advice = caught.value.next_step
    assert "config=Config(" in advice
    assert any(name in advice for name in ("bfloat16", *FORMATS))


def test_a_worker_that_the_kernel_ends_while_it_opens_has_nothing_to_come_back_to(demo_home: Path) -> None:
    over, others = threading.Event(), psutil.Process().children()

    def end_it_when_weights_come() -> None:
        while not over.wait(0.05):
            for process in psutil.Process().children():
                if process not in others and process.memory_info().rss > 1200 * MIB:
                    process.kill()

    watching = threading.Thread(target=end_it_when_weights_come)
    watching.start()
    try:
        with pytest.raises(wb.WorkerDied) as caught:
            wb.Session("random:deepseek-llm-7b-base?layers=1", config=wb.Config(dtype="float32"), when_busy="beside")
    finally:
        over.set()
        watching.join()
    assert caught.value.code == "worker.died_opening"
    assert "brought back" not in str(caught.value)
    assert "If memory ran out" in caught.value.next_step


def test_a_worker_that_the_kernel_ends_tells_what_would_fit(demo_home: Path) -> None:
    with wb.Session(NAME, config=CONFIG.replace(attention="sdpa")) as session:
        work = wb.Workload(prompt_tokens=2000, new_tokens=4, batch_size=10**6)
        future = session.submit("measure", work, budget_s=60)
        while session.state != "measuring":
            pass
        assert session.pid
        psutil.Process(session.pid).kill()
        with pytest.raises(wb.WorkerDied) as caught:
            future.result()
        assert caught.value.code == "worker.died"
        assert "If memory ran out" in caught.value.next_step
        assert "batch_size=" in caught.value.next_step
        assert session.generate("The sea", max_new_tokens=2)
