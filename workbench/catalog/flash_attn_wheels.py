"""Prebuilt flash-attn wheels that a dated source showed to be published: nothing here is guessed from a naming rule.

A wheel fits one Python, one torch (major.minor), one major CUDA, one C++ ABI and one platform; any other raises
"undefined symbol" or "DLL load failed" at import.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# wheel platform tags that a system and architecture can install
_PLATFORMS = {
    ("Linux", "x86_64"): ("linux_x86_64",),
    ("Linux", "aarch64"): ("linux_aarch64", "manylinux_2_34_aarch64"),
    ("Windows", "AMD64"): ("win_amd64",),
}


@dataclass(frozen=True)
class Combination:
    """What a wheel has to fit.

    python, torch, cuda  "3.11.7", "2.13.0+cu128", "12.8": only the parts that matter are compared
    cxx11abi             of the installed torch; None: not told, so wheels are not sorted out by it
    system, architecture as `platform` names them: Linux, Windows; x86_64, aarch64, AMD64
    """

    python: str
    torch: str
    cuda: str
    cxx11abi: bool | None
    system: str
    architecture: str

    def __str__(self) -> str:
        abi = "" if self.cxx11abi is None else f", C++11 ABI {str(self.cxx11abi).upper()}"
        where = f"{self.system} {self.architecture}"
        return f"Python {_two(self.python)}, torch {_two(self.torch)}, CUDA {self.cuda}{abi}, {where}"


@dataclass(frozen=True)
class Wheel:
    """One published file. `cuda` is what it was built with ("12.6", or "12" where its name says no more); `date` is
    when the source was seen to list it."""

    package: str
    version: str
    official: bool
    by: str
    cuda: str
    url: str
    date: str
    source: str


def _read() -> tuple[dict[str, str], tuple[dict[str, Any], ...]]:
    document = json.loads((Path(__file__).parent / "flash_attn_wheels.json").read_text(encoding="utf-8"))
    return document["sources"], tuple(document["flash_attn_wheels"])


SOURCES, ENTRIES = _read()
AS_OF = max(entry["date"] for entry in ENTRIES)  # nothing published later can be known here


def match(package: str, wanted: Combination) -> Wheel | None:
    """The published wheel of `package` (flash-attn, flash-attn-3) that fits best; None: no source shows one.

    Official ones come first; then the nearest CUDA minor version that is not newer than torch's own (a library built
    for a newer one may ask the runtime for what it lacks), then newer ones of the same major version.
    """
    fitting = [
        (entry, cuda) for entry in ENTRIES if _fits(entry, package, wanted) for cuda in entry["cuda"]
        if cuda.split(".")[0] == wanted.cuda.split(".")[0]
    ]  # fmt: skip
    if not fitting:
        return None
    entry, cuda = min(fitting, key=lambda pair: _distance(pair[0], pair[1], wanted.cuda))
    python = "cp" + _two(wanted.python).replace(".", "")
    return Wheel(
        package=package,
        version=entry["version"],
        official=entry["publisher"] == "official",
        by=entry["by"],
        cuda=cuda,
        url=entry["url"].format(cuda="cu" + cuda.replace(".", ""), torch=entry["torch"], python=python),
        date=entry["date"],
        source=SOURCES[entry["source"]],
    )


def _fits(entry: dict[str, Any], package: str, wanted: Combination) -> bool:
    return (
        entry["package"] == package
        and entry["torch"] == _two(wanted.torch)
        and _two(wanted.python) in entry["python"]
        and entry["platform"] in _PLATFORMS.get((wanted.system, wanted.architecture), ())
        and (entry["cxx11abi"] is None or wanted.cxx11abi is None or entry["cxx11abi"] is wanted.cxx11abi)
    )


def _distance(entry: dict[str, Any], built: str, wanted: str) -> tuple[bool, bool, int]:
    """(community, newer than torch's CUDA, minor versions apart): the smallest fits best. "12" counts as 12.0."""
    apart = _minor(wanted) - _minor(built)
    return entry["publisher"] != "official", apart < 0, abs(apart)


def _minor(version: str) -> int:
    return int(version.partition(".")[2] or 0)


def _two(version: str) -> str:
    return ".".join(version.split("+")[0].split(".")[:2])
