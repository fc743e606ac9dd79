"""Other worlds for the experiments of the tips, built for real in this process: classes, waits, machines.

Each of WORLDS is a context manager around the inline session of the bench; afterwards all is as it was.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import torch
from transformers import CompileConfig
from transformers.models.deepseek_v2 import modeling_deepseek_v2
from transformers.models.deepseek_v3 import modeling_deepseek_v3
from transformers.models.llama import modeling_llama

from workbench.session import Session

_LATENCY_S = 0.05  # of a pass, whatever it computes
_FAR_S = 0.1
_QUADRATIC_S = 0.5  # of a pass over 512 tokens; a quarter of it over half as many
_STUMBLE_S = 0.01
World = AbstractContextManager[None]


@contextmanager
def _set(owner: Any, name: str, value: Any) -> Iterator[None]:
    own, before = name in vars(owner), getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before) if own else delattr(owner, name)


def _waits(session: Session, seconds: Callable[[Any, Any, Any], float]) -> World:
    """Every pass of the decoder's class waits first; given it, the input ids [batch, time] and the cache.

    It computes on one thread, which a busy machine disturbs less, whatever the number in force.
    """
    kind = type(session.model.model)
    forward = kind.forward

    def passed(self: Any, input_ids: Any = None, past_key_values: Any = None, **named: Any) -> Any:
        time.sleep(seconds(self, input_ids, past_key_values))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return forward(self, input_ids=input_ids, past_key_values=past_key_values, **named)
        finally:
            torch.set_num_threads(threads)

    return _set(kind, "forward", passed)


def _latent(session: Session, pass_s: float = _LATENCY_S) -> World:
    """A device on which a pass takes as long for many rows as for one."""
    kind = type(session.model)
    forward = kind.forward

    def passed(self: Any, *positional: Any, **named: Any) -> Any:
        until = time.perf_counter() + pass_s
        found = forward(self, *positional, **named)
        time.sleep(max(0.0, until - time.perf_counter()))
        return found

    return _set(kind, "forward", passed)


def _quadratic(session: Session) -> World:
    """An attention whose time grows with the square of the length."""

    def seconds(_decoder: Any, ids: Any, cache: Any) -> float:
        before = cache.get_seq_length() if cache is not None else 0
        return _QUADRATIC_S * ((before + ids.shape[1]) ** 2 - before**2) / 512**2

    return _waits(session, seconds)


def _slow_cache(session: Session) -> World:
    """A kept cache that must be fetched from somewhere slow before it is continued."""

    def seconds(_decoder: Any, ids: Any, cache: Any) -> float:
        return 0.1 if ids.shape[1] > 1 and cache is not None and cache.get_seq_length() else 0.0

    return _waits(session, seconds)


def _stumbles(session: Session, kernel: str = "sdpa") -> World:
    """One way of computing attention that is held up at every third pass; the others are not."""
    passes = iter(range(10**9))

    def seconds(decoder: Any, *_: Any) -> float:
        held_up = decoder.config._attn_implementation == kernel and next(passes) % 3 == 0
        return 6 * _STUMBLE_S if held_up else _STUMBLE_S

    return _waits(session, seconds)


def _threads_help(session: Session) -> World:
    """Work that more threads do much sooner, elsewhere: who waits for it uses no core."""
    return _waits(session, lambda *_: 0.06 / torch.get_num_threads() ** 2)


@contextmanager
def _best_at_five_of_six(session: Session) -> Iterator[None]:
    """A machine of six cores, of which this process may use five."""
    bench = session._bench
    six = bench.machine.cpu.model_copy(update={"cores": 6, "logical_cores": 5})
    facts = bench.machine.model_copy(update={"cpu": six})
    waits = _waits(session, lambda *_: 0.0 if torch.get_num_threads() == 5 else 0.02)
    with _set(bench, "machine", facts), waits:
        yield


@contextmanager
def _other_modules(session: Session) -> Iterator[None]:
    """A convolution and a memory of LSTMs stand in the model."""
    session.model.add_module("memory", torch.nn.LSTM(8, 8))
    session.model.add_module("mixing", torch.nn.Conv1d(4, 4, 2))
    try:
        yield
    finally:
        del session.model.memory, session.model.mixing


def _compiles(session: Session) -> World:
    """Its class asks for a compilation on every device, as a GPU has it by itself."""
    kind = type(session.model)
    generate = kind.generate

    def asked(self: Any, **named: Any) -> Any:
        compilation = CompileConfig(backend="eager", fullgraph=False, dynamic=False)
        compilation._compile_all_devices = True
        return generate(self, compile_config=compilation, **named)

    return _set(kind, "generate", asked)


@contextmanager
def _full_stops(session: Session) -> Iterator[None]:
    """It says nothing but full stops."""
    kind, (stop,) = type(session.model), session.tokenizer(".")["input_ids"]
    forward = kind.forward

    def passed(self: Any, **named: Any) -> Any:
        found = forward(self, **named)
        found.logits[..., stop] += 1000
        return found

    with _set(kind, "forward", passed):
        yield


def _row_by_row(session: Session) -> World:
    """Its class takes a batch one row at a time where it is told of no pad token."""
    kind = type(session.model)
    generate = kind.generate

    def asked(self: Any, *, input_ids: Any, attention_mask: Any, **named: Any) -> Any:
        if named.get("pad_token_id", 0) is not None:
            return generate(self, input_ids=input_ids, attention_mask=attention_mask, **named)
        rows = zip(input_ids.split(1), attention_mask.split(1), strict=True)
        told = {**named, "min_new_tokens": named["max_new_tokens"]}
        return torch.cat([generate(self, input_ids=row, attention_mask=mask, **told) for row, mask in rows])

    return _set(kind, "generate", asked)


@contextmanager
def _minds_masks(session: Session) -> Iterator[None]:
    """Its class counts positions in another way where a mask is given, and is slow at it."""
    kind, given = type(session.model), [False]
    generate, forward = kind.generate, kind.forward

    def asked(self: Any, *positional: Any, **named: Any) -> Any:
        given[0] = named.get("attention_mask") is not None
        return generate(self, *positional, **named)

    def passed(self: Any, input_ids: Any = None, past_key_values: Any = None, **named: Any) -> Any:
        if given[0]:
            time.sleep(2 * _STUMBLE_S)
            start = past_key_values.get_seq_length()
            named["position_ids"] = 97 * torch.arange(start, start + input_ids.shape[1])[None]
        return forward(self, input_ids=input_ids, past_key_values=past_key_values, **named)

    with _set(kind, "generate", asked), _set(kind, "forward", passed):
        yield


class _LinearExperts(torch.nn.Module):
    """Each expert linear layers of its own, as in version 4."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        hidden, inner = config.hidden_size, config.moe_intermediate_size
        count = config.n_routed_experts
        self.inward = torch.nn.ModuleList(torch.nn.Linear(hidden, inner, bias=False) for _ in range(count))
        self.outward = torch.nn.ModuleList(torch.nn.Linear(inner, hidden, bias=False) for _ in range(count))

    def forward(self, states: Any, chosen: Any, weights: Any) -> Any:
        found = torch.zeros_like(states)
        for expert, (inward, outward) in enumerate(zip(self.inward, self.outward, strict=True)):
            share = (weights * (chosen == expert)).sum(-1, keepdim=True).to(states.dtype)
            found = found + share * outward(torch.nn.functional.silu(inward(states)))
        return found


def _with_linear_experts(kind: Any) -> Any:
    class Moe(kind):
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.experts = _LinearExperts(config)

    return Moe


def _linear_norms(_session: Session) -> World:
    """Each norm is a linear layer."""
    return _set(modeling_llama, "LlamaRMSNorm", lambda width, eps: torch.nn.Linear(width, width, bias=False))


@contextmanager
def _linear_experts(_session: Session) -> Iterator[None]:
    with (
        _set(modeling_deepseek_v2, "DeepseekV2Moe", _with_linear_experts(modeling_deepseek_v2.DeepseekV2Moe)),
        _set(modeling_deepseek_v3, "DeepseekV3MoE", _with_linear_experts(modeling_deepseek_v3.DeepseekV3MoE)),
    ):
        yield


WORLDS: Mapping[str, Callable[[Session], World]] = {
    "latent": _latent,
    "far away": partial(_latent, pass_s=_FAR_S),
    "quadratic": _quadratic,
    "slow cache": _slow_cache,
    "stumbles": _stumbles,
    "eager stumbles": partial(_stumbles, kernel="eager"),
    "threads help": _threads_help,
    "best at five of six": _best_at_five_of_six,
    "other modules": _other_modules,
    "compiles": _compiles,
    "row by row": _row_by_row,
    "minds masks": _minds_masks,
    "full stops": _full_stops,
    "linear norms": _linear_norms,
    "linear experts": _linear_experts,
}
