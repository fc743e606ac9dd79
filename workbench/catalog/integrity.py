"""Whether the files of a model are whole and belong together, told from their headers before anything is loaded."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from workbench.catalog import gguf
from workbench.catalog.architectures import known_types
from workbench.catalog.local import read_header
from workbench.errors import ModelError
from workbench.words import text

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLE_INDEX = "pytorch_model.bin.index.json"
# one of these holds the vocabulary (transformers' VOCAB_FILES_NAMES of the decoder-only families)
TOKENIZERS = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "tekken.json",
    "*.tiktoken",
    "sentencepiece.bpe.model",
)
_JSON = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
)
# what downloaders leave when they are cut off: huggingface_hub, browsers and wget, Chromium, modelscope
_LEFTOVERS = (
    "*.incomplete",
    ".cache/huggingface/download/**/*.incomplete",
    "*.part",
    "*.crdownload",
    "._____temp/**/*",
)
# files that a downloader keeps beside one that already has its full length: pattern -> program
_CONTROLS = {".aria2": "aria2", ".st": "axel"}
_LFS = b"version https://git-lfs.github.com/spec/"
_PAGE = re.compile(rb"\s*<(!doctype|html|head|\?xml)", re.IGNORECASE)
_SHARD = re.compile(r".+-(\d{5})-of-(\d{5})\.(safetensors|gguf|bin)")
_LAYER = re.compile(r"model\.layers\.(\d+)\.")
_EMBEDDING = "model.embed_tokens.weight"
_FLOATS = ("float64", "float32", "bfloat16", "float16")

Tensors = dict[str, tuple[str, tuple[int, ...], int]]


def check(folder: Path, gguf_file: str | None = None, *, name: str | None = None) -> None:
    """Nothing, when the model in `folder` can be loaded as far as its files tell. Reads headers only.

    name  what to call it in an error (default: the folder's own name)

    ModelError names the file, what is wrong with it, and the way out.
    """
    label = name or folder.resolve().name
    if gguf_file is not None:
        _check_gguf(folder / gguf_file, label)
        return
    config = check_config(folder, label)
    check_texts(folder, label)
    _check_tensors(_tensors(folder, config, label), config, label)


def check_config(folder: Path, name: str) -> dict[str, Any]:
    """config.json of `folder`. ModelError: absent, no config, or of an architecture that transformers does not know."""
    file = folder / "config.json"
    if not file.is_file():
        raise ModelError("integrity.no_config", name=name)
    config = read_json(file, name)
    kind = config.get("model_type")
    if not isinstance(kind, str):
        raise ModelError("model.damaged_config", path=name, problem="it names no model_type")
    known = known_types()
    if known is not None and kind not in known:
        code = "model.remote_code" if "auto_map" in config else "model.unknown_architecture"
        raise ModelError(code, name=name, **({} if "auto_map" in config else {"architecture": kind}))
    return config


def read_json(file: Path, name: str) -> dict[str, Any]:
    """The object in `file`. ModelError when it holds anything else."""
    sniff(file, name)
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise ModelError("integrity.not_json", file=file.name, name=name, problem=str(error)) from error
    if not isinstance(document, dict):
        problem = f"it holds {type(document).__name__}, not an object"
        raise ModelError("integrity.not_json", file=file.name, name=name, problem=problem)
    return document


def sniff(file: Path, name: str) -> None:
    """ModelError when `file` is empty, a web page, a Git LFS pointer, or still being written."""
    for suffix, program in _CONTROLS.items():
        control = file.with_name(file.name + suffix)
        if control.exists():
            raise ModelError(
                "integrity.still_written", file=file.name, name=name, control=control.name, program=program
            )
    with file.open("rb") as stream:
        begin = stream.read(256)
    for code, wrong in (
        ("integrity.empty", not begin),
        ("integrity.lfs_pointer", begin.startswith(_LFS)),
        ("integrity.web_page", bool(_PAGE.match(begin))),
    ):
        if wrong:
            raise ModelError(code, file=file.name, name=name)


def check_shards(folder: Path, index: Path, name: str) -> dict[str, str]:
    """tensor -> file of an index, every file there. ModelError otherwise."""
    document = read_json(index, name)
    placed = document.get("weight_map")
    if (
        not isinstance(placed, dict)
        or not placed
        or not all(isinstance(file, str) and Path(file).name == file for file in placed.values())
    ):
        raise ModelError("integrity.bad_index", file=index.name, name=name)
    missing = sorted({file for file in placed.values() if not (folder / file).is_file()})
    if missing:
        raise ModelError(
            "integrity.missing_shards",
            count=len(missing),
            name=name,
            files=_some(missing),
            index=index.name,
            leftovers=_leftovers(folder),
        )
    return placed


def check_texts(folder: Path, name: str) -> None:
    if not any(any(folder.glob(pattern)) for pattern in TOKENIZERS):
        raise ModelError("integrity.no_tokenizer", name=name, files=", ".join(TOKENIZERS))
    for file in _JSON:
        if (folder / file).is_file():
            read_json(folder / file, name)
    for pattern in TOKENIZERS:
        for found in folder.glob(pattern):
            sniff(found, name)


def _tensors(folder: Path, config: Mapping[str, Any], name: str) -> Tensors:
    """Every tensor that transformers would load, chosen by the rules of its own file search."""
    stated = config.get("transformers_weights")
    weights, index = folder / WEIGHTS, folder / INDEX
    if isinstance(stated, str):
        weights = index = folder / stated
    if weights.is_file() and weights.suffix == ".safetensors":
        return _header(weights, name)
    if index.is_file():
        return _sharded(folder, index, name)
    return _refuse_names(folder, name)


def _sharded(folder: Path, index: Path, name: str) -> Tensors:
    placed = check_shards(folder, index, name)
    headers = {file: _header(folder / file, name) for file in sorted(set(placed.values()))}
    absent = [tensor for tensor, file in placed.items() if tensor not in headers[file]]
    if absent:
        raise ModelError(
            "integrity.absent_tensor",
            file=placed[absent[0]],
            name=name,
            tensor=absent[0],
            index=index.name,
            count=len(absent),
        )
    merged: Tensors = {}
    holder: dict[str, str] = {}
    for file, tensors in headers.items():
        for tensor, entry in tensors.items():
            if merged.setdefault(tensor, entry) != entry:
                raise ModelError(
                    "integrity.two_downloads",
                    name=name,
                    files=f"{holder[tensor]}, {file}",
                    problem=text("integrity.same_tensor", tensor=tensor),
                )
            holder[tensor] = file
    return merged


def _header(file: Path, name: str) -> Tensors:
    sniff(file, name)
    try:
        return read_header(file)
    except ModelError as error:
        raise ModelError(
            "integrity.cut_off_shard",
            file=file.name,
            name=name,
            problem=error.params["problem"],
            leftovers=_leftovers(file.parent),
        ) from error


def _refuse_names(folder: Path, name: str) -> Tensors:
    """No file has the name that is looked for: what there is instead says why."""
    files = sorted(file.name for file in folder.glob("*.safetensors"))
    adapter = folder / "adapter_config.json"
    if adapter.is_file() and all(file.startswith("adapter_") for file in files):
        base = read_json(adapter, name).get("base_model_name_or_path") or "?"
        raise ModelError("integrity.adapter", name=name, file=adapter.name, base=base)
    shards = [shard for file in files if (shard := _SHARD.fullmatch(file))]
    totals = sorted({shard[2] for shard in shards})
    if len(totals) > 1:
        problem = text("integrity.shard_totals", totals=" / ".join(str(int(total)) for total in totals))
        names = [shard[0] for shard in shards]
        raise ModelError("integrity.two_downloads", name=name, files=_some(names), problem=problem)
    if shards:
        raise ModelError("integrity.no_index", name=name, index=INDEX, leftovers=_leftovers(folder))
    if files:
        raise ModelError("integrity.other_names", name=name, files=_some(files), wanted=f"{WEIGHTS}, {INDEX}")
    raise ModelError("model.no_weights", path=name)


def _check_tensors(tensors: Tensors, config: Mapping[str, Any], name: str) -> None:
    """Layers and the embedding against config.json, where both speak of them."""
    layers = config.get("num_hidden_layers")
    found = {int(match[1]) for tensor in tensors if (match := _LAYER.match(tensor))}
    if isinstance(layers, int) and found:
        lacking = sorted(set(range(layers)) - found)
        if lacking:
            raise ModelError("integrity.no_layers", name=name, count=len(lacking), layer=lacking[0], layers=layers)
    dtype, shape, _bytes = tensors.get(_EMBEDDING, ("", (), 0))
    expected = (config.get("vocab_size"), config.get("hidden_size"))
    if dtype in _FLOATS and None not in expected and shape != expected:
        sizes = (" × ".join(str(size) for size in one) for one in (shape, expected))
        raise ModelError("integrity.other_shape", name=name, tensor=_EMBEDDING, shape=next(sizes), expected=next(sizes))


def _check_gguf(file: Path, name: str) -> None:
    sniff(file, name)
    part = _SHARD.fullmatch(file.name)
    if part and int(part[2]) > 1:
        raise ModelError("integrity.gguf_parts", file=file.name, name=name, count=int(part[2]))
    try:
        header = gguf.read_header(file)
    except gguf.BadGguf as error:
        raise ModelError(error.code, name=name, **error.params) from error
    size = file.stat().st_size
    if size < header.needed_bytes:
        raise ModelError("integrity.gguf_cut_off", file=file.name, name=name, size=size, needed=header.needed_bytes)


def _leftovers(folder: Path) -> str:
    found = sorted({file.name for pattern in _LEFTOVERS for file in folder.glob(pattern) if file.is_file()})
    return text("integrity.leftovers", files=_some(found)) if found else ""


def _some(names: Iterable[str], shown: int = 3) -> str:
    given = list(names)
    return ", ".join(given[:shown]) + (", …" if len(given) > shown else "")
