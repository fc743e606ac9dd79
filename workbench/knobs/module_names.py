"""Names of modules as people write them: a few dotted components, found anywhere on a module's path."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase


def covers(pattern: str, module: str) -> bool:
    """Whether `pattern` names the module called `module`, or a part that holds it.

    Whole components only: "down_proj" and "layers.1.mlp" name model.layers.1.mlp.down_proj; "proj" and "layers.11" do
    not. A * stands for anything within one component.
    """
    wanted, path = pattern.split("."), module.split(".")
    return any(
        all(fnmatchcase(part, one) for part, one in zip(path[start:], wanted, strict=False))
        for start in range(len(path) - len(wanted) + 1)
    )


def unknown(patterns: Sequence[str], modules: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Those of `patterns` that name none of `modules`, each with the names nearest to it."""
    names = tuple(modules)
    found: dict[str, tuple[str, ...]] = {}
    for pattern in patterns:
        if not any(covers(pattern, name) for name in names):
            length = pattern.count(".") + 1
            ends = {".".join(name.split(".")[-length:]) for name in names}
            found[pattern] = tuple(get_close_matches(pattern, sorted(ends), n=3, cutoff=0.5))
    return found
