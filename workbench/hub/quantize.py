"""`workbench quantize`: GPTQ and AWQ copies of a checkpoint, made once by gptqmodel in a process of its own.

`WORKBENCH_HOME/models/quantized/<name>-<method>-w<bits>-g<group>-<hash8>/` keeps the copy with a manifest of what it
was made from and what calibrated it. It opens like any local model, or by the knob quantization of its source.
"""

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.catalog.integrity import check_config, read_json
from workbench.catalog.local import local_model
from workbench.catalog.quantized import MANIFEST, SCHEMA, Made, identity, lacking, made_in, shelf, stated
from workbench.catalog.sources import DEMO_NAME, Source, demo_folder
from workbench.errors import CapabilityError, ConfigError, ModelError
from workbench.hub import prepare
from workbench.hub.calibration import Calibration, calibration
from workbench.hub.convert import checksum, locked
from workbench.hub.quantize_child import run_child
from workbench.machine.child import run_module
from workbench.probes.context import Context
from workbench.words import say

METHODS = {"gptq": (4, 8), "awq": (4,)}  # method -> bits that its kernels in gptqmodel 7.6 load everywhere
# fields of a config.json that tell of routed experts
_EXPERTS = ("n_routed_experts", "num_local_experts", "num_experts")
GROUPS = (16, 32, 64, 128, 256, 512, 1024)
_MARGIN_BYTES = 64 * 2**20
# taken from the source as they are: gptqmodel writes its own, with a pad token that it chose
_BESIDE = ("tokenizer", "special_tokens", "added_tokens", "vocab", "merges", "chat_template", "generation_config")
_PAPERS = ("LICENSE", "NOTICE")


@dataclass(frozen=True)
class Order:
    """What is to be made of which checkpoint."""

    folder: Path
    name: str
    method: str
    bits: int
    group_size: int
    text: Calibration

    @property
    def target(self) -> Path:
        """Another text makes another copy."""
        short = self.name.rpartition("/")[2]
        key = f"{identity(self.folder)[:8]}{self.text.hash[:4]}"
        return shelf() / f"{short}-{self.method}-w{self.bits}-g{self.group_size}-{key}"


def quantize(
    model: str = "demo",
    method: str = "gptq",
    *,
    bits: int = 4,
    group_size: int = 64,
    calibration_text: str | Path | None = None,
    revision: str | None = None,
    on_event: Callable[[str, Any], None] | None = None,
    context: Context | None = None,
) -> Made:
    """A GPTQ or AWQ copy of `model`; finds the one that was made before. Minutes to hours, by the model's size.

    calibration_text  a UTF-8 file, passages apart by empty lines; None: the workbench's own
    on_event          called with "phase" and "progress" events while it works

    ConfigError: method, bits or a group size that do not fit, a file that is no text. CapabilityError: gptqmodel is not
    installed. ModelError: a model that is quantised already or has no safetensors, too little text, no room. Stopped.
    """
    context = context or Context(on_event or (lambda _name, _data: None))
    _check_words(method, bits, group_size)
    text = calibration(Path(calibration_text).expanduser() if calibration_text else None)
    _check_packages(method)
    return make(_order(model, revision, method, bits, group_size, text, context), context)


def make(order: Order, context: Context) -> Made:
    """Makes the copy, or finds it. Two processes at once: one works, the other waits."""
    folder = order.target
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder, say("phase.waiting_for_quantize", name=order.name), context):
            found = made_in(folder)
            if found is None:
                context.enter(say("phase.quantizing", name=order.name, method=order.method))
                _make(order, folder, context)
                found = made_in(folder)
    except OSError as error:
        problem = f"{type(error).__name__}: {error.strerror or error}"
        raise ModelError("convert.not_writable", path=str(error.filename or folder), problem=problem) from error
    assert found is not None, "it was written a moment ago"
    return found


def _check_words(method: str, bits: int, group_size: int) -> None:
    if method not in METHODS:
        raise ConfigError("calibrate.method", method=method, methods=", ".join(METHODS))
    if bits not in METHODS[method]:
        known = ", ".join(str(each) for each in METHODS[method])
        raise ConfigError("calibrate.bits", method=method, bits=bits, known=known)
    if group_size not in GROUPS:
        raise ConfigError("calibrate.group", size=group_size, known=", ".join(str(each) for each in GROUPS))


def _check_packages(method: str) -> None:
    missing = lacking(method)
    if missing:
        raise CapabilityError("calibrate.needs_package", command="pip install " + " ".join(missing))


def _order(
    model: str, revision: str | None, method: str, bits: int, group_size: int, text: Calibration, context: Context
) -> Order:
    source = prepare(model, revision, context)
    folder = _demo() if source.kind == "demo" else source.path
    if folder is None or source.gguf_file or not any(folder.glob("*.safetensors")):
        raise ModelError("calibrate.no_files", name=source.label)
    config = check_config(folder, source.label)
    found = stated(config)
    if found is not None:
        raise ModelError("calibrate.quantized", name=source.label, told=found.told)
    if any(config.get(name) for name in _EXPERTS):
        raise ModelError("calibrate.experts", name=source.label)
    _check_rows(folder, source, group_size)
    return Order(folder, source.label, method, bits, group_size, text)


def _demo() -> Path:
    """The converted demo model; converted now in a process of its own, which needs torch, where it is not."""
    told = run_module("workbench.engine.demo", timeout_s=600.0)
    folder = demo_folder()
    if told.problem or folder is None:
        raise ModelError("calibrate.died", name=DEMO_NAME, problem=told.problem or "-")
    return folder


def _check_rows(folder: Path, source: Source, group_size: int) -> None:
    """gptqmodel asserts that groups divide the rows, after minutes; the headers say it now."""
    for name, (_dtype, shape, _bytes) in local_model(folder).tensors.items():
        if len(shape) == 2 and name.endswith("_proj.weight") and shape[1] % group_size:
            fitting = [size for size in GROUPS if not shape[1] % size]
            raise ConfigError(
                "calibrate.rows",
                size=group_size,
                name=source.label,
                tensor=name,
                row=shape[1],
                fitting=", ".join(str(size) for size in fitting) or "-",
            )


def _make(order: Order, folder: Path, context: Context) -> None:
    for stale in folder.parent.glob(f"{folder.name}.*.tmp"):  # of a killed run; we hold the lock
        shutil.rmtree(stale)
    weights = sum(file.stat().st_size for file in order.folder.glob("*.safetensors"))
    needed, free = 2 * weights + _MARGIN_BYTES, shutil.disk_usage(folder.parent).free
    if free < needed:  # the copy, and layers that gptqmodel moves to the disk meanwhile
        raise ModelError("calibrate.disk_full", path=str(folder.parent), needed=_mb(needed), free=_mb(free))
    began = time.monotonic()
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    scratch, made = unfinished / "scratch", unfinished / "model"
    scratch.mkdir(parents=True)
    try:
        passages = scratch / "passages.json"
        passages.write_text(json.dumps(order.text.passages), encoding="utf-8")
        arguments = [str(order.folder.resolve()), str(made), "--name", order.name, "--method", order.method]
        arguments += ["--bits", str(order.bits), "--group-size", str(order.group_size), "--passages", str(passages)]
        told = run_child(arguments, scratch, order.name, context)
        _settle(order, made)
        total, done, written = sum(path.stat().st_size for path in made.iterdir()), 0, {}
        for path in sorted(made.iterdir()):
            written[path.name], done = checksum(path, context, done, total)
        manifest = _manifest(order, told, written, time.monotonic() - began)
        (made / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")
        if folder.exists():  # damaged
            shutil.rmtree(folder)
        made.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _settle(order: Order, made: Path) -> None:
    """The source's own tokenizer and papers; what calibrated it in config.json; no paths of this machine."""
    for path in made.iterdir():
        if path.name.startswith(_BESIDE):
            path.unlink()
    for path in order.folder.iterdir():
        if path.is_file() and path.name.startswith((*_BESIDE, *_PAPERS)):
            shutil.copyfile(path, made / path.name)
    calibrated = {"workbench_calibration": _told(order.text), "workbench_calibration_marks": order.text.marks}
    for name, extra in (("config.json", calibrated), ("quantize_config.json", {})):
        document = {**read_json(made / name, order.name), **extra}
        document.pop("_name_or_path", None)
        meta = document.get("quantization_config", document).get("meta")
        if isinstance(meta, dict):
            meta.pop("offload_to_disk_path", None)
        (made / name).write_text(json.dumps(document, indent=2), encoding="utf-8")


def _told(text: Calibration) -> str:
    return f"{text.name}, {len(text.passages)} passages, {text.hash[:8]}"


def _manifest(order: Order, told: dict[str, Any], written: dict[str, Any], seconds: float) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "versions": told["versions"],
        "method": order.method,
        "bits": order.bits,
        "group_size": order.group_size,
        "calibration": {
            "name": order.text.name,
            "sha256": order.text.hash,
            "passages": len(order.text.passages),
            "tokens": told["tokens"],
            # inputs of the widest layer: from fewer tokens than that its Hessian is not of full rank
            "widest": told["widest"],
            "leaked": list(order.text.leaked),
        },
        "source": {"name": order.name, "identity": identity(order.folder)},
        "seconds": round(seconds, 1),
        "files": written,
    }


def _mb(count: int) -> int:
    return round(count / 1e6)
