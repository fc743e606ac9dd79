"""Logits processors that a person hands to `generate`: functions, or import paths of what makes one."""

from collections.abc import Callable, Sequence
from importlib import import_module

import torch
from transformers import LogitsProcessor

from workbench.errors import ConfigError, WorkbenchError

# (input_ids [batch, time], logits [batch, vocabulary]) -> logits of the same shape
Process = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def processors(given: Sequence[Process | str]) -> list["Checked"]:
    """Each as `generate` takes it. ConfigError for an import path that leads to none."""
    return [Checked(made(each) if isinstance(each, str) else each, name_of(each)) for each in given]


def made(path: str) -> Process:
    """What the factory at "package.module:factory", called without arguments, returns."""
    module_name, _, factory_name = path.partition(":")
    try:
        module = import_module(module_name)
    except Exception as error:  # importing runs a person's code, which may raise anything
        raise ConfigError("processors.no_module", path=path, problem=_told(error)) from error
    factory = getattr(module, factory_name, None)
    if not callable(factory):
        raise ConfigError("processors.no_factory", path=path, module=module_name, name=factory_name)
    try:
        process = factory()
    except Exception as error:  # a person's code again
        raise ConfigError("processors.factory_failed", path=path, problem=_told(error)) from error
    if not callable(process):
        raise ConfigError("processors.not_callable", path=path, kind=type(process).__name__)
    found: Process = process
    return found


def name_of(process: Process | str) -> str:
    if isinstance(process, str):
        return process
    return str(getattr(process, "__qualname__", type(process).__qualname__))


class Checked(LogitsProcessor):  # type: ignore[misc]  # transformers ships no types
    """One of them, whose mistakes are told by its name instead of as an error of the sampler's."""

    def __init__(self, process: Process, name: str) -> None:
        self._process = process
        self.name = name

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        try:
            processed = self._process(input_ids, scores)
        except Exception as error:  # a person's code
            raise WorkbenchError("processors.failed", name=self.name, problem=_told(error)) from error
        if not isinstance(processed, torch.Tensor) or processed.shape != scores.shape:
            returned = list(processed.shape) if isinstance(processed, torch.Tensor) else type(processed).__name__
            raise WorkbenchError(
                "processors.wrong_shape", name=self.name, returned=str(returned), wanted=str(list(scores.shape))
            )
        # NaN fails this too; a row of −inf alone leaves no token to choose
        if not bool((processed.float().amax(dim=-1) > -torch.inf).all()):
            raise WorkbenchError("processors.nothing_left", name=self.name)
        return processed


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
