"""Marks in a profile that tell what an addition or a copy is for: norm, rotary, attention, the forward pass itself.

They are put around the model's modules and around the functions its file calls, and are taken off again. Compiled code
is left alone: a hook or another function would make it compile once more.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

import torch
from torch.profiler import record_function
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from workbench.probes.trace_events import FORWARD, MARK

_NORM = re.compile(r"(RMS|Layer)_?Norm")
_ROTARY_MODULE = re.compile(r"Rotary")
_ROTARY_FUNCTION = re.compile(r"^apply_(\w+_)?rotary_")
_EAGER = "eager_attention_forward"


def mark(name: str) -> None:
    """A point in time."""
    with record_function(MARK + name):
        pass


@contextmanager
def marked(model: torch.nn.Module, implementation: str) -> Iterator[None]:
    """Within it the profiler sees what each part of `model` is; `implementation`: the attention in force."""
    with ExitStack() as stack:
        stack.enter_context(_module(model, FORWARD))
        for module in model.modules():
            kind = type(module).__name__
            if _NORM.search(kind):
                stack.enter_context(_module(module, "norm"))
            elif _ROTARY_MODULE.search(kind):
                stack.enter_context(_module(module, "rotary"))
        attention = f"attention[{implementation}]"
        if implementation in ALL_ATTENTION_FUNCTIONS:
            stack.enter_context(_registered(implementation, attention))
        files = {inspect.getmodule(type(module)) for module in model.modules()}
        for file in (found for found in files if found is not None):
            for name, function in list(vars(file).items()):
                if name == _EAGER and implementation == "eager":
                    stack.enter_context(_global(file, name, _wrapped(function, attention)))
                elif _ROTARY_FUNCTION.match(name) and callable(function):
                    stack.enter_context(_global(file, name, _wrapped(function, "rotary")))
        yield


@contextmanager
def _module(module: torch.nn.Module, word: str) -> Iterator[None]:
    open_marks: list[Any] = []

    def before(_module: Any, _arguments: Any) -> None:
        open_marks.append(record_function(MARK + word))
        open_marks[-1].__enter__()

    def after(*_anything: Any) -> None:
        open_marks.pop().__exit__(None, None, None)

    handles = (module.register_forward_pre_hook(before), module.register_forward_hook(after, always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _registered(implementation: str, word: str) -> Iterator[None]:
    """The registry's local layer is used: what is registered for everyone stays as it is."""
    local = ALL_ATTENTION_FUNCTIONS._local_mapping
    before = local.get(implementation)
    ALL_ATTENTION_FUNCTIONS[implementation] = _wrapped(ALL_ATTENTION_FUNCTIONS[implementation], word)
    try:
        yield
    finally:
        if before is None:
            del ALL_ATTENTION_FUNCTIONS[implementation]
        else:
            ALL_ATTENTION_FUNCTIONS[implementation] = before


@contextmanager
def _global(file: Any, name: str, function: Callable[..., Any]) -> Iterator[None]:
    before = getattr(file, name)
    setattr(file, name, function)
    try:
        yield
    finally:
        setattr(file, name, before)


def _wrapped(function: Callable[..., Any], word: str) -> Callable[..., Any]:
    @wraps(function)
    def marking(*arguments: Any, **options: Any) -> Any:
        with record_function(MARK + word):
            return function(*arguments, **options)

    return marking
