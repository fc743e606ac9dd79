"""What a quality diff costs: seconds of the default suite on the demo, extra memory at a vocabulary of 100,000."""

from pathlib import Path

import psutil

from benchmarks.record import Outcome, Row
from workbench import Config, Session

QUESTION = "session.quality, default suite: seconds once its reference is on disk; extra memory at 100k vocabulary"
LIMIT_S, LIMIT_MIB = 60.0, 1024.0
# one layer of the real width with DeepSeek's own 102,400 tokens: what the suite adds does not depend on the layers
LARGE_VOCABULARY = "random:deepseek-llm-7b-base?layers=1"


def run(budget_s: float) -> Outcome:
    """The demo with nf4 weights against float32; then the vocabulary, whose reference is the model itself."""
    rows: list[Row] = []
    with Session("demo", config=Config(dtype="bfloat16", quantization="bnb-nf4")) as session:
        first = session.quality()
        seconds = [session.quality().seconds for _ in range(3 if budget_s >= 60 else 1)]
        conditions: dict[str, object] = {
            "model": session.facts.name,
            "suite": first.suite,
            "positions": first.overall.positions,
            "threads": session.resolved.threads,
        }
    middle = sorted(seconds)[len(seconds) // 2]
    rows += [
        Row("making the reference, once", first.reference_seconds, "s"),
        Row(f"default suite, median of {len(seconds)}", middle, "s", limit=LIMIT_S),
    ]
    extra, vocabulary, how = _extra_bytes()
    if extra is not None:
        rows.append(Row("extra memory at a large vocabulary", extra / 2**20, "MiB", limit=LIMIT_MIB))
    conditions |= {"large vocabulary": vocabulary, "extra memory": how}
    return Outcome("quality", QUESTION, tuple(rows), conditions, {"seconds": seconds})


def _extra_bytes() -> tuple[int | None, int, str]:
    """(peak of a fresh worker's memory over what it held before, tokens of the vocabulary, how it was read).

    The reference is made by another worker before: memory that was freed in this one would hide what is used anew.
    """
    config = Config(device="cpu", dtype="bfloat16", attention="eager")
    with Session(LARGE_VOCABULARY, config=config) as session:
        session.quality(reference=config)
    with Session(LARGE_VOCABULARY, config=config) as session:
        session.generate("The sea", max_new_tokens=2)  # brings in the weights and what libraries allocate once
        before = psutil.Process(session.pid).memory_info().rss
        status = Path(f"/proc/{session.pid}/status")
        try:
            Path(f"/proc/{session.pid}/clear_refs").write_text("5")  # proc(5): the peak from here on
        except OSError as error:
            return None, session.facts.vocab_size, f"not measured: {error.strerror}"
        session.quality(reference=config)
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024 - before, session.facts.vocab_size, "VmHWM of the worker, default suite"
