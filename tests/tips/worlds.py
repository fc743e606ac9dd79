"""Other worlds for the experiments of the tips, built for real in this process: models, classes, machines.

Each is a context manager around an open inline session, or a folder with a model; afterwards all is as it was.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_pre_hook
from transformers import AutoModelForCausalLM, AutoTokenizer, CompileConfig

from workbench.session import Session

DENSE = "random:deepseek-llm-7b-base?scale=tiny"
_QUADRATIC_S = 0.6  # of a pass over 512 tokens; a quarter of it for half as many
_STEP_S = 0.03


@contextmanager
def _set(owner: Any, name: str, value: Any) -> Iterator[None]:
    there = vars(owner).get(name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        delattr(owner, name) if there is None else setattr(owner, name, there)


@contextmanager
def _with_modules(session: Session) -> Iterator[None]:
    """A convolution and a memory of LSTMs stand in the model."""
    session.model.add_module("memory", torch.nn.LSTM(8, 8))
    session.model.add_module("mixing", torch.nn.Conv1d(4, 4, 2))
    try:
        yield
    finally:
        del session.model.memory, session.model.mixing


@contextmanager
def _compiles(session: Session) -> Iterator[None]:
    """Its generation_config asks for a compilation on every device, as a GPU has it by itself."""
    asked = CompileConfig(backend="eager", fullgraph=False, dynamic=False)
    asked._compile_all_devices = True
    session.model.generation_config.compile_config = asked
    try:
        yield
    finally:
        session.model.generation_config.compile_config = None


def _row_by_row(session: Session) -> AbstractContextManager[None]:
    """Its class takes a batch one row at a time where it is told of no pad token."""
    kind = type(session.model)
    inner = kind.generate

    def generate(self: Any, input_ids: Any, attention_mask: Any, **options: Any) -> Any:
        if options.get("pad_token_id", 0) is not None:
            return inner(self, input_ids=input_ids, attention_mask=attention_mask, **options)
        rows = zip(input_ids.split(1), attention_mask.split(1), strict=True)
        return torch.cat([inner(self, input_ids=row, attention_mask=mask, **options) for row, mask in rows])

    return _set(kind, "generate", generate)


@contextmanager
def _minds_masks(session: Session) -> Iterator[None]:
    """Its class counts positions otherwise where a mask is given, and computes each pass several times."""
    kind = type(session.model)
    generate, forward = kind.generate, kind.forward
    given = False

    def asked(self: Any, *positional: Any, **named: Any) -> Any:
        nonlocal given
        given = named.get("attention_mask") is not None
        try:
            return generate(self, *positional, **named)
        finally:
            given = False

    def passed(self: Any, input_ids: Any = None, past_key_values: Any = None, **named: Any) -> Any:
        if given:
            for _again in range(12):
                forward(self, input_ids=input_ids, use_cache=False)
            start = past_key_values.get_seq_length()
            named["position_ids"] = 97 * torch.arange(start, start + input_ids.shape[1])[None]
        return forward(self, input_ids=input_ids, past_key_values=past_key_values, **named)

    with _set(kind, "generate", asked), _set(kind, "forward", passed):
        yield


@contextmanager
def _each_pass(before: Callable[[Any, Any], float]) -> Iterator[None]:
    """Every pass waits so many seconds, given the model and its input ids; of models that are loaded later as well."""

    def wait(module: Any, inputs: Any, named: Any) -> None:
        if type(module).__name__.endswith("ForCausalLM"):
            ids = named.get("input_ids", inputs[0] if inputs else None)
            time.sleep(before(module, (ids, named)))

    hook = _pre_hook(wait)
    try:
        yield
    finally:
        hook.remove()
