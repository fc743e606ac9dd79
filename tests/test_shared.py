"""Other processes' activity during runs: the pairs that it sets aside, when no verdict is left, and what is said."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pynvml
import pytest

import workbench as wb
from tests.fake_nvml import SUCCESS, FakeNvml
from tests.hosts.openings import TINY
from workbench.charts import LIGHT
from workbench.charts.compare import compare as chart
from workbench.decoding.verdict import judged as verified
from workbench.judging import COMPARED, floor_of
from workbench.machine.nvml import Nvml
from workbench.pairing import FEWEST_PAIRS, Gathered, Half, Plan, gather, judged_of
from workbench.probes.device.foreign import Foreign, Used, foreign_share, own_processes
from workbench.probes.device.gate import Gate, between, together
from workbench.results import Block, RunConditions, Workload

SPINNER = "import time\nend = time.monotonic() + 120\nwhile time.monotonic() < end: pass"
NAMES = ("eager", "sdpa")


def taken(busy: list[float], gpu: list[float | None] | None = None, plan: Plan | None = None) -> Gathered:
    """Pairs of which b runs at 1.3 times a's rate; others use so many cores, and so much of a GPU, pair by pair."""
    cores, shares = itertools.cycle(busy), itertools.cycle(gpu or [None])
    runs = itertools.count()
    now: list[tuple[float, float | None]] = []

    def run(side: int) -> Half:
        if next(runs) % 2 == 0:
            now[:] = [(next(cores), next(shares))]
        conditions = RunConditions(others_cores=now[0][0], others_gpu_share=now[0][1])
        return Half(dict.fromkeys(COMPARED, 13.0 if side else 10.0), 1.0, conditions)

    return gather(run, plan or Plan(0.5, 60.0), lambda *_so_far: None, time.monotonic())


@pytest.mark.parametrize(
    ("busy", "gpu", "shared", "aside"),
    [
        ([0.0], None, False, 0),
        ([0.4], None, False, 0),  # a little is flagged and stands in the interval
        ([0.0, 0.0, 1.0], None, False, 2),
        ([1.0], None, True, 0),
        ([1.0, 1.0, 0.0], None, True, 0),
        ([0.0], [0.0], False, 0),
        ([0.0], [0.02], False, 0),  # what draws a desktop
        ([0.0], [0.3], True, 0),
        ([0.0], [0.0, 0.0, 0.3], False, 2),
    ],
)
def test_no_verdict_where_most_pairs_were_disturbed(
    busy: list[float], gpu: list[float | None] | None, shared: bool, aside: int
) -> None:
    found = taken(busy, gpu)
    assert (found.shared, found.set_aside) == (shared, aside)
    judged = judged_of(found, floor_of(found.same), NAMES)
    assert bool(judged["seen"]) is not shared
    assert judged["ratio"]["decode_tps"] == pytest.approx(1.3)
    assert judged["verdict"]["decode_tps"].code == ("verdict.shared" if shared else "verdict.better")
    assert ("flag.no_verdict" in {flag.code for flag in found.flags}) is shared


def test_a_shared_machine_is_given_time_to_become_quiet_but_not_for_ever() -> None:
    assert len(taken([1.0]).pairs) == 2 * FEWEST_PAIRS
    later = taken([1.0] * 6 + [0.0] * 100)
    assert (later.shared, later.set_aside, len(later.pairs)) == (False, 6, FEWEST_PAIRS)


def test_a_quick_look_says_that_it_is_one() -> None:
    found = taken([1.0], plan=Plan(0.5, 60.0, quick=2))
    judged = judged_of(found, floor_of(found.same), NAMES, quick=True)
    assert judged["verdict"]["decode_tps"].code == "verdict.estimate"


def test_heat_alone_leaves_the_verdict() -> None:
    hot = RunConditions(others_cores=0.0, held_back=("cpu_heat",))
    busy = RunConditions(others_cores=1.0)
    calls = itertools.count()

    def run(side: int) -> Half:
        conditions = busy if next(calls) < 2 else hot
        return Half(dict.fromkeys(COMPARED, 13.0 if side else 10.0), 1.0, conditions)

    found = gather(run, Plan(0.5, 60.0), lambda *_so_far: None, time.monotonic())
    assert (found.shared, found.disturbed, found.set_aside) == (False, 1, 0)
    assert judged_of(found, floor_of(found.same), NAMES)["seen"]


def test_what_a_worker_saw_comes_with_its_block() -> None:
    seen = together([RunConditions(others_gpu_share=share) for share in (0.2, 0.6, None)])
    block = Block(run={}, seconds=1.0, conditions=seen, workload=Workload())
    assert Block.from_dict(block.to_dict()).conditions.others_gpu_share == pytest.approx(0.4)
    assert Half({}, block.seconds, seen).shared


def test_a_verification_says_so_and_stands_on_tokens_alone() -> None:
    found = verified(
        answers=(),
        differences=(),
        gathered=taken([1.0]),
        problem=None,
        tolerance=0.03,
        estimate=False,
        without_workbench=True,
        flags=(),
        workload=Workload(),
        seconds=1.0,
    )
    assert (found.speed, found.ok) == ("shared", True)
    assert "shared, no verdict on the speed" in str(found.verdict)
    assert "flag.no_verdict" in {flag.code for flag in found.flags}


OWN = {10, 11}


@pytest.mark.parametrize(
    ("used", "running", "share"),
    [
        ([], [], None),  # NVML wrote no sample
        ([(10, 0.9)], [], 0.0),
        ([(10, 0.9), (99, 0.3)], [], 0.3),
        ([(10, 0.9), (99, 0.3), (99, 0.1)], [], 0.2),
        ([(99, 0.3), (98, 0.9)], [10], 1.0),
        ([(10, 0.9)], [10, 99], 0.0),  # another only holds memory
        ([(99, 0.3)], [99], None),  # a container: our own process is known by another number
    ],
)
def test_work_of_others_on_a_gpu(used: list[tuple[int, float]], running: list[int], share: float | None) -> None:
    found = foreign_share([Used(*one) for one in used], OWN, running)
    assert found == (None if share is None else pytest.approx(share))


class Counting(FakeNvml):
    """A driver that counts work by process; (pid, per cent) stand in `used`."""

    used: list[tuple[int, int]] = []

    def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
        if name == "nvmlDeviceGetProcessUtilization":
            return self.utilisation
        if f"_{name}" not in FakeNvml.__dict__:
            raise AttributeError(name)
        return lambda *arguments: FakeNvml.__dict__[f"_{name}"](self, *arguments)

    def utilisation(self, _handle, samples, count, since) -> int:  # type: ignore[no-untyped-def]
        if not self.used:
            return pynvml.NVML_ERROR_NOT_FOUND
        if samples is None:
            count._obj.value = len(self.used) + 1
            return pynvml.NVML_ERROR_INSUFFICIENT_SIZE
        for place, (pid, percent) in enumerate(self.used):
            samples[place].pid, samples[place].smUtil, samples[place].timeStamp = pid, percent, since.value + 5
        samples[len(self.used)].pid, samples[len(self.used)].smUtil = 77, 100  # from before the window
        return SUCCESS


def test_it_is_read_from_nvml_for_the_right_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    here = os.getpid()
    fake = Counting([{"uuid": "GPU-aaa"}, {"uuid": "GPU-bbb", "processes": {here: 1}}]).install(monkeypatch)
    for used, share in (([(99, 40)], 0.4), ([(here, 90)], 0.0), ([], None)):
        fake.used = used
        gate = Gate("GPU-bbb")
        before = gate.look()
        assert between(before, gate.look()).others_gpu_share == share
        with Nvml() as nvml:
            as_torch_writes_it = Foreign(nvml, "BBB")
            assert [as_torch_writes_it.read() for _ in range(2)] == [None, share]
    with Nvml() as nvml:
        elsewhere = Foreign(nvml, "ccc")
        assert [elsewhere.read() for _ in range(2)] == [None, None]
    alone = Gate(None)
    assert between(alone.look(), alone.look()).others_gpu_share is None


def test_what_this_program_started_is_its_own() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert {os.getpid(), child.pid} <= own_processes()
        assert os.getppid() not in own_processes()
    finally:
        child.kill()
        child.communicate()
    as_worker = "import sys; sys.modules['__main__'].__spec__ = type('S', (), {'name': 'workbench.hosts.worker'}); "
    asked = as_worker + "from workbench.probes.device.foreign import own_processes; print(*own_processes())"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert os.getpid() in map(int, told.stdout.split())


@pytest.fixture
def hogs() -> Iterator[None]:
    """Processes that keep two cores busy."""
    started = [subprocess.Popen([sys.executable, "-c", SPINNER]) for _ in range(2)]
    yield
    for hog in started:
        hog.kill()
        hog.wait()


@pytest.mark.model
def test_a_real_comparison_beside_busy_processes_gives_no_verdict(hogs: None, demo_home: object) -> None:
    work = wb.Workload(prompt_tokens=512, new_tokens=16, batch_size=4)  # runs long enough for the kernel's clock
    config = wb.Config(dtype="float32", threads=1, device="cpu")
    with wb.Session(TINY.replace("layers=2", "layers=24"), config=config) as session:
        found = session.compare({"attention": "eager"}, {"attention": "sdpa"}, work, precision=0.9, budget_s=20)
        assert session.runs.list(kind="comparison")[0]["result"]["shared"] is True
    assert found.cpu_busy_elsewhere is not None
    assert found.cpu_busy_elsewhere > 0.5
    assert (found.shared, found.seen) == (True, ())
    assert str(found.verdict["decode_tps"]).startswith("shared, no verdict: sdpa runs at ")
    assert "flag.no_verdict" in {flag.code for flag in found.flags}
    drawn = chart(found, LIGHT)
    assert "Shared, no verdict" in drawn["layout"]["title"]["text"]
    assert "no verdict" in {trace["name"] for trace in drawn["data"]}
    assert wb.Comparison.from_dict(found.to_dict()) == found
