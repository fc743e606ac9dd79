"""What one model on disk is, told from its configuration and headers: no torch, no weights, milliseconds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from workbench.catalog import LocalModel, gguf, integrity, quantized
from workbench.catalog.local import read_header
from workbench.catalog.sources import weights_in
from workbench.errors import ModelError
from workbench.results.inventory import Format
from workbench.words import say
from workbench.words.message import Message

_FORMATS: dict[str, Format] = {"directory": "safetensors", "gguf": "gguf", "pickle": "pickle"}
_PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt", "*.bin")
_GENERATES = ("ForCausalLM", "LMHeadModel", "LMHead")
# a GGUF file's own words for what a transformers config calls otherwise
_GGUF_FIELDS = {
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "vocab_size": "vocab_size",
}


@dataclass(frozen=True)
class Contents:
    """`shape`: what `workbench.forecast` can tell the size of; None where it cannot. The rest as in ModelEntry."""

    format: Format | None = None
    bytes: int | None = None
    dtype: str | None = None
    model_type: str | None = None
    model_class: str | None = None
    parameters: int | None = None
    quantization: str | None = None
    problem: Message | None = None
    shape: LocalModel | Mapping[str, Any] | None = None


def read_folder(folder: Path, name: str) -> Contents | None:
    """The model in `folder`, damaged or not; None when there is none. Never raises for what the files hold."""
    try:
        kind, file = weights_in(folder)
        if kind == "gguf":
            return read_gguf(folder / file, name)
        has_config = (folder / "config.json").is_file()
        if kind is None:
            return Contents(problem=say("model.no_weights", path=name)) if has_config else None
        if kind == "pickle" and not has_config:  # any program's data may have such a name
            return None
        return _described(folder, _FORMATS[kind], name)
    except OSError as error:
        return Contents(problem=say("inventory.unreadable", name=name, problem=error.strerror or str(error)))


def read_gguf(file: Path, name: str) -> Contents:
    """The model in a GGUF file, cut off or not."""
    try:
        integrity.check(file.parent, file.name, name=name)
        status = file.stat()
        header = _gguf_header(file, status.st_size, status.st_mtime_ns)
    except ModelError as error:
        return Contents(format="gguf", bytes=_bytes([file]), problem=say(error.code, **error.params))
    except OSError as error:
        return Contents(
            format="gguf", problem=say("inventory.unreadable", name=name, problem=error.strerror or str(error))
        )
    most = max(header.bytes_by_type, key=lambda kind: header.bytes_by_type[kind], default=None)
    parameters = _gguf_parameters(header)
    architecture = header.architecture
    values = {field: header.values.get(f"{architecture}.{key}") for field, key in _GGUF_FIELDS.items()}
    config = {
        "model_type": f"gguf-{architecture}",
        **{key: value for key, value in values.items() if value is not None},
    }
    # transformers unpacks a GGUF file into float32 unless a dtype is asked for
    shape = LocalModel(name, config, {"all": ("float32", (parameters,), 4 * parameters)}) if parameters else None
    return Contents(
        format="gguf",
        bytes=status.st_size,
        dtype=most,
        model_type=architecture,
        model_class=architecture,
        parameters=parameters or None,
        quantization=None if most in ("F32", "F16", "BF16") else most,
        shape=shape,
    )


def _described(folder: Path, kind: Format, name: str) -> Contents:
    """A folder with a config.json: what it says of itself first, so that a damaged one still shows what it is."""
    files = sorted(folder.glob("*.safetensors")) if kind == "safetensors" else _pickles(folder)
    found = Contents(format=kind, bytes=_bytes(files))
    try:
        config = integrity.check_config(folder, name)
        found = _of_config(found, config)
        if kind == "pickle":
            return replace(found, shape=None if found.quantization else config)
        index = folder / integrity.INDEX
        if index.is_file() and not (folder / integrity.WEIGHTS).is_file():
            placed = integrity.check_shards(folder, index, name)
            files = [folder / file for file in sorted(set(placed.values()))]
            found = replace(found, bytes=_bytes(files))
        tensors: dict[str, tuple[str, tuple[int, ...], int]] = {}
        for file in files:
            integrity.sniff(file, name)
            status = file.stat()
            tensors |= _safetensors_header(file, status.st_size, status.st_mtime_ns)
    except ModelError as error:
        return replace(found, problem=say(error.code, **error.params))
    local = LocalModel(name, config, tensors)
    if not tensors:
        return replace(found, problem=say("model.no_weights", path=name))
    return replace(
        found,
        dtype=local.checkpoint_dtype,
        parameters=None if found.quantization else sum(math.prod(shape) for _dtype, shape, _size in tensors.values()),
        problem=found.problem or _not_causal(found.model_class, name),
        shape=local,
    )


def _of_config(found: Contents, config: Mapping[str, Any]) -> Contents:
    classes = config.get("architectures")
    dtype = config.get("dtype") or config.get("torch_dtype")
    return replace(
        found,
        model_type=config["model_type"],
        model_class=classes[0] if isinstance(classes, list) and classes and isinstance(classes[0], str) else None,
        dtype=dtype if isinstance(dtype, str) else None,
        quantization=quantized.summary(config.get("quantization_config")),
    )


def _not_causal(model_class: str | None, name: str) -> Message | None:
    """Speech, pictures and embeddings lie in the same caches."""
    if model_class is None or any(word in model_class for word in _GENERATES):
        return None
    return say("model.not_causal", name=name, architecture=model_class)


def _pickles(folder: Path) -> list[Path]:
    return next((found for pattern in _PICKLES if (found := sorted(folder.glob(pattern)))), [])


def _bytes(files: list[Path]) -> int | None:
    """None when one of them is a link that leads nowhere."""
    try:
        return sum(file.stat().st_size for file in files)
    except OSError:
        return None


def _gguf_parameters(header: gguf.GgufHeader) -> int:
    """0 where a tensor's type is not known."""
    sizes = {name: (block, width) for name, block, width in gguf.TENSOR_TYPES.values()}
    if not set(header.bytes_by_type) <= set(sizes):
        return 0
    return sum(count // sizes[name][1] * sizes[name][0] for name, count in header.bytes_by_type.items())


# size and time are the key: a file that changed is read again, one that did not is not


@lru_cache(maxsize=4096)
def _safetensors_header(file: Path, _size: int, _mtime_ns: int) -> dict[str, tuple[str, tuple[int, ...], int]]:
    return read_header(file)


@lru_cache(maxsize=1024)
def _gguf_header(file: Path, _size: int, _mtime_ns: int) -> gguf.GgufHeader:
    return gguf.read_header(file)
