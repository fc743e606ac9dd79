"""The comment at the top of the exported file: what it is, what it needs, and what was measured."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from workbench import __version__
from workbench.catalog.sources import Source
from workbench.export.numbers import conditions, rows
from workbench.export.python import comment, literal
from workbench.export.request import Request
from workbench.knobs import KNOBS
from workbench.results import versions

_PACKAGES = ("torch", "transformers", "accelerate", "safetensors")
_DECIDING = ("torch", "transformers")  # beside the quantiser's: those whose other version is told when the file runs


def header(request: Request, source: Source, packages: Sequence[str]) -> list[str]:
    """Lines of comment. `packages` beside the usual ones."""
    pins = [f"{name}=={found}" if found else name for name, found in _pins(request, packages).items()]
    changed = [f"{name}={literal(value)}" for name, value in request.config.items() if value != KNOBS[name].default]
    lines = [
        f"Written by the DeepSeek Tuning Workbench {__version__}; needs transformers, not the workbench.",
        "",
        "    pip install " + " ".join([*pins, *(["gguf"] if source.gguf_file else [])]),
        "",
        f"model   {literal(request.model)}" + (f", revision {literal(source.revision)}" if source.revision else ""),
        f"config  {', '.join(changed) or 'every knob at its default'}",
    ]
    if request.resolved:
        lines += [f"but     {difference}" for difference in request.resolved.differences(request.config)]
    if request.measurement:
        built = ", ".join(f"{name} {found}" for name, found in _pins(request, ()).items() if name in _DECIDING)
        where = f" on {request.machine.label}" if request.machine else ""
        python = request.machine.python if request.machine else platform.python_version()
        lines += ["", f"Measured{where}, Python {python}, {built}:"]
        for label, value, bounds in rows(request.measurement):
            lines.append(f"    {label:<22} {value}" + (f"   {bounds}" if bounds else ""))
        lines.append(f"    {conditions(request.measurement, request.workload)}; brackets: 95 % interval of the mean")
        lines += [f"    note: {flag}" for flag in request.measurement.flags]
        lines.append("python load_model.py --check measures it again, with check_model.py and expected.json beside it.")
    return [comment(line) for line in lines]


def deciding(request: Request, packages: Sequence[str]) -> dict[str, str]:
    """The versions that the file compares with what is installed where it runs."""
    pins = _pins(request, packages)
    return {name: found for name, found in pins.items() if found and name in (*_DECIDING, *packages)}


def _pins(request: Request, packages: Sequence[str]) -> dict[str, str | None]:
    """Public versions: a local one ("+cpu") is not on the package index. None: not known."""
    known: Mapping[str, str] = request.versions or versions()
    found = {name: known.get(name) for name in _PACKAGES if name in known}
    found |= {name: known.get(name) or _installed(name) for name in packages}
    return {name: each.partition("+")[0] if each else None for name, each in found.items()}


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
