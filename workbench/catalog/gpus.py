"""GPUs by catalogue name: what the vendor states, which no measurement here has confirmed."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from workbench.catalog.data import Fact, nearest, read
from workbench.errors import ConfigError


@dataclass(frozen=True)
class CatalogGpu:
    """memory_gb and bandwidth_gbps count 10^9; bf16_tflops is dense with fp32 sums, None where no source was read."""

    slug: str
    name: str
    memory_gb: Fact
    bandwidth_gbps: Fact
    bf16_tflops: Fact | None
    compute_capability: Fact

    @property
    def memory_bytes(self) -> int:
        return round(float(self.memory_gb.value) * 1e9)

    @property
    def bandwidth_bytes_per_s(self) -> float:
        return float(self.bandwidth_gbps.value) * 1e9


def _load() -> dict[str, CatalogGpu]:
    sources, entries = read("gpus")

    def fact(given: list[Any]) -> Fact:
        return Fact(given[0], sources[given[1]])

    return {
        slug: CatalogGpu(
            slug=slug,
            name=entry["name"],
            memory_gb=fact(entry["memory_gb"]),
            bandwidth_gbps=fact(entry["bandwidth_gbps"]),
            bf16_tflops=fact(entry["bf16_tflops"]) if entry["bf16_tflops"] else None,
            compute_capability=fact(entry["compute_capability"]),
        )
        for slug, entry in entries.items()
    }


GPUS = MappingProxyType(_load())


def gpu(slug: str) -> CatalogGpu:
    """The GPU of that name, for example "rtx-4090". ConfigError names the nearest match and the list."""
    if slug not in GPUS:
        raise ConfigError("model.unknown_gpu", name=slug, nearest=nearest(slug, GPUS), known=", ".join(GPUS))
    return GPUS[slug]
