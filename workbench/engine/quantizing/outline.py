"""What a model is made of, known before its weights are loaded: names and shapes of its linear layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from transformers import AutoModelForCausalLM
from transformers.quantizers.base import get_keys_to_not_convert

from workbench.errors import ConfigError
from workbench.knobs.module_names import covers, unknown


@dataclass(frozen=True)
class Linear:
    """One linear layer. `name`: its whole path; its weight is [rows, columns]."""

    name: str
    rows: int
    columns: int


@dataclass(frozen=True)
class Outline:
    """A model's modules.

    modules  whole paths of all of them
    linears  what the libraries can quantise
    tables   paths that transformers leaves in full whatever is asked: the head, what is tied to it, the last norm
    head     the output head; None for a model that has none
    """

    modules: tuple[str, ...]
    linears: tuple[Linear, ...]
    tables: frozenset[str]
    head: Linear | None

    @classmethod
    def of(cls, model: Any) -> Self:
        linears = {
            module: Linear(name, module.out_features, module.in_features)
            for name, module in model.named_modules()
            if type(module) is torch.nn.Linear
        }
        return cls(
            tuple(name for name, _ in model.named_modules() if name),
            tuple(linears.values()),
            frozenset(get_keys_to_not_convert(model)) | frozenset(model._keep_in_fp32_modules or ()),
            linears.get(model.get_output_embeddings()),
        )

    @classmethod
    def of_config(cls, config: Any) -> Self:
        """Of the model that a transformers config describes; no weight is allocated."""
        with torch.device("meta"):
            return cls.of(AutoModelForCausalLM.from_config(config, trust_remote_code=False))

    def named(self, asked: str | Sequence[str]) -> frozenset[str]:
        """The linear layers that the knob skip_modules names. ConfigError for a name that is none of this model's."""
        if isinstance(asked, str):
            return frozenset()
        for pattern, near in unknown(asked, self.modules).items():
            raise ConfigError("quantize.no_such_module", name=pattern, near=", ".join(near) or "-")
        return frozenset(one.name for one in self.linears if any(covers(pattern, one.name) for pattern in asked))
