"""Weights quantised by the libraries' own config objects: one file a library, chosen by `workbench.knobs.formats`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import torch

from workbench.config import Config
from workbench.engine.quantizing import bnb
from workbench.engine.quantizing.fp8 import Fp8
from workbench.engine.quantizing.head import is_quantized, quantize_head
from workbench.engine.quantizing.hqq import Hqq
from workbench.engine.quantizing.library import Library
from workbench.engine.quantizing.outline import Outline
from workbench.engine.quantizing.quanto import Quanto
from workbench.engine.quantizing.torchao import TorchAo
from workbench.errors import CapabilityError
from workbench.knobs.formats import FORMATS
from workbench.words import Message, say

# by the package that makes a format; what gptqmodel makes is only ever read from files
_LIBRARIES: dict[str, Library] = {
    "bitsandbytes": bnb.BitsAndBytes(),
    "torchao": TorchAo(),
    "optimum-quanto": Quanto(),
    "hqq": Hqq(),
    "transformers": Fp8(),
}


def library(quantization: str) -> Library | None:
    """What makes the format that the knob calls so; None for one that quantises nothing here."""
    chosen = FORMATS.get(quantization)
    return _LIBRARIES.get(chosen.package) if chosen else None


@dataclass(frozen=True)
class Plan:
    """What will be quantised, and how; made before anything is loaded or dropped.

    kept       whole paths of the modules that stay in full
    group      weights of a row that share a scale, where the format has groups
    head       whether the output head is quantised too
    why        knob -> what the kernels here refuse, and so stays too
    arguments  for `from_pretrained`; empty where the library takes a model that is loaded
    """

    config: Config
    kept: tuple[str, ...]
    group: int | None
    head: bool
    why: dict[str, Message]
    arguments: dict[str, Any]

    @classmethod
    def of(
        cls, config: Config, outline: Callable[[], Outline], device: torch.device, dtype: torch.dtype | None
    ) -> Self | None:
        """None where nothing is to be quantised here.

        outline  of the model; only asked for when it is needed
        dtype    of the weights in full; None where the files do not say

        CapabilityError when the library is not installed or cannot do it here, ConfigError for a name in skip_modules
        that the model lacks.
        """
        maker = library(config.quantization)
        if maker is None:
            return None
        chosen = FORMATS[config.quantization]
        try:
            maker.bring_in()
        except ImportError as error:
            raise CapabilityError("quantize.no_package", package=chosen.package, problem=str(error)) from error
        maker.check(config, device, dtype)
        found = outline()
        refused = [one.name for one in found.linears if maker.refuses(config, one, device)]
        kept = tuple(sorted(found.tables | found.named(config.skip_modules) | set(refused)))
        group = None
        if chosen.grouped:
            group = chosen.group if config.group_size == "auto" else config.group_size
        arguments: dict[str, Any] = {}
        if not maker.in_place:
            arguments["quantization_config"] = maker.configuration(config, device, dtype, list(kept), group)
            arguments["device_map"] = {"": device}  # left out, the libraries take the first GPU
        why = {}
        if refused:
            why["skip_modules"] = say("quantize.kernels_refuse", count=len(refused), example=refused[0])
        head = bool(config.matters("quantize_head") and config.quantize_head)
        if head and (one := found.head) and (maker.refuses(config, one, device) or (group and one.columns % group)):
            head, why["quantize_head"] = False, say("quantize.head_refused", rows=one.rows, columns=one.columns)
        elif head and found.head is None:
            head, why["quantize_head"] = False, say("quantize.no_head")
        return cls(config, kept, group, head, why, arguments)

    def finish(self, model: Any) -> Any:
        """`model`, whose layers are quantised, with what the libraries' loaders leave in full and the config wants."""
        if self.head:
            maker = library(self.config.quantization)
            assert maker is not None, "a plan has a library"
            quantize_head(model, maker, self.config, self.group)
        return model

    def quantized(self, load: Callable[[], Any]) -> Any:
        """What `load` gives, in full, quantised: the road of weights that `from_pretrained` cannot read from files.

        At the most the full model and the quantised one are held together; with HQQ, the full one and one layer.
        """
        model = load()
        maker = library(self.config.quantization)
        assert maker is not None, "a plan has a library"
        maker.check(self.config, model.device, model.dtype)  # files that do not say their dtype have one now
        if maker.in_place:
            maker.quantize(model, self.config, frozenset(self.kept), self.group)
            return model
        kind, description, generation = type(model), model.config, model.generation_config
        dtype, attention = model.dtype, description._attn_implementation
        # From the CPU: on a GPU the two together may not fit.
        weights = {name: tensor.cpu() for name, tensor in model.state_dict().items()}
        del model
        made = kind.from_pretrained(
            None, config=description, state_dict=weights, dtype=dtype, attn_implementation=attention, **self.arguments
        )
        made.generation_config = generation
        return made.eval()


def set_live(model: Any, config: Config) -> None:
    """Puts the knobs of the resident format that can change without a load in force."""
    if config.matters("bnb_threshold"):
        bnb.set_threshold(model, config.bnb_threshold)


def settings(model: Any, quantization: str) -> tuple[dict[str, Any], dict[str, Message]]:
    """The knobs of the format `quantization` as the resident modules have them, and why where they were not heard."""
    maker = library(quantization)
    found, why = maker.settings(model) if maker else ({}, {})
    return ({**found, "quantize_head": is_quantized(model)} if maker else found), why
