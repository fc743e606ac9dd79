"""What a GGUF file says of itself, read from its header: no torch, no weights, no `gguf` package.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import math
import mmap
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAGIC = b"GGUF"
VERSIONS = (2, 3)
_DEFAULT_ALIGNMENT = 32
_STRING, _ARRAY = 8, 9
_LENGTH = struct.Struct("<Q")
# value type -> struct code (gguf.md, gguf_metadata_value_type)
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
# tensor type -> (name, values in a block, bytes of a block): GGML_QUANT_SIZES of the package gguf 0.19
TENSOR_TYPES = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
}


class BadGguf(ValueError):
    """`code` (of `workbench.words.integrity`) with `params` says what is wrong."""

    def __init__(self, code: str, **params: Any) -> None:
        self.code = code
        self.params = params
        super().__init__(code)


@dataclass(frozen=True)
class GgufHeader:
    """values: the single values (arrays are left out) · bytes_by_type: of the tensors · needed_bytes: of the file.

    needed_bytes is a lower bound where a tensor's type is unknown here.
    """

    version: int
    values: dict[str, Any]
    tensors: int
    bytes_by_type: dict[str, int]
    needed_bytes: int

    @property
    def architecture(self) -> str | None:
        return self.values.get("general.architecture")


def read_header(file: Path) -> GgufHeader:
    """The header of `file`. BadGguf when it is none or ends early; OSError when it cannot be read."""
    size = file.stat().st_size
    if size < 24:
        raise BadGguf("integrity.gguf_not", file=file.name)
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:4] != MAGIC:
            raise BadGguf("integrity.gguf_not", file=file.name)
        cursor = _Cursor(data, 4)
        version = cursor.number("I")
        if version not in VERSIONS:
            raise BadGguf("integrity.gguf_version", file=file.name, version=version)
        try:
            return _read(cursor, version)
        except (struct.error, IndexError, ValueError, TypeError, OverflowError, ZeroDivisionError) as error:
            raise BadGguf("integrity.gguf_header", file=file.name, size=size) from error


def _read(cursor: "_Cursor", version: int) -> GgufHeader:
    tensors, pairs = cursor.number("Q"), cursor.number("Q")
    values: dict[str, Any] = {}
    for _ in range(pairs):
        key, kind = cursor.string(), cursor.number("I")
        value = cursor.value(kind)
        if kind != _ARRAY:
            values[key] = value
    described = [_tensor(cursor) for _ in range(tensors)]
    alignment = int(values.get("general.alignment", _DEFAULT_ALIGNMENT))
    start = math.ceil(cursor.at / alignment) * alignment
    sizes: Counter[str] = Counter()
    for name, count, _offset in described:
        sizes[name] += count
    end = max((offset + count for _name, count, offset in described), default=0)
    return GgufHeader(version, values, tensors, dict(sizes), start + end)


def _tensor(cursor: "_Cursor") -> tuple[str, int, int]:
    """(type name, bytes, offset); 0 bytes where the type is unknown here."""
    cursor.string()
    shape = [cursor.number("Q") for _ in range(cursor.number("I"))]
    kind, offset = cursor.number("I"), cursor.number("Q")
    name, block, width = TENSOR_TYPES.get(kind, (f"type {kind}", 1, 0))
    return name, math.prod(shape) // block * width, offset


class _Cursor:
    """Reads little-endian values one after the other; struct.error or IndexError at the end of the file."""

    def __init__(self, data: mmap.mmap, at: int) -> None:
        self._data = data
        self.at = at

    def number(self, code: str) -> Any:
        (value,) = struct.unpack_from(f"<{code}", self._data, self.at)
        self.at += struct.calcsize(f"<{code}")
        return value

    def string(self) -> str:
        length = self.number("Q")
        end = self._past(length)
        text = self._data[end - length : end].decode("utf-8")
        return str(text)

    def value(self, kind: int) -> Any:
        """The value; None for an array, which is only passed over: a vocabulary is hundreds of thousands of them."""
        if kind == _STRING:
            return self.string()
        if kind != _ARRAY:
            if kind not in _SCALARS:
                raise IndexError(kind)
            return self.number(_SCALARS[kind])
        inner, count = self.number("I"), self.number("Q")
        if inner == _STRING:
            at, data, length = self.at, self._data, _LENGTH.unpack_from
            for _ in range(count):  # by hand: hundreds of thousands of them, in every file of a list
                at += 8 + length(data, at)[0]
            self.at = at
            self._past(0)
        elif inner in _SCALARS:
            self._past(count * struct.calcsize(_SCALARS[inner]))
        else:  # arrays of arrays are allowed by the format and written by nobody
            raise IndexError(inner)
        return None

    def _past(self, count: int) -> int:
        self.at += count
        if self.at > len(self._data):
            raise IndexError(self.at)
        return self.at
