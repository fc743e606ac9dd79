"""How fast the demo model gets on this processor at a mean KLD of at most 0.05, with its limits and llama.cpp beside.

Everything runs in turns in one run: fair base lines (transformers' own loop with a dynamic cache, either dtype and
attention, each thread count), the candidates, and llama.cpp on the GGUF that the demo was made from (4 bits, Q4_1), in
an environment of its own (`python -m benchmarks.peers llama`). A base line or a winner is picked per metric by its mean
over all rounds; base lines are picked as the best of several, and so flattered rather than wronged.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from typing import Any

from benchmarks import peers
from benchmarks.record import Outcome, Row
from workbench import Config, Session, Workload
from workbench.engine.demo import gguf_file
from workbench.stats import ratio_interval

QUESTION = "best configuration of the demo ÷ fair base line at mean KLD ≤ 0.05, and ÷ llama.cpp; paired by round"
WORK = Workload(prompt_tokens=256, new_tokens=64)
THREADS = (1, 2)
# Threads that wait actively start sooner: without that two are slower than one here, and no fair base line.
WAITING = {1: "passive", 2: "active"}
PLAIN = [
    {"dtype": dtype, "threads": threads, "waiting": WAITING[threads], "attention": attention}
    for dtype, threads, attention in product(("float32", "bfloat16"), THREADS, ("eager", "sdpa"))
]
# int8 activations and weights take oneDNN's products; the rest is faster in float32 than in 16 bits beside them. The
# cache is as long as the work: what is beyond would be read for nothing. What an int8 head costs in quality the value
# projections, the most sensitive layers by `session.sensitivity()` and small here, give back in full.
INT8 = {"dtype": "float32", "compile": "max-autotune", "quantization": "torchao-int8-dynamic"}
INT8 |= {"cache_length": WORK.prompt_tokens + WORK.new_tokens}
HEAD = {**INT8, "quantize_head": True, "skip_modules": ("self_attn.v_proj",)}
FAST = [
    {**INT8, "threads": 2, "waiting": "active", "attention": "eager"},
    *({**HEAD, "threads": threads, "waiting": WAITING[threads], "attention": "eager"} for threads in THREADS),
    {**HEAD, "threads": 2, "waiting": "active", "attention": "sdpa"},
]
METRICS = {"decode": "decode_tps", "prefill": "prefill_tps", "256 + 64 tokens": "e2e_s"}
LEAST_GAIN = 3.0
MOST_KLD = 0.05
_ROUNDS = 5
_EACH_S = 3.0
_SETTLED_S = 0.5  # after it the threads of whoever ran before, which wait actively, sleep
Way = dict[str, Any]


def run(_budget_s: float) -> Outcome:
    """Every way once a round, in turning order, so that whatever drifts meets all alike."""
    file = gguf_file()
    with ExitStack() as stack:
        llama = stack.enter_context(_llama(str(file)))
        sessions = {
            load: stack.enter_context(Session("demo", config=Config(**dict(load)), when_busy="beside"))
            for load in dict.fromkeys(map(_load, (*PLAIN, *FAST)))
        }
        ways: dict[str, Callable[[], dict[str, float]]] = {}
        for way in (*PLAIN, *FAST):
            ways[_name(way)] = _measured(sessions[_load(way)], way)
        for threads in THREADS:
            ways[f"llama.cpp, {threads} thread{'s' if threads > 1 else ''}"] = _asked(llama, threads)
        samples: dict[str, list[float]] = {f"{name} {metric}": [] for name in ways for metric in METRICS}
        for turn in range(_ROUNDS):
            for name in reversed(ways) if turn % 2 else ways:
                time.sleep(_SETTLED_S)
                found = ways[name]()
                for metric, key in METRICS.items():
                    samples[f"{name} {metric}"].append(found[key])
        rows = _rows(samples, list(ways))
        best = next(way for way in FAST if _name(way) == _best(samples, [_name(each) for each in FAST], "decode"))
        session = sessions[_load(best)]
        rows += _of_the_best(session, best)
        conditions = {
            "model": session.facts.name,
            "processor": session.machine.label,
            "prompt": WORK.prompt_tokens,
            "new": WORK.new_tokens,
            "rounds": _ROUNDS,
            "llama-cpp-python": llama.version,
            "suite of the KLD": "default, against float32",
        }
    return Outcome("best", QUESTION, tuple(rows), conditions, samples)


def _rows(samples: dict[str, list[float]], names: list[str]) -> list[Row]:
    rows: list[Row] = []
    plain, fast = [_name(way) for way in PLAIN], [_name(way) for way in FAST]
    others = [name for name in names if name.startswith("llama.cpp")]
    for metric in METRICS:
        unit = "s" if metric not in ("decode", "prefill") else "tok/s"
        base, other = _best(samples, plain, metric), _best(samples, others, metric)
        best = _best(samples, fast if metric == "decode" else (*plain, *fast), metric)
        rows += [
            Row(f"{metric}, {what}: {name}", _mean(samples[f"{name} {metric}"]), unit)
            for what, name in (("fair base line", base), ("best", best), ("other", other))
        ]
        for what, against in (("fair base line", base), (other, other)):
            pairs = list(zip(samples[f"{against} {metric}"], samples[f"{best} {metric}"], strict=True))
            ratio, bounds = ratio_interval([(b, a) for a, b in pairs] if unit == "s" else pairs)
            rows.append(Row(f"{metric}, as fast as {what}, best ÷ it", ratio, "×", bounds))
            if (metric, against) == ("decode", base):
                low, high = bounds
                rows.append(
                    Row("decode, fair base line ÷ best", 1 / ratio, "×", (1 / high, 1 / low), limit=1 / LEAST_GAIN)
                )
    return rows


def _of_the_best(session: Session, best: Way) -> list[Row]:
    """Its quality, its floors, and where a decode step's time goes under the profiler."""
    session.apply(Config(**best))
    judged = session.quality()
    measured = session.measure(WORK, budget_s=4 * _EACH_S)
    limits = session.limits(WORK)
    traced = session.trace(WORK).decode
    rows = [Row("best: mean KLD", judged.kld_mean, "nats", judged.kld_mean_ci95, limit=MOST_KLD)]
    for phase, reached in (("decode", measured.decode_tps), ("prefill", measured.prefill_tps)):
        floors = getattr(limits, phase)
        if (most := floors.tps()) is not None and (bound := floors.binding) is not None:
            rows.append(Row(f"best: limit of {phase} ({bound.bound})", most, "tok/s"))
            rows.append(Row(f"best: {phase}, of its limit", 100 * reached / most, "%"))
    whole = sum(traced.per_step.values())
    rows += [
        Row(f"best: of a decode step, {category}", 100 * seconds / whole, "%")
        for category, seconds in sorted(traced.per_step.items(), key=lambda each: -each[1])
    ]
    return rows


def _measured(session: Session, way: Way) -> Callable[[], dict[str, float]]:
    def once() -> dict[str, float]:
        session.apply(Config(**way))
        found = session.measure(WORK, budget_s=_EACH_S)
        return {key: getattr(found, key) for key in METRICS.values()}

    return once


class _Llama:
    """llama.cpp in its process: a line out, a line in."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.version: str = self._read()["version"]

    def ask(self, threads: int) -> dict[str, float]:
        assert self._process.stdin is not None
        asked = {"threads": threads, "prompt": WORK.prompt_tokens, "new": WORK.new_tokens}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


@contextmanager
def _llama(file: str) -> Iterator[_Llama]:
    command = [peers.python_of("llama"), str(peers.HERE / "llama_runs.py"), file]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process: subprocess.Popen[str] = subprocess.Popen(command, env=peers.environment(), **pipes)
    try:
        yield _Llama(process)
    finally:
        process.communicate(timeout=60)  # the end of its input ends it


def _asked(llama: _Llama, threads: int) -> Callable[[], dict[str, float]]:
    def once() -> dict[str, float]:
        found = [llama.ask(threads) for _ in range(2)]  # as many runs as some seconds of a session hold
        return {key: _mean([each[key] for each in found]) for key in METRICS.values()}

    return once


def _load(way: Way) -> tuple[tuple[str, Any], ...]:
    knobs = ("dtype", "quantization", "quantize_head", "skip_modules", "waiting")
    return tuple((knob, way[knob]) for knob in knobs if knob in way)


def _best(samples: dict[str, list[float]], names: Any, metric: str) -> str:
    sign = -1 if METRICS[metric] == "e2e_s" else 1
    best: str = max(names, key=lambda name: sign * _mean(samples[f"{name} {metric}"]))
    return best


def _name(way: Way) -> str:
    threads = f"{way['threads']} thread{'s' if way['threads'] != 1 else ''}"
    head = ["int8 head, values in full"] if way.get("quantize_head") else []
    how = [*(["compiled"] if "compile" in way else []), *([way["attention"]] if "attention" in way else [])]
    return ", ".join([*(str(way[knob]) for knob in ("dtype", "quantization") if knob in way), *head, *how, threads])


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
