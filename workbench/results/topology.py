"""How the GPUs of a machine are joined to each other and to its processors."""

from typing import Literal

from workbench.results.base import Result
from workbench.results.machine_report import STYLE, aligned, plain_table
from workbench.words import text
from workbench.words.format import THIN, not_available

# NVML's nvmlGpuTopologyLevel_t, nearest first: what a path over PCIe has to cross
Level = Literal["internal", "single", "multiple", "hostbridge", "node", "system"]


class GpuPlace(Result):
    """Where one GPU sits. None: not told; `missing` says why, by field (the codes of GpuSample.missing).

    cpus              logical CPUs nearest to it; numa_node the memory nearest to it
    max_pcie_*        the most that GPU and slot can do together
    switch_nvlinks    active NVLinks to an NVSwitch, which joins it to every other GPU on the switch
    """

    index: int
    name: str
    uuid: str | None = None
    cpus: tuple[int, ...] | None = None
    numa_node: int | None = None
    max_pcie_generation: int | None = None
    max_pcie_width: int | None = None
    switch_nvlinks: int | None = None
    missing: dict[str, str] = {}


class GpuLink(Result):
    """Between two GPUs. `level` of the PCIe path; `nvlinks`: active NVLinks straight between them. None: not told."""

    one: int
    other: int
    level: Level | None = None
    nvlinks: int | None = None
    missing: dict[str, str] = {}


class Topology(Result):
    """`links` hold each pair once, the smaller index first."""

    gpus: tuple[GpuPlace, ...] = ()
    links: tuple[GpuLink, ...] = ()

    def between(self, one: int, other: int) -> GpuLink | None:
        wanted = (min(one, other), max(one, other))
        return next((link for link in self.links if (link.one, link.other) == wanted), None)

    def rows(self) -> list[tuple[str, ...]]:
        """A head, then a row for each GPU: its link to every other, and what it is nearest to."""
        names = [text("device.topology.gpu", index=gpu.index) for gpu in self.gpus]
        head = ("", *names, *(text(f"device.topology.{name}") for name in ("cpus", "node", "pcie")))
        return [head, *((name, *self._row(gpu)) for name, gpu in zip(names, self.gpus, strict=True))]

    def _row(self, gpu: GpuPlace) -> tuple[str, ...]:
        links = [text("device.topology.self") if gpu is other else self._link(gpu, other) for other in self.gpus]
        return (*links, _cpus(gpu), _node(gpu), _pcie(gpu))

    def _link(self, gpu: GpuPlace, other: GpuPlace) -> str:
        link = self.between(gpu.index, other.index)
        if link is None:
            return text("machine.value.unknown")
        if link.nvlinks:
            code = "device.topology.nvlink_one" if link.nvlinks == 1 else "device.topology.nvlink"
            return text(code, links=link.nvlinks)
        if gpu.switch_nvlinks and other.switch_nvlinks:
            return text("device.topology.switch", links=min(gpu.switch_nvlinks, other.switch_nvlinks))
        return (
            not_available(link.missing.get("level"))
            if link.level is None
            else text(f"device.topology.level.{link.level}")
        )

    def __str__(self) -> str:
        return "\n".join(aligned([(row, ()) for row in self.rows()])).replace(THIN, " ")

    def _repr_html_(self) -> str:
        head, *body = self.rows()
        return f'<div class="wb-machine">{STYLE}{plain_table(head, body)}</div>'


def _cpus(gpu: GpuPlace) -> str:
    """As taskset writes them: 0-3,8."""
    if gpu.cpus is None:
        return not_available(gpu.missing.get("cpus"))
    spans: list[list[int]] = []
    for cpu in sorted(gpu.cpus):
        if spans and cpu == spans[-1][-1] + 1:
            spans[-1].append(cpu)
        else:
            spans.append([cpu])
    return ",".join(f"{span[0]}-{span[-1]}" if len(span) > 1 else str(span[0]) for span in spans)


def _node(gpu: GpuPlace) -> str:
    return not_available(gpu.missing.get("numa_node")) if gpu.numa_node is None else str(gpu.numa_node)


def _pcie(gpu: GpuPlace) -> str:
    if gpu.max_pcie_generation is None or gpu.max_pcie_width is None:
        return not_available(gpu.missing.get("max_pcie_generation") or gpu.missing.get("max_pcie_width"))
    return text("device.topology.pcie_value", generation=gpu.max_pcie_generation, width=gpu.max_pcie_width)
