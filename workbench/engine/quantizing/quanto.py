"""quanto: int8 and int4 weights."""

import torch
from transformers import QuantoConfig

from workbench.config import Config
from workbench.engine.quantizing.library import Library


class Quanto(Library):
    def bring_in(self) -> None:
        from optimum.quanto import qint8  # noqa: F401

    def configuration(
        self, config: Config, device: torch.device, dtype: torch.dtype | None, kept: list[str], group: int | None
    ) -> QuantoConfig:
        return QuantoConfig(weights=config.quantization.removeprefix("quanto-"), modules_to_not_convert=kept)

    def layer(self, linear: torch.nn.Linear, config: Config, group: int | None) -> torch.nn.Module:
        from optimum.quanto import QLinear, qint4, qint8

        made: torch.nn.Module = QLinear.from_module(
            linear, weights=qint4 if config.quantization == "quanto-int4" else qint8
        )
        made.freeze()  # type: ignore[operator]
        return made
