"""How long a decode-shaped pass takes for each thread count: `python -P -m workbench.probes.threads`.

A program of its own, because the OpenMP waiting policy is read once, when torch is first imported: `workbench.machine`
runs it in a fresh process for each policy. A pass is what one decode step of a small model asks of a CPU: matrix-vector
products that stream weights from memory, and between them the many small operations of norms, rotary embedding,
attention over a short past and residuals, each of which wakes or waits for every thread.

Prints one JSON document per setting: {"threads", "beside_busy", "seconds": [...], "busy_elsewhere"}.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

import torch

from workbench.probes.device.cpu import Neighbours

# SmolLM2-135M's shapes; 8 of its 30 layers and a quarter of its vocabulary: more than most caches hold, yet short
_LAYERS, _HIDDEN, _KV, _FFN, _VOCABULARY, _PAST = 8, 576, 192, 1536, 12288, 128
_LEAST_PASSES = 5

# keeps one core busy until its parent is gone or its time is over
_SPINNER = """
import os, sys, time
parent, end = os.getppid(), time.monotonic() + float(sys.argv[1])
while time.monotonic() < end and os.getppid() == parent:
    for _ in range(100000):
        pass
"""


class Pass:
    """One decode-shaped pass over weights made once. Values do not matter: dense arithmetic takes the same time."""

    def __init__(self, dtype: torch.dtype = torch.bfloat16) -> None:
        def weight(rows: int, columns: int) -> torch.Tensor:
            return torch.full((rows, columns), 1e-3, dtype=dtype)

        self._layers = [
            (
                weight(_HIDDEN, _HIDDEN),  # query
                weight(_KV, _HIDDEN),
                weight(_KV, _HIDDEN),
                weight(_HIDDEN, _HIDDEN),  # output
                weight(_FFN, _HIDDEN),  # gate
                weight(_FFN, _HIDDEN),  # up
                weight(_HIDDEN, _FFN),  # down
                torch.full((3, _PAST, 64), 1e-3, dtype=dtype),  # keys of the past: [kv heads, time, head]
                torch.full((3, _PAST, 64), 1e-3, dtype=dtype),
            )
            for _ in range(_LAYERS)
        ]
        self._head = weight(_VOCABULARY, _HIDDEN)
        self._scale = torch.ones(_HIDDEN, dtype=dtype)
        self._x = torch.ones(1, _HIDDEN, dtype=dtype)

    def __call__(self) -> float:
        """Seconds of one pass."""
        linear, attention = torch.nn.functional.linear, torch.nn.functional.scaled_dot_product_attention
        began = time.perf_counter()
        x = self._x
        for query, key, value, output, gate, up, down, keys, values in self._layers:
            h = self._norm(x)
            q = linear(h, query).view(3, 3, 64)  # [kv heads, query heads of each, head]
            q = q * 0.5 + torch.cat((-q[..., 32:], q[..., :32]), dim=-1) * 0.5
            k = torch.cat((keys, linear(h, key).view(3, 1, 64)), dim=1)
            v = torch.cat((values, linear(h, value).view(3, 1, 64)), dim=1)
            x = x + linear(attention(q, k, v).reshape(1, _HIDDEN), output)
            h = self._norm(x)
            x = x + linear(torch.nn.functional.silu(linear(h, gate)) * linear(h, up), down)
        int(linear(self._norm(x), self._head).argmax())
        return time.perf_counter() - began

    def _norm(self, x: torch.Tensor) -> torch.Tensor:
        wide = x.to(torch.float32)
        return self._scale * (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)).to(x.dtype)


def measure(counts: Sequence[int], budget_s: float, one_pass: Pass) -> dict[int, list[float]]:
    """Samples per thread count, rounds going forth and back over the counts, until the budget is spent.

    Each count's first pass after a change of count is thrown away: it pays for starting the threads.
    """
    samples: dict[int, list[float]] = {count: [] for count in counts}
    end = time.monotonic() + budget_s
    order = list(counts)
    while True:
        for count in order:
            torch.set_num_threads(count)
            one_pass()
            samples[count] += [one_pass(), one_pass(), one_pass()]
            enough = all(len(taken) >= _LEAST_PASSES for taken in samples.values())
            if enough and time.monotonic() > end:
                return samples
        order.reverse()


@contextmanager
def busy_process(seconds: float) -> Iterator[int]:
    """Another process that keeps one core busy; gone when the block ends, whatever happens. Gives its pid."""
    spinner = subprocess.Popen(
        [sys.executable, "-I", "-c", _SPINNER, str(seconds)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(0.1)  # until it spins
        yield spinner.pid
    finally:
        spinner.kill()
        spinner.wait()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -P -m workbench.probes.threads", description=__doc__)
    parser.add_argument("--counts", required=True, help="thread counts, separated by commas")
    parser.add_argument("--budget", type=float, default=2.0, help="seconds for each of the two rounds")
    options = parser.parse_args(arguments)
    counts = [int(count) for count in options.counts.split(",")]
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    with torch.inference_mode():
        one_pass = Pass()
        _report(out, counts, options.budget, one_pass, beside_busy=False)
        with busy_process(4 * options.budget + 10):
            _report(out, counts, options.budget, one_pass, beside_busy=True)


def _report(out: TextIO, counts: Sequence[int], budget_s: float, one_pass: Pass, *, beside_busy: bool) -> None:
    with Neighbours() as neighbours:
        samples = measure(counts, budget_s, one_pass)
    for count, seconds in samples.items():
        document = {
            "threads": count,
            "beside_busy": beside_busy,
            "seconds": seconds,
            "busy_elsewhere": neighbours.cores,
        }
        out.write(json.dumps(document) + "\n")
    out.flush()


if __name__ == "__main__":
    if hasattr(signal, "SIGINT"):
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends at once, without a traceback
    main()
