"""The list of published wheels: whole, dated, and matched to one Python, torch, CUDA, ABI and platform."""

import re
from datetime import date
from itertools import product
from typing import Any

import pytest

from workbench.catalog.flash_attn_wheels import AS_OF, ENTRIES, SOURCES, Combination, match

FIELDS = {
    "package": str,
    "version": str,
    "publisher": str,
    "by": str,
    "torch": str,
    "cuda": list,
    "python": list,
    "platform": str,
    "url": str,
    "source": str,
    "date": str,
}
HOSTS = "https://github.com/"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry['by']}-{entry['package']}-{entry['torch']}")
def test_every_entry_is_whole(entry: dict[str, Any]) -> None:
    assert {name: type(entry[name]) for name in FIELDS} == FIELDS
    assert entry["cxx11abi"] in (True, False, None)
    assert set(entry) == {*FIELDS, "cxx11abi"}
    assert entry["publisher"] == ("official" if entry["by"] == "Dao-AILab" else "community")
    assert entry["package"] in ("flash-attn", "flash-attn-3")
    assert re.fullmatch(r"2\.\d+", entry["torch"])
    assert all(re.fullmatch(r"1[23](\.\d)?", cuda) for cuda in entry["cuda"])
    assert all(re.fullmatch(r"3\.1[123]", python) for python in entry["python"])
    assert date.fromisoformat(entry["date"]).isoformat() == entry["date"] <= AS_OF
    assert entry["source"] in SOURCES
    # Windows has no C++11 ABI of two kinds
    assert (entry["cxx11abi"] is None) == (entry["platform"] == "win_amd64")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry['by']}-{entry['package']}-{entry['torch']}")
def test_every_address_is_of_the_file_that_it_is_said_to_be(entry: dict[str, Any]) -> None:
    assert entry["url"].startswith(f"{HOSTS}{entry['by']}/")
    name = entry["url"].rpartition("/")[2]
    assert name.startswith(f"{entry['package'].replace('-', '_')}-{entry['version']}%2B{{cuda}}torch{{torch}}")
    assert name.endswith(f"-{entry['platform']}.whl")
    assert ("cxx11abiFALSE" in name) == (entry["cxx11abi"] is False)


def test_no_combination_is_listed_twice_by_one_publisher() -> None:
    listed = [
        (entry["by"], entry["package"], entry["torch"], cuda, python, entry["cxx11abi"], entry["platform"])
        for entry in ENTRIES
        for cuda, python in product(entry["cuda"], entry["python"])
    ]
    assert len(set(listed)) == len(listed)


def combination(**changes: Any) -> Combination:
    values: dict[str, Any] = {
        "python": "3.11.7",
        "torch": "2.13.0+cu130",
        "cuda": "13.0",
        "cxx11abi": True,
        "system": "Linux",
        "architecture": "x86_64",
    }
    return Combination(**{**values, **changes})


MATCHES: list[tuple[str, dict[str, Any], str | None]] = [
    ("flash-attn", {}, "v0.9.47/flash_attn-2.8.3%2Bcu130torch2.13-cp311-cp311-linux_x86_64.whl"),
    ("flash-attn", {"python": "3.12.1"}, "cu130torch2.13-cp312-cp312-linux_x86_64.whl"),
    ("flash-attn", {"cuda": "13.2"}, "cu132torch2.13-cp311"),
    # nothing was built for 12.8 and this torch: the nearest older one of the same major version
    ("flash-attn", {"cuda": "12.8", "torch": "2.13.0+cu128"}, "cu126torch2.13-cp311"),
    ("flash-attn", {"cuda": "12.8", "torch": "2.11.0"}, "cu128torch2.11-cp311"),
    ("flash-attn", {"cuda": "12.6", "torch": "2.11.0"}, "cu126torch2.11-cp311"),
    ("flash-attn", {"cuda": "12.4", "torch": "2.11.0"}, "flash_attn-2.8.3%2Bcu12torch2.11cxx11abiTRUE-cp311"),
    ("flash-attn", {"system": "Windows", "architecture": "AMD64"}, "cu130torch2.13-cp311-cp311-win_amd64.whl"),
    ("flash-attn", {"architecture": "aarch64"}, "v0.9.49/flash_attn-2.8.3%2Bcu130torch2.13-cp311"),
    ("flash-attn", {"architecture": "aarch64", "python": "3.12.0"}, "v0.9.48/"),
    # of Windows, torch 2.12 and Python 3.13 only CUDA 13 was published
    (
        "flash-attn",
        {"system": "Windows", "architecture": "AMD64", "torch": "2.12.0", "python": "3.13.0", "cuda": "12.6"},
        None,
    ),
    ("flash-attn", {"cxx11abi": False}, None),
    ("flash-attn", {"cxx11abi": None}, "cu130torch2.13"),
    ("flash-attn", {"python": "3.14.0"}, None),
    ("flash-attn", {"torch": "2.15.0"}, None),
    ("flash-attn", {"cuda": "11.8"}, None),
    ("flash-attn", {"system": "Darwin", "architecture": "arm64"}, None),
    ("flash-attn", {"torch": "2.8.0", "cuda": "12.8"}, "Dao-AILab/flash-attention/releases/download/v2.8.3/"),
    ("flash-attn", {"torch": "2.8.0", "cuda": "12.8", "cxx11abi": False}, "cxx11abiFALSE-cp311"),
    ("flash-attn-3", {}, "flash_attn_3-3.0.0%2Bcu130torch2.13gite2743ab-cp39-abi3-linux_x86_64.whl"),
    ("flash-attn-3", {"torch": "2.10.0"}, None),
    ("flash-attn-4", {}, None),
]


@pytest.mark.parametrize(("package", "changes", "expected"), MATCHES)
def test_match(package: str, changes: dict[str, Any], expected: str | None) -> None:
    wheel = match(package, combination(**changes))
    if expected is None:
        assert wheel is None
        return
    assert wheel is not None
    assert expected in wheel.url
    assert "{" not in wheel.url
    assert wheel.official == ("Dao-AILab" in wheel.url)
    assert wheel.source in SOURCES.values()


def test_a_combination_reads_as_what_has_to_fit() -> None:
    assert str(combination()) == "Python 3.11, torch 2.13, CUDA 13.0, C++11 ABI TRUE, Linux x86_64"
    assert str(combination(cxx11abi=None)) == "Python 3.11, torch 2.13, CUDA 13.0, Linux x86_64"
