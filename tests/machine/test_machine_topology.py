"""How GPUs are joined, asked of a library that plays it, and the table that people read."""

import pynvml
import pytest

from tests.machine.facts import PLAIN, gpu, with_gpu
from tests.nvml_standin import A100, H100, T4, Standin
from workbench.machine.examine import report
from workbench.machine.topology import read_topology
from workbench.results import GpuLink, GpuPlace, Topology

SWITCH, GPU = pynvml.NVML_NVLINK_DEVICE_TYPE_SWITCH, pynvml.NVML_NVLINK_DEVICE_TYPE_GPU
ONE = H100 | {"link": {1: 50, 2: 20}, "numa_node": 0, "cpus": {0, 1, 2, 64, 65}}
TWO = A100 | {"link": {0: 50, 2: 10}, "numa_node": 1}


def test_pcie_paths_and_places(nvml: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.machine.topology.os.cpu_count", lambda: 128)
    nvml.play(gpus=[ONE, TWO, T4])
    found = read_topology()
    assert [link.level for link in found.links] == ["system", "multiple", "single"]
    assert [(link.one, link.other) for link in found.links] == [(0, 1), (0, 2), (1, 2)]
    first, second, third = found.gpus
    assert (first.cpus, first.numa_node) == ((0, 1, 2, 64, 65), 0)
    assert (first.max_pcie_generation, first.max_pcie_width, second.numa_node) == (5, 16, 1)
    assert (third.cpus, third.missing["cpus"]) == (None, "not_supported")
    assert third.missing["switch_nvlinks"] == "not_supported"
    assert found.between(2, 0) == found.links[1]
    assert nvml.opened == 0


def test_nvlinks_straight_between_two_and_to_a_switch(nvml: Standin) -> None:
    other = "00000000:3d:00.0"  # drivers differ in how they write it
    straight = {0: (1, other, GPU), 1: (0, other, GPU), 2: (1, other, GPU), 3: (1, "00000000:AA:00.0", GPU)}
    nvml.play(gpus=[ONE | {"nvlink": straight}, TWO | {"nvlink": {0: (1, "00000000:1B:00.0", GPU)}}])
    (link,) = read_topology().links
    assert link.nvlinks == 2, "one is not active, one leads elsewhere"
    to_switch = dict.fromkeys(range(4), (1, "00000000:C1:00.0", SWITCH))
    nvml.play(gpus=[ONE | {"nvlink": to_switch}, TWO | {"nvlink": to_switch}])
    found = read_topology()
    assert [place.switch_nvlinks for place in found.gpus] == [4, 4]
    assert "4 NVLinks to a switch" in str(found)


def test_without_nvml_there_is_none(nvml: Standin) -> None:
    nvml.play(error={"nvmlInitWithFlags": pynvml.NVML_ERROR_DRIVER_NOT_LOADED})
    assert read_topology() == Topology()


def test_the_table() -> None:
    places = (
        GpuPlace(index=0, name="<b>", cpus=(0, 1, 2, 8), numa_node=0, max_pcie_generation=5, max_pcie_width=16),
        GpuPlace(index=1, name="B", missing={"cpus": "no_permission", "numa_node": "Unknown <Error>"}),
        GpuPlace(index=2, name="C"),
    )
    links = (GpuLink(one=0, other=1, level="node", nvlinks=1), GpuLink(one=0, other=2, level="hostbridge", nvlinks=0))
    found = Topology(gpus=places, links=links)
    head, first, second, _ = found.rows()
    assert head[1:4] == ("GPU 0", "GPU 1", "GPU 2")
    assert first == ("GPU 0", "–", "1 NVLink", "one PCIe host bridge", "0-2,8", "0", "gen 5 ×16")
    assert second[3:5] == ("unknown", "not available: the administrator keeps it to root")
    assert "not available: Unknown &lt;Error&gt;" in found._repr_html_()
    assert Topology.from_json(found.to_json()) == found


def test_the_doctor_shows_it_where_there_are_several() -> None:
    found = Topology(gpus=(GpuPlace(index=0, name="A"), GpuPlace(index=1, name="B")), links=(GpuLink(one=0, other=1),))
    machine = report(with_gpu(topology=found), {})
    assert "How the GPUs are joined" in str(machine)
    assert "How the GPUs are joined" in machine._repr_html_()
    assert "How the GPUs are joined" not in str(report(PLAIN, {}))
    assert gpu("A100", (8, 0)).index == 0
