"""A sweep as a TOML file:

model = "demo"
workload = "chat"            # a preset, or a table: { prompt_tokens = 256, new_tokens = 64 }
objective = "decode_tps"
budget_s = 600
base = { threads = 1 }       # knobs of the base line
constraints = { kld_mean = "<0.05", peak_bytes = "<8GiB" }
[space]
attention = ["eager", "sdpa"]
dtype = ["float32", "bfloat16"]
"""

import tomllib
from pathlib import Path
from typing import Any

from workbench.config import Config
from workbench.errors import ConfigError
from workbench.results import Workload

_PLAIN = {
    **dict.fromkeys(("model", "revision", "objective", "suite"), str),
    **dict.fromkeys(("seed", "exhaustive", "proposals"), int),
    "budget_s": (int, float),
}
_ALL = (*_PLAIN, "precision", "workload", "base", "constraints", "space")


def read(file: Path) -> dict[str, Any]:
    """The arguments of `workbench.sweep`. ConfigError: no TOML, an unknown name, a value of another kind."""
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _bad(file, f"{type(error).__name__}: {error}") from error
    if unknown := [name for name in found if name not in _ALL]:
        raise _bad(file, f"{', '.join(unknown)}: not one of {', '.join(_ALL)}")
    for name, kind in {**_PLAIN, "precision": (int, float), "base": dict, "constraints": dict, "space": dict}.items():
        if name in found and (not isinstance(found[name], kind) or isinstance(found[name], bool)):  # type: ignore[arg-type]
            raise _bad(file, f"{name} = {found[name]!r}")
    if not found.get("space"):
        raise _bad(file, "[space] is missing")
    if "workload" in found:
        work = found["workload"]
        if not isinstance(work, str | dict):
            raise _bad(file, f"workload = {work!r}")
        found["workload"] = Workload.preset(work) if isinstance(work, str) else _workload(work)
    if "base" in found:
        found["base"] = Config(**found["base"])
    return {"model": "demo", **found}


def _workload(numbers: dict[str, Any]) -> Workload:
    preset = numbers.pop("preset", None)
    return Workload.preset(preset, **numbers) if preset else Workload(**numbers)


def _bad(file: Path, problem: str) -> ConfigError:
    return ConfigError("sweep.bad_file", file=file.name, problem=problem)
