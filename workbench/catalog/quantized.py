"""Checkpoints whose files are quantised already, and the copies that were made here of others. Reads no weights."""

import hashlib
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.catalog.sources import weights_in
from workbench.home import home
from workbench.knobs.formats import DEQUANTIZED, FORMATS

MANIFEST = "workbench-quantization.json"
SCHEMA = "workbench.quantization/1"
_TORCHAO = {
    "Int8WeightOnlyConfig": "torchao-int8-weight",
    "Int8DynamicActivationInt8WeightConfig": "torchao-int8-dynamic",
    "Int4WeightOnlyConfig": "torchao-int4-weight",
    "Float8WeightOnlyConfig": "torchao-float8",
}
_SAMPLES, _SAMPLE_BYTES = 16, 65536
# distribution -> (module that transformers imports of it to load such files, what pip takes)
_CALIBRATED = {"gptqmodel": ("gptqmodel", "gptqmodel==7.6.0"), "optimum": ("optimum.gptq", "optimum")}
# transformers' method -> {module: distribution}
_NEEDS = {
    **{
        name: dict(_CALIBRATED[package] for package in (entry.package, *entry.beside))
        for name, entry in FORMATS.items()
        if entry.calibrated
    },
    "bitsandbytes": {"bitsandbytes": "bitsandbytes"},
    "torchao": {"torchao": "torchao"},
    "quanto": {"optimum.quanto": "optimum-quanto"},
    "hqq": {"hqq": "hqq"},
    "compressed-tensors": {"compressed_tensors": "compressed-tensors"},
}


@dataclass(frozen=True)
class Stated:
    """What a config.json says its weights are.

    method  transformers' quant_method: gptq, awq, fp8, bitsandbytes, compressed-tensors, …
    word    the knob's value for it; the method where the knob has none
    entry   the quantization_config itself
    """

    method: str
    word: str
    entry: Mapping[str, Any]

    @property
    def told(self) -> str:
        """In a few words: "gptq 4-bit"."""
        return summary(self.entry) or self.method

    @property
    def in_full(self) -> bool:
        """Whether transformers can load it in full."""
        return self.method in DEQUANTIZED


@dataclass(frozen=True)
class Made:
    """A copy that `workbench quantize` made. leaked: domains of the suites whose text is in the calibration text."""

    folder: Path
    method: str
    bits: int
    group_size: int
    calibrated_by: str
    leaked: tuple[str, ...]
    identity: str


def stated(config: Mapping[str, Any]) -> Stated | None:
    """What the fields of a config.json say; None where the weights are in full."""
    entry = config.get("quantization_config") or config.get("compression_config")
    if not isinstance(entry, Mapping):
        return None
    method = str(entry.get("quant_method") or ("bitsandbytes" if _bnb(entry) else "compressed-tensors"))
    return Stated(method, _word(method, entry), entry)


def summary(entry: Any) -> str | None:
    """A quantization_config in a few words: "gptq 4-bit", "bitsandbytes nf4", "fp8"; None when there is none."""
    if not isinstance(entry, Mapping):
        return None
    method = str(entry.get("quant_method") or entry.get("quant_type") or "unknown")
    if method == "bitsandbytes":
        bits = str(entry.get("bnb_4bit_quant_type") or "4-bit") if entry.get("load_in_4bit") else "8-bit"
        return f"{method} {bits}"
    bits_stated = entry.get("bits") or entry.get("w_bit") or entry.get("nbits")
    return f"{method} {bits_stated}-bit" if isinstance(bits_stated, int) else method


def _bnb(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("load_in_8bit") or entry.get("load_in_4bit"))


def _word(method: str, entry: Mapping[str, Any]) -> str:
    match method:
        case "bitsandbytes":
            return f"bnb-{entry.get('bnb_4bit_quant_type', 'fp4')}" if entry.get("load_in_4bit") else "bnb-int8"
        case "torchao":
            kind = entry.get("quant_type")
            inner = kind.get("default", kind) if isinstance(kind, Mapping) else kind
            name = str(inner.get("_type") if isinstance(inner, Mapping) else inner)
            return _TORCHAO.get(name, method)
        case "quanto" | "hqq":
            bits = str(entry.get("weights") or f"int{entry.get('nbits', '')}")
            return f"{method}-{bits}" if f"{method}-{bits}" in FORMATS else method
    return method


def lacking(method: str) -> list[str]:
    """The distributions that loading such files needs and that are not installed, as pip takes them."""
    return [package for module, package in _NEEDS.get(method, {}).items() if not _is_there(module)]


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it
        return False


def identity(folder: Path) -> str:
    """Tells this checkpoint from others without reading it whole: config.json; names, sizes, samples of its files."""
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for path in sorted(folder.glob("*.safetensors")):
        size = path.stat().st_size
        digest.update(json.dumps([path.name, size]).encode())
        with path.open("rb") as stream:
            for at in range(_SAMPLES):
                stream.seek(max(size - _SAMPLE_BYTES, 0) * at // (_SAMPLES - 1))
                digest.update(stream.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def shelf() -> Path:
    """Where the copies are kept."""
    return home() / "models" / "quantized"


def made_in(folder: Path) -> Made | None:
    """The copy in `folder`, when it is whole; None for any other checkpoint."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["schema"] != SCHEMA or any(
            (folder / name).stat().st_size != entry["bytes"] for name, entry in manifest["files"].items()
        ):
            return None
        return Made(
            folder,
            manifest["method"],
            manifest["bits"],
            manifest["group_size"],
            manifest["calibration"]["name"],
            tuple(manifest["calibration"]["leaked"]),
            manifest["source"]["identity"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none, or another's
        return None


def copies(source: Path, method: str, group_size: int | None = None) -> tuple[Made, ...]:
    """The 4-bit copies of the checkpoint in the folder `source`, the one made last first.

    group_size  only those; None: any
    """
    if weights_in(source)[0] != "directory" or not shelf().is_dir():
        return ()
    candidates = [found for folder in shelf().iterdir() if (found := made_in(folder)) and found.method == method]
    if not candidates:
        return ()
    wanted = identity(source)
    fitting = [
        one for one in candidates if one.identity == wanted and one.bits == 4 and group_size in (None, one.group_size)
    ]
    return tuple(sorted(fitting, key=lambda one: -(one.folder / MANIFEST).stat().st_mtime))
