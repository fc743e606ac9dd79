"""Builds the stand-in library, writes its scenario, and puts it in the way of pynvml."""

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pynvml
import pytest

SOURCE = Path(__file__).with_name("standin.c")
_NESTED = ("error", "sleep_ms", "violation_ns", "field", "metric", "link")  # {key: value} of each: KEY.key=value


def why_not() -> str | None:
    """Why the library cannot be built here."""
    if not sys.platform.startswith("linux"):
        return "the stand-in for NVML is a Linux library"
    if shutil.which("cc") is None:
        return "the stand-in for NVML needs a C compiler (cc)"
    return None


def build(folder: Path, without: Sequence[str] = ()) -> Path:
    """The folder that holds libnvidia-ml.so.1. `without`: functions that this driver's library does not have.

    It carries no name (soname), so that one loaded here is not found again under the real one's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    absent = [f"-D{name}=absent_{name}" for name in without]
    warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-format-truncation"]
    command = ["cc", "-shared", "-fPIC", "-O1", *warnings, *absent, "-o", str(folder / "libnvidia-ml.so.1")]
    subprocess.run([*command, str(SOURCE), "-lm"], check=True)
    return folder


class Standin:
    """One library with one scenario, which `play` replaces at once, also while it is in use."""

    def __init__(self, library: Path, scenario: Path, patch: pytest.MonkeyPatch) -> None:
        self._library, self._scenario, self._patch = library, scenario, patch
        self._loaded: Any = None
        self.play()
        self.use(library)

    def use(self, folder: Path) -> None:
        """Loads the library of this folder into this process, as pynvml's. It must not be open meanwhile."""
        self._library = folder
        self._loaded = ctypes.CDLL(str(folder / "libnvidia-ml.so.1"))
        self.forget_calls()  # a library outlives the test that loaded it, and so do its counts
        self._patch.setattr(pynvml, "nvmlLib", self._loaded)
        self._patch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
        for name, value in self.environment({}).items():
            self._patch.setenv(name, value)

    def environment(self, base: dict[str, str] | None = None) -> dict[str, str]:
        """The environment of a child process whose pynvml shall find the stand-in. `base`: of this process."""
        given = dict(os.environ) if base is None else base
        return {**given, "LD_LIBRARY_PATH": str(self._library), "NVML_STANDIN": str(self._scenario)}

    def play(
        self, gpus: Sequence[dict[str, Any]] = (), driver: str = "580.65.06", cuda: int = 13000, **system: Any
    ) -> None:
        """From now on the machine has these GPUs.

        system  error, sleep_ms: {function: code or ms} on all of them; process_name: {pid: name}
        """
        written = [f"epoch={time.monotonic()}", f"driver={driver}", f"cuda={cuda}", f"gpus={len(gpus)}"]
        for kind, values in system.items():
            written += [f"{kind}.{key}={value}" for key, value in values.items()]
        for index, gpu in enumerate(gpus):
            written += _lines(f"{index}.", gpu)
        new = self._scenario.with_suffix(".new")
        new.write_text("\n".join(written) + "\n", encoding="utf-8")
        new.replace(self._scenario)

    def calls(self, function: str) -> int:
        """How often this process called a function of the library."""
        count: int = self._loaded.standin_calls(function.encode())
        return count

    def forget_calls(self) -> None:
        """Counts from here on."""
        self._loaded.standin_forget()

    @property
    def opened(self) -> int:
        """How many opened NVML in this process and did not close it."""
        count: int = self._loaded.standin_opened()
        return count


def _lines(prefix: str, gpu: dict[str, Any]) -> Iterator[str]:
    for name, value in gpu.items():
        if name in _NESTED:
            yield from (f"{prefix}{name}.{key}={one}" for key, one in value.items())
        elif name == "field_type":
            yield from (f"{prefix}field.{key}.type={one}" for key, one in value.items())
        elif name == "metric_error":
            yield from (f"{prefix}metric.{key}.error={one}" for key, one in value.items())
        elif name.endswith("processes"):
            listed = " ".join(f"{pid}:{'?' if held is None else held}" for pid, held in value.items())
            yield f"{prefix}{name}={listed}"
        elif name == "nvlink":
            for link, (state, remote, kind) in value.items():
                yield from (f"{prefix}nvlink.{link}={state}", f"{prefix}nvlink.{link}.remote={remote}")
                yield f"{prefix}nvlink.{link}.remote_type={kind}"
        elif name == "instances":
            for place, part in enumerate(value):
                yield from _lines(f"{prefix}{place}.", part or {})
        elif name == "capability":
            yield f"{prefix}capability={value[0]}.{value[1]}"
        elif name == "cpus":
            words = range(max(value) // 64 + 1)
            yield (
                prefix
                + "cpus="
                + " ".join(f"{sum(1 << cpu % 64 for cpu in value if cpu // 64 == word):x}" for word in words)
            )
        else:
            yield f"{prefix}{name}={value}"
