"""A store of 100,000 records, as weeks of sweeps leave it: opened, filtered, listed and grouped."""

import copy
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.record import Outcome, Row, median_row
from workbench import Config, Runs, Session, Workload
from workbench.results import recorded

QUESTION = "the run store with 100,000 measurements: opened anew and asked"
LIMIT_S = 1.0
RECORDS = 100_000
_AT_ONCE = 2_000
_TIMES = 9
_MODELS = 8
_ATTENTIONS = ("eager", "sdpa", "flash_attention_2", "flex_attention")
_DTYPES = ("float32", "bfloat16", "float16")
_CACHES = ("dynamic", "static")


def run(budget_s: float) -> Outcome:
    """One real measurement is taken; its document, with other knobs, models and numbers, becomes all the records."""
    with Session("demo", config=Config(threads=1), when_busy="beside") as session:
        measurement = session.measure(Workload(prompt_tokens=64, new_tokens=16), budget_s=min(budget_s / 4, 30))
        real = recorded(session.facts.name, session.machine, measurement, config=session.config)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.sqlite3"
        began = time.monotonic()
        with Runs(path) as runs:
            made = documents(real)
            for _ in range(RECORDS // _AT_ONCE):
                runs.add_all(document for document, _n in zip(made, range(_AT_ONCE), strict=False))
        filled_s = time.monotonic() - began
        taken = {what: [asked(path, ask) for _ in range(_TIMES)] for what, ask in ASKED.items()}
        with Runs(path) as runs:
            found = runs.count(kind="measurement", model="model-3", knobs=_KNOBS)
        size = path.stat().st_size
    return Outcome(
        "store",
        QUESTION,
        (
            *(row for what, samples in taken.items() for row in median_row(what, samples, LIMIT_S)),
            Row("one record", len(json.dumps(real)), "B"),
            Row("the file", size, "B"),
            Row("filling it", filled_s, "s"),
        ),
        {"records": RECORDS, "models": _MODELS, "found by model and knobs": found, "file": "in the page cache"},
        taken,
    )


def documents(real: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Endless; each a document of its own, so that nothing is shared by being the same text."""
    number = 0
    while True:
        made = copy.copy(real)
        knobs = {
            "attention": _ATTENTIONS[number % 4],
            "dtype": _DTYPES[number // 4 % 3],
            "cache": _CACHES[number // 12 % 2],
            "threads": 1 + number // 24 % 16,
        }
        rate = real["result"]["decode_tps"] * (1 + number % 1000 / 1000)
        made["model"] = f"model-{number // 384 % _MODELS}"
        made["config"] = {**real["config"], **knobs}
        made["result"] = {**real["result"], "decode_tps": rate}
        yield made
        number += 1


_KNOBS = {"attention": "sdpa", "dtype": ["float32", "bfloat16"]}
ASKED: dict[str, Callable[[Runs], Any]] = {
    "open, newest 100": lambda runs: runs.filter(),
    "open, kind + model + two knobs, newest 100": lambda runs: runs.filter(
        kind="measurement", model="model-3", knobs=_KNOBS
    ),
    "open, the same between two speeds": lambda runs: runs.filter(
        kind="measurement", model="model-3", knobs=_KNOBS, metrics={"decode_tps": (1, 10_000)}
    ),
    "open, count of one knob": lambda runs: runs.count(knobs={"attention": "eager"}),
    "open, best and median of decode by dtype": lambda runs: runs.group("dtype", "decode_tps", kind="measurement"),
}


def asked(path: Path, ask: Callable[[Runs], Any]) -> float:
    """Seconds from nothing open to the answer."""
    began = time.perf_counter()
    with Runs(path) as runs:
        ask(runs)
    return time.perf_counter() - began
