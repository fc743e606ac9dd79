"""The GPUs that a person names for serving."""

import re
from dataclasses import dataclass
from typing import Self

from workbench.catalog import CatalogGpu, gpu
from workbench.errors import ConfigError

_COUNTED = re.compile(r"\s*(\d+)\s*[x×]\s*(.+?)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Fleet:
    """`gpus` of one kind in each of `nodes` machines."""

    gpu: CatalogGpu
    gpus: int
    nodes: int

    @classmethod
    def of(cls, on: str | None, gpus: int | None, nodes: int | None) -> Self | None:
        """on: a name of the catalogue, or "8x h100-sxm". None: no GPU is named.

        ConfigError: an unknown GPU, a count below 1, a count without a name, two counts that differ.
        """
        if on is None:
            if gpus is not None or nodes is not None:
                raise ConfigError("serving.gpus_unnamed")
            return None
        counted = _COUNTED.fullmatch(on)
        name, count = (counted[2], int(counted[1])) if counted else (on.strip(), 1 if gpus is None else gpus)
        if counted and gpus is not None and gpus != count:
            raise ConfigError("serving.two_counts", on=on, gpus=gpus)
        card = gpu(name.lower())
        for field, value in (("gpus", count), ("nodes", 1 if nodes is None else nodes)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError("serving.bad_count", field=field, value=repr(value))
        return cls(card, count, 1 if nodes is None else nodes)

    @property
    def total(self) -> int:
        return self.gpus * self.nodes

    def __str__(self) -> str:
        machines = f" in each of {self.nodes} machines" if self.nodes > 1 else ""
        return f"{self.gpus} × {self.gpu.slug}{machines}"
