"""The clock of fixed work: a stamp for each step on the host, and what follows from a run's stamps."""

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from transformers.generation.streamers import BaseStreamer

from workbench.probes.context import Context

Look = Callable[[float], None]  # called with the stamp of a step that has ended (time.perf_counter)


class Clock(BaseStreamer):  # type: ignore[misc]  # transformers ships no types
    """Stamps each step. `.stamps[0]` is the first new token; `.own_s` the thread time spent in here.

    `.tokens` counts the new tokens of a row with each stamp: several where a step's drafts were accepted.
    `.busy` is this thread's processor time (seconds): when the clock was made, then with each stamp.
    `look` is called with each stamp; it counts as time spent in here.
    """

    def __init__(self, context: Context, guard: Any, look: Look | None = None) -> None:
        self.context = context
        self._guard = guard
        self._look = look
        self._prompt_seen = False
        self.stamps: list[float] = []
        self.tokens: list[int] = []
        self.own_s = 0.0
        self.busy = [time.thread_time()]

    def put(self, tokens: torch.Tensor) -> None:
        now = time.perf_counter()
        began = time.thread_time()
        if self._prompt_seen:
            self.stamps.append(now)
            self.tokens.append(tokens.shape[1] if tokens.ndim > 1 else 1)  # [row, accepted], else [rows]
            self.busy.append(began)
            if len(self.stamps) == 1:
                self._guard.lift()
            if self._look:
                self._look(now)
            self.context.check()
        self._prompt_seen = True
        self.own_s += time.thread_time() - began

    def end(self) -> None:
        """Nothing is held back."""


class Sample:
    """One run: its stamps and what follows from them.

    Tokens that come with the first stamp were paid for by TTFT, so that the decode rate counts those after it: with
    speculation they may be several. A gap lies between two steps, as their reader sees them.
    """

    def __init__(self, began: float, clock: Clock, sequences: torch.Tensor, prompt_tokens: int) -> None:
        batch_size = sequences.shape[0]
        self.token_ids: tuple[int, ...] = tuple(sequences[0, prompt_tokens:].tolist())
        self.began_s = began  # time.perf_counter
        self.ttft_s = clock.stamps[0] - began
        self.e2e_s = clock.stamps[-1] - began
        self.gaps = [later - earlier for earlier, later in pairwise(clock.stamps)]
        self.busy_s = [later - earlier for earlier, later in pairwise(clock.busy)]  # of each step, the first's too
        self.decode_tokens = sum(clock.tokens[1:])
        self.tpot_s = (self.e2e_s - self.ttft_s) / self.decode_tokens
        self.decode_tps = batch_size / self.tpot_s
        self.prefill_tps = batch_size * prompt_tokens / self.ttft_s
        self.own_share = clock.own_s / self.e2e_s
