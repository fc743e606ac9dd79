"""A family of numbers that the monitor exports, as data: Prometheus name, type, unit, labels, definition.

Names follow https://prometheus.io/docs/practices/naming: base units, the unit last. Every label has a closed list of
values, so that no text of a person, a model or a machine can become one, and the number of series has a bound.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["counter", "gauge", "histogram", "info"]
Of = Literal["answers", "session", "machine", "gpu", "allocator"]

OTHER = "other"


@dataclass(frozen=True)
class Series:
    """One family.

    key         its name in code
    name        its name in Prometheus, without the endings that the type adds (_total, _bucket, _info …)
    unit        the last word of `name` where it has one
    of          whose it is; `reads`: the field that holds it, `factor`: what that is multiplied by
    labels      label -> every value it may have; "gpu" counts the machine's own and is not listed
    buckets     upper bounds of a histogram, in its unit; +Inf is added
    """

    key: str
    name: str
    kind: Kind
    unit: str
    of: Of
    definition: str
    source: str
    reads: str = ""
    factor: float = 1.0
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()

    @property
    def sample_names(self) -> tuple[str, ...]:
        """What queries call it."""
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",)}
        return tuple(self.name + ending for ending in endings.get(self.kind, ("",)))

    @property
    def label_names(self) -> tuple[str, ...]:
        return (("gpu",) if self.of == "gpu" else ()) + tuple(self.labels)
