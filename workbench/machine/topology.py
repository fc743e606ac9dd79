"""How the GPUs are joined, asked of NVML once: PCIe paths, NVLinks, the nearest CPUs and memory."""

import os
from typing import Any

from workbench.machine.nvml import Nvml
from workbench.results import GpuLink, GpuPlace, Topology

# nvml.h, nvmlGpuTopologyLevel_t
_LEVELS = {0: "internal", 10: "single", 20: "multiple", 30: "hostbridge", 40: "node", 50: "system"}
_WORD_BITS = 64
_NODES = 1024  # Linux, the most NUMA nodes a kernel is built for (CONFIG_NODES_SHIFT=10)


def read_topology() -> Topology:
    """Of the whole machine, whatever CUDA_VISIBLE_DEVICES says; empty without NVML. Never raises."""
    with Nvml() as nvml:
        there = [(device.index, device.handle) for device in nvml.devices if device.handle is not None]
        slots = {index: _slot(nvml.ask("nvmlDeviceGetPciInfo_v3", handle)) for index, handle in there}
        wires = {index: _nvlinks(nvml, handle) for index, handle in there}
        places = tuple(_place(nvml, index, handle, wires[index]) for index, handle in there)
        links = tuple(
            _link(nvml, (one, first), (other, second), wires[one], slots[other])
            for at, (one, first) in enumerate(there)
            for other, second in there[at + 1 :]
        )
        return Topology(gpus=places, links=links)


def _place(nvml: Nvml, index: int, handle: Any, wires: "_Wires") -> GpuPlace:
    missing: dict[str, str] = {}

    def ask(field: str, name: str, *arguments: Any) -> Any:
        answer = nvml.query(name, handle, *arguments)
        if answer.missing is not None:
            missing[field] = answer.missing
        return answer.value

    cpus = ask("cpus", "nvmlDeviceGetCpuAffinity", -(-(os.cpu_count() or 1) // _WORD_BITS))
    scope = nvml.constant("NVML_AFFINITY_SCOPE_NODE")
    nodes = _bits(ask("numa_node", "nvmlDeviceGetMemoryAffinity", _NODES // _WORD_BITS, scope))
    if wires.missing is not None:
        missing["switch_nvlinks"] = wires.missing
    return GpuPlace(
        index=index,
        name=nvml.ask("nvmlDeviceGetName", handle) or "NVIDIA GPU",
        uuid=nvml.ask("nvmlDeviceGetUUID", handle),
        cpus=_bits(cpus),
        numa_node=nodes[0] if nodes else None,
        max_pcie_generation=ask("max_pcie_generation", "nvmlDeviceGetMaxPcieLinkGeneration"),
        max_pcie_width=ask("max_pcie_width", "nvmlDeviceGetMaxPcieLinkWidth"),
        switch_nvlinks=None if wires.missing is not None else wires.to_switch,
        missing=missing,
    )


def _link(
    nvml: Nvml, one: tuple[int, Any], other: tuple[int, Any], wires: "_Wires", slot: tuple[int, int, int] | None
) -> GpuLink:
    answer = nvml.query("nvmlDeviceGetTopologyCommonAncestor", one[1], other[1])
    missing = {} if answer.missing is None else {"level": answer.missing}
    nvlinks = None
    if wires.missing is not None:
        missing["nvlinks"] = wires.missing
    elif slot is not None:
        nvlinks = wires.to.count(slot)
    return GpuLink(one=one[0], other=other[0], level=_LEVELS.get(answer.value), nvlinks=nvlinks, missing=missing)


class _Wires:
    """The active NVLinks of a GPU: the other ends that are GPUs, by slot, and how many end at a switch."""

    def __init__(self) -> None:
        self.to: list[tuple[int, int, int] | None] = []
        self.to_switch = 0
        self.missing: str | None = None


def _nvlinks(nvml: Nvml, handle: Any) -> _Wires:
    found = _Wires()
    for link in range(nvml.constant("NVML_NVLINK_MAX_LINKS") or 0):
        state = nvml.query("nvmlDeviceGetNvLinkState", handle, link)
        if state.missing is not None:  # a GPU refuses the numbers beyond its last link
            found.missing = state.missing if link == 0 else None
            break
        if not state.value:
            continue
        if nvml.ask("nvmlDeviceGetNvLinkRemoteDeviceType", handle, link) == nvml.constant(
            "NVML_NVLINK_DEVICE_TYPE_SWITCH"
        ):
            found.to_switch += 1
        else:
            found.to.append(_slot(nvml.ask("nvmlDeviceGetNvLinkRemotePciInfo", handle, link)))
    return found


def _slot(pci: Any) -> tuple[int, int, int] | None:
    """(domain, bus, device): the text forms of it differ in their zeros."""
    return None if pci is None else (pci.domain, pci.bus, pci.device)


def _bits(words: Any) -> tuple[int, ...] | None:
    """The numbers whose bits are set; None for no answer."""
    if words is None:
        return None
    return tuple(
        place * _WORD_BITS + bit for place, word in enumerate(words) for bit in range(_WORD_BITS) if word >> bit & 1
    )
