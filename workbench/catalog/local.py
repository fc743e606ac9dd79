"""What lies in a local model directory, read from config.json and the safetensors headers: no torch, no weights."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import ModelError

_MAX_HEADER = 100_000_000  # the format's own limit
_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "BF16": "bfloat16",
    "F16": "float16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}


@dataclass(frozen=True)
class LocalModel:
    """name: the directory's own name · config: of config.json · tensors: name -> (dtype, shape, bytes)"""

    name: str
    config: dict[str, Any]
    tensors: dict[str, tuple[str, tuple[int, ...], int]]

    @property
    def bytes_by_dtype(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for dtype, _shape, size in self.tensors.values():
            found[dtype] = found.get(dtype, 0) + size
        return found

    @property
    def checkpoint_dtype(self) -> str:
        """Of the largest share of the bytes."""
        sizes = self.bytes_by_dtype
        return max(sizes, key=lambda dtype: sizes[dtype])


def local_model(path: str | Path) -> LocalModel:
    """The model in the directory `path`. ModelError when there is none, or a file is cut off."""
    folder = Path(path).expanduser()
    if not folder.exists():
        raise ModelError("model.no_such_path", path=str(path))
    config_file = folder / "config.json"
    if not config_file.is_file():
        found = ", ".join(sorted(child.name for child in folder.iterdir())[:5]) if folder.is_dir() else folder.name
        raise ModelError("model.not_a_model", path=str(path), found=found or "nothing")
    try:
        config = json.loads(config_file.read_text(encoding="utf-8"))
        config["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError("model.damaged_config", path=str(path), problem=f"{type(error).__name__}: {error}") from error
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError("model.no_weights", path=str(path))
    tensors: dict[str, tuple[str, tuple[int, ...], int]] = {}
    for file in files:
        tensors |= read_header(file)
    return LocalModel(name=folder.resolve().name, config=config, tensors=tensors)


def read_header(file: Path) -> dict[str, tuple[str, tuple[int, ...], int]]:
    """tensor -> (dtype, shape, bytes) of one safetensors file; its length is checked against them.

    Format: 8 bytes little-endian length, that many bytes of JSON, the data (huggingface/safetensors README).
    """
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= min(size - 8, _MAX_HEADER):
                raise ValueError(f"{file.name} has no safetensors header")
            entries = json.loads(stream.read(length))
        entries.pop("__metadata__", None)
        end = max((entry["data_offsets"][1] for entry in entries.values()), default=0)
        if 8 + length + end != size:
            raise ValueError(f"{file.name} has {size} bytes, its header describes {8 + length + end}")
        return {
            name: (
                _DTYPES.get(entry["dtype"], entry["dtype"].lower()),
                tuple(entry["shape"]),
                entry["data_offsets"][1] - entry["data_offsets"][0],
            )
            for name, entry in entries.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ModelError("model.damaged_weights", name=file.parent.name, problem=str(error)) from error
