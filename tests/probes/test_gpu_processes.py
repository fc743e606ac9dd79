"""Who holds memory on a GPU, and when that cannot be told: never an empty list in place of a hidden one."""

import os
from pathlib import Path

import pynvml
import pytest

from tests.nvml_standin import H100, T4, Standin
from workbench.machine.nvml import Answer, Nvml
from workbench.machine.surroundings import PID_NAMESPACE, WSL2, surroundings
from workbench.probes.device.gpu import Gpus
from workbench.probes.device.processes import Names, judged, listed, processes
from workbench.results import GpuSample

GIB = 1 << 30
HERE = os.getpid()


class Entry:
    def __init__(self, pid: int, held: int | None) -> None:
        self.pid, self.usedGpuMemory = pid, held


def answer(**held: int | None) -> Answer:
    return Answer([Entry(int(pid.lstrip("p")), count) for pid, count in held.items()])


def look(nvml: Standin, pid: int | None = None, **played: object) -> GpuSample:
    nvml.play(gpus=[H100 | played])
    with Nvml() as library:
        (sample,) = Gpus(library).read(pid)
    return sample


def test_three_lists_are_one_by_process() -> None:
    found, why = listed([answer(p1=5, p2=None), answer(p1=7, p3=None), answer(p2=4)])
    assert (found, why) == ({1: 7, 2: 4, 3: None}, None)


def test_a_list_that_does_not_exist_adds_nobody_and_one_that_is_refused_may_hide_somebody() -> None:
    assert listed([answer(p1=5), Answer(missing="not_supported"), Answer(missing="old_driver")]) == ({1: 5}, None)
    assert listed([Answer(missing="not_supported")] * 3) == (None, "not_supported")
    assert listed([answer(p1=5), Answer(missing="no_permission"), answer()]) == (None, "no_permission")


@pytest.mark.parametrize(
    ("found", "used", "reserve_known", "where", "why"),
    [
        ({}, 0, True, None, None),
        ({}, 20 << 20, True, None, None),  # a console, the fabric manager: no context
        ({}, 3 * GIB, True, None, "hidden"),
        ({}, 600 << 20, False, None, None),  # the reserve of an older driver
        ({}, 3 * GIB, False, None, "hidden"),
        ({}, None, False, None, None),
        ({}, None, False, PID_NAMESPACE, "hidden"),
        ({}, 0, True, PID_NAMESPACE, None),
        ({1: GIB}, GIB + (20 << 20), True, PID_NAMESPACE, None),
        ({1: GIB}, 3 * GIB, True, PID_NAMESPACE, "hidden"),  # the driver left others out
        ({1: GIB}, 3 * GIB, True, None, None),
        ({1: GIB, 77: GIB}, 2 * GIB, True, PID_NAMESPACE, "pid_namespace"),  # 77 is an id of the host
        ({1: GIB, 77: GIB}, 2 * GIB, True, None, None),
        ({1: None}, 3 * GIB, True, PID_NAMESPACE, None),
        ({}, 0, True, WSL2, "wsl2"),
        ({1: None}, 3 * GIB, True, WSL2, None),
    ],
)
def test_when_a_list_is_believed(
    found: dict[int, int | None], used: int | None, reserve_known: bool, where: str | None, why: str | None
) -> None:
    assert judged(found, used, reserve_known, 80 * GIB, where, exists={1}.__contains__) == why


def test_the_list_of_a_sample(nvml: Standin) -> None:
    sample = look(nvml, HERE, memory_used=3 * GIB, processes={HERE: 2 * GIB, 77: None}, graphics_processes={88: GIB})
    assert sample.processes is not None
    assert [(process.pid, process.bytes) for process in sample.processes] == [(HERE, 2 * GIB), (88, GIB), (77, None)]
    assert sample.processes[0].name == Path(f"/proc/{HERE}/comm").read_text().strip(), "psutil knows what NVML does not"
    assert sample.process_bytes == 2 * GIB
    assert look(nvml, HERE, memory_used=GIB, processes={88: GIB}).process_bytes == 0, "it is known that it holds none"
    assert look(nvml, HERE).processes == (), "nobody"


def test_hidden_processes_are_unknown_and_not_nobody(nvml: Standin) -> None:
    sample = look(nvml, HERE, memory_used=3 * GIB)
    assert (sample.processes, sample.process_bytes) == (None, None)
    assert (sample.missing["processes"], sample.missing["process_bytes"]) == ("hidden", "hidden")


@pytest.mark.parametrize("where", [PID_NAMESPACE, WSL2])
def test_in_a_container_and_under_wsl2(nvml: Standin, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setattr("workbench.probes.device.gpu.surroundings", lambda: where)
    sample = look(nvml, processes={} if where == WSL2 else {2**30: GIB}, memory_used=GIB)
    assert (sample.processes, sample.missing["processes"]) == (None, where)


def test_a_refused_list(nvml: Standin) -> None:
    nvml.play(gpus=[T4], error={"nvmlDeviceGetComputeRunningProcesses_v3": pynvml.NVML_ERROR_NO_PERMISSION})
    with Nvml() as library:
        (sample,) = Gpus(library).read(None)
    assert (sample.processes, sample.missing["processes"]) == (None, "no_permission")


def test_names_are_programs_without_their_folders_and_asked_once(nvml: Standin) -> None:
    nvml.play(gpus=[T4], process_name={5: "/home/someone/bin/train"})
    with Nvml() as library:
        names = Names(library.ask)
        assert processes({5: 1, 2**30: None}, names)[0].name == "train"
        assert names.of(2**30) is None, "gone, or another user's"
        assert nvml.calls("nvmlSystemGetProcessName") == 2
        processes({6: 1}, names)
        nvml.play(gpus=[T4], process_name={5: "other"})
        assert processes({5: 1}, names)[0].name == "other", "the id was given again"


def test_where_this_process_is(tmp_path: Path) -> None:
    release = tmp_path / "sys/kernel/osrelease"
    release.parent.mkdir(parents=True)
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").touch()  # its inode is not the first namespace's
    release.write_text("6.6.87.2-microsoft-standard-WSL2\n")
    assert surroundings(tmp_path) == WSL2
    release.write_text("6.12.0\n")
    surroundings.cache_clear()
    assert surroundings(tmp_path) == PID_NAMESPACE
    assert surroundings(tmp_path / "nothing") == PID_NAMESPACE
    assert surroundings() in (None, PID_NAMESPACE, WSL2)
