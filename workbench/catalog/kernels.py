"""Which kernel a name in a trace stands for: one table of patterns, each with the source it was read from."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from workbench.catalog.data import read

CATEGORIES = (
    *("attention", "linear", "norm", "rotary", "elementwise", "memory", "sampling", "communication", "compiled"),
    "other",
)
# an operation of these counts whole, with all that it calls; what it calls elsewhere counts as what it is
WHOLE = frozenset({"attention", "linear", "norm", "rotary", "sampling"})
BACKENDS = (
    "CPU flash",
    "sdpa flash",
    "sdpa efficient",
    "sdpa cudnn",
    "sdpa math",
    "FlashAttention 2",
    "FlashAttention 3",
    "FlashAttention 4",
    "flex",
    "hub kernel",
    "eager",
)
EAGER_PARTS = frozenset({"matmul", "softmax"})
_NAMED = re.compile(r"cutlass::(?:device_kernel|Kernel2?)<(?:flash::enable_\w+<)?")


@dataclass(frozen=True)
class Pattern:
    """One line of the table.

    where     cpu: an operation seen on a CPU; op: one that a CPU's trace does not have; gpu: a kernel;
              compiled: an entry into compiled code
    category  what its time counts as, where nothing around it says more
    backend   of attention, when the name alone tells it
    part      matmul or softmax: attention that has both and no kernel of its own is the eager one
    examples  names that it must match, as a trace or a source has them
    """

    regex: re.Pattern[str]
    where: Literal["cpu", "op", "gpu", "compiled"]
    category: str
    source: str
    backend: str | None = None
    part: Literal["matmul", "softmax"] | None = None
    examples: tuple[str, ...] = ()


@cache
def patterns() -> tuple[Pattern, ...]:
    """The table in its order: the first line that matches decides."""
    sources, found = read("kernels")
    entries: Any = found
    return tuple(
        Pattern(
            regex=re.compile(entry["pattern"]),
            where=entry["where"],
            category=entry["category"],
            source=sources[entry["source"]],
            backend=entry.get("backend"),
            part=entry.get("part"),
            examples=tuple(entry.get("examples", ())),
        )
        for entry in entries
    )


@cache
def recognise(name: str) -> Pattern | None:
    """The first line whose pattern is found in `name`; None: the table does not know it."""
    return next((pattern for pattern in patterns() if pattern.regex.search(name)), None)


def short(name: str, most: int = 120) -> str:
    """A kernel's name without return type, template and call arguments; of CUTLASS's wrappers, what they wrap."""
    bare = re.sub(r"^(static )?void ", "", name.replace("(anonymous namespace)::", ""))
    wrapped = _NAMED.match(bare)
    if wrapped:
        bare = bare[wrapped.end() :]
    if bare.startswith("Mem"):  # Memcpy DtoD (Device -> Device): the direction is the name
        return bare
    return re.split(r"[<(>]", bare, maxsplit=1)[0].strip()[:most] or name[:most]
