"""What the resident weights are: counted after a load, because walking them is too slow for every switch."""

from dataclasses import dataclass
from typing import Any, Self

from workbench.engine import census
from workbench.results.census import Share


@dataclass(frozen=True)
class Weights:
    """A loaded model's weights.

    loaded           as they came from the files; empty for a model that was attached
    now              after the first forward pass, which repacks some formats
    quantization     the knob's word for what most quantised ones are kept as, "none" where none is
    quantized_share  of all weights
    """

    loaded: tuple[Share, ...] = ()
    now: tuple[Share, ...] = ()
    quantization: str = "none"
    quantized_share: float = 0.0

    @classmethod
    def of(cls, model: Any, loaded: tuple[Share, ...] = ()) -> Self:
        return cls(loaded, census.count(model), *census.kept_as(model))

    @property
    def bytes_by_dtype(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for share in self.now:
            found[share.format] = found.get(share.format, 0) + share.bytes
        return found

    @property
    def values(self) -> int:
        return sum(share.values for share in self.now)

    def read_per_step(self, *, tied: bool) -> int:
        """Bytes of weights that one decode step reads: all but an embedding table that is not the head too."""
        return sum(share.bytes for share in self.now if share.values and (tied or share.role != "embedding"))
