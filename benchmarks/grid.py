"""Attention × cache × compile × threads × dtype on the demo model, against a fair base line."""

from itertools import product

from benchmarks.record import Outcome, Row
from workbench import Config, Session, Workload
from workbench.stats import ratio_interval

QUESTION = "each configuration ÷ the best of transformers' own loop with a dynamic cache here; paired by round"
WORK = Workload(prompt_tokens=256, new_tokens=32)
DTYPES = ("float32", "bfloat16")
THREADS = (1, 2)
PLAIN = [
    {"threads": threads, "attention": attention, "cache": cache}
    for threads, attention, cache in product(THREADS, ("eager", "sdpa"), ("dynamic", "static"))
]
# no more than an engine keeps compiled loops: with one more each round would compile anew
COMPILED = [
    {"threads": threads, "attention": "sdpa", "compile": mode}
    for threads, mode in ((1, "default"), (1, "max-autotune"), (2, "default"))
]
_ROUNDS = 4
_EACH_S = 3.0
METRICS = {"decode": "decode_tps", "prefill": "prefill_tps"}


def run(_budget_s: float) -> Outcome:
    """Every configuration once a round, in turning order, so that whatever drifts meets all alike.

    The base line of a metric is the uncompiled configuration with a dynamic cache that was best at it over all rounds:
    the better dtype, thread count and attention. Being picked as the best, it is flattered rather than wronged.
    """
    configs = [(dtype, way) for dtype in DTYPES for way in (*PLAIN, *COMPILED)]
    names = [_name(dtype, way) for dtype, way in configs]
    samples: dict[str, list[float]] = {f"{name} {metric}": [] for name in names for metric in METRICS}
    first_call: dict[str, float] = {}
    busy = 0.0
    sessions = {dtype: Session("demo", config=Config(dtype=dtype), when_busy="beside") for dtype in DTYPES}
    try:
        for turn in range(_ROUNDS):
            order = list(zip(names, configs, strict=True))
            for name, (dtype, way) in reversed(order) if turn % 2 else order:
                session = sessions[dtype]
                session.apply(Config(dtype=dtype, **way))
                found = session.measure(WORK, budget_s=_EACH_S)
                busy = max(busy, found.cpu_busy_elsewhere or 0.0)
                first_call.setdefault(name, found.warm_up.first_call_s)
                for metric, key in METRICS.items():
                    samples[f"{name} {metric}"].append(getattr(found, key))
        model = sessions[DTYPES[0]].facts.name
    finally:
        for session in sessions.values():
            session.close()
    rows: list[Row] = []
    for metric in METRICS:
        base = max(
            (_name(dtype, way) for dtype in DTYPES for way in PLAIN if way["cache"] == "dynamic"),
            key=lambda name: sum(samples[f"{name} {metric}"]),
        )
        rows.append(Row(f"{metric}, base line: {base}", _mean(samples[f"{base} {metric}"]), "tok/s"))
        for name in names:
            pairs = list(zip(samples[f"{base} {metric}"], samples[f"{name} {metric}"], strict=True))
            ratio, bounds = ratio_interval(pairs)
            if name != base:
                rows.append(Row(f"{metric}, {name}", ratio, "×", bounds))
    rows += [Row(f"first call, {name}", first_call[name], "s") for name in names if "compile" in name]
    conditions = {
        "model": model,
        "prompt": WORK.prompt_tokens,
        "new": WORK.new_tokens,
        "rounds": _ROUNDS,
        "cores busy elsewhere, at most": round(busy, 2),
    }
    return Outcome("grid", QUESTION, tuple(rows), conditions, samples)


def _name(dtype: str, way: dict[str, object]) -> str:
    threads = f"{way['threads']} thread{'s' if way['threads'] != 1 else ''}"
    loop = f"compile {way['compile']}" if "compile" in way else f"{way['cache']} cache"
    return f"{dtype}, {threads}, {way['attention']}, {loop}"


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
