"""Weights that are quantised in their files: recognised before anything is loaded, taken as they are, or refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from transformers.quantizers import AutoQuantizationConfig

from workbench.catalog.integrity import read_json
from workbench.catalog.quantized import Made, Stated, copies, lacking, made_in, stated
from workbench.catalog.sources import Source
from workbench.config import Config
from workbench.engine.quantizing import fp8
from workbench.errors import CapabilityError, ModelError
from workbench.knobs.formats import FORMATS, quantizes
from workbench.words import Message, say, text


@dataclass(frozen=True)
class Files:
    """The files that a configuration loads.

    location  what `from_pretrained` takes: the model's own, or that of a copy made here
    stated    what they are quantised to; None: in full
    made      where they were made here
    """

    location: str
    stated: Stated | None = None
    made: Made | None = None

    @classmethod
    def of(cls, source: Source, config: Config, own: Stated | None, device: torch.device) -> Self:
        """The files of `source` that fit `config`; `own`: what the config.json of `source` states.

        CapabilityError or ModelError, before anything is loaded, when there are none.
        """
        asked = config.quantization
        if own is not None:
            _check(own, asked, source.label, device)
            made = made_in(source.path) if source.path else None
            return cls(source.location, own, made)
        chosen = FORMATS.get(asked)
        if chosen is None or not chosen.calibrated:
            return cls(source.location)
        made = _copy(source, config)
        config_file = read_json(made.folder / "config.json", made.folder.name)
        found = stated(config_file)
        assert found is not None, "it was made quantised"
        _check_packages(found, made.folder.name)
        return cls(str(made.folder), found, made)

    def arguments(self, config: Config) -> dict[str, Any]:
        """What `from_pretrained` needs to load files that are quantised; nothing when they are taken as they are."""
        if self.stated is None or config.quantization != "none":
            return {}
        entry = {**self.stated.entry, "dequantize": True}
        return {"quantization_config": AutoQuantizationConfig.from_dict(entry)}

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Around `from_pretrained`."""
        size = self.stated.entry.get("weight_block_size") if self.stated and self.stated.method == "fp8" else None
        if not size:
            yield
            return
        with fp8.whole_blocks((int(size[0]), int(size[1]))):
            yield

    def settle(self, model: Any, asked: torch.dtype | None) -> None:
        """Gives what transformers did not dequantise the number format of the rest.

        transformers 5.23 loads only what was FP8 in the format that was asked for: the embedding and the norms stay in
        the files' own, and the first forward fails. Buffers, and what the class keeps in float32, are left.
        """
        if asked is None or self.stated is None or not self.stated.in_full or hasattr(model, "hf_quantizer"):
            return
        kept = {*(model._keep_in_fp32_modules or ()), *(model._keep_in_fp32_modules_strict or ())}
        for name, parameter in model.named_parameters():
            if parameter.is_floating_point() and not kept & set(name.split(".")):
                parameter.data = parameter.data.to(asked)
        model.config.dtype = asked

    def why(self, config: Config, device: torch.device, dtype: torch.dtype) -> Message | None:
        """Why the weights in memory are not as the files are, where nobody asked for that."""
        undone = self.stated is not None and self.stated.method == "fp8" and not fp8.multiplies(device)
        if not undone or config.quantization == "none":
            return None
        return say("checkpoint.fp8_dequantized", dtype=str(dtype).removeprefix("torch."))


def _check(own: Stated, asked: str, name: str, device: torch.device) -> None:
    if quantizes(asked) and asked != own.word:
        raise CapabilityError("checkpoint.already", name=name, told=own.told, asked=asked)
    if asked == "none" and not own.in_full:
        raise CapabilityError("checkpoint.not_in_full", name=name, told=own.told, method=own.method)
    _check_packages(own, name)
    if own.method == "fp8" and asked != "none" and fp8.multiplies(device) and (command := fp8.kernels_command()):
        raise CapabilityError("checkpoint.fp8_kernels", name=name, told=own.told, command=command)


def _check_packages(found: Stated, name: str) -> None:
    missing = lacking(found.method)
    if missing:
        command = "pip install " + " ".join(missing)
        packages = ", ".join(package.partition("==")[0] for package in missing)
        raise CapabilityError(
            "checkpoint.needs_package", name=name, told=found.told, packages=packages, command=command
        )


def _copy(source: Source, config: Config) -> Made:
    asked = config.quantization
    if source.path is None or source.kind in ("gguf", "random") or source.gguf_file:
        raise ModelError("checkpoint.no_files", name=source.label, asked=asked)
    size = None if config.group_size == "auto" else int(config.group_size)
    found = copies(Path(source.path), asked, size)
    if not found:
        command = f"workbench quantize {source.name} --method {asked}" + (f" --group-size {size}" if size else "")
        group = text("checkpoint.in_groups_of", size=size) if size else ""
        raise CapabilityError("checkpoint.no_copy", asked=asked, name=source.label, group=group, command=command)
    return found[0]
