"""What each kind of KV cache holds, what it costs in speed, and how far its answers part, on the demo model."""

from typing import Any

from benchmarks.record import Outcome, Row
from workbench import Config, Session, Workload
from workbench.knobs import refusals

QUESTION = (
    "each KV cache ÷ the dynamic one: bytes at the end of a run, decode rate by pairs, KL along the cached decode"
)
WORK = Workload(prompt_tokens=512, new_tokens=32)
CACHES: tuple[dict[str, Any], ...] = (
    {"cache": "static"},
    {"cache": "quantized", "cache_backend": "fp8"},
    {"cache": "quantized", "cache_backend": "hqq", "cache_bits": 8},
    {"cache": "quantized", "cache_backend": "hqq", "cache_bits": 4},
    {"cache": "quantized", "cache_backend": "quanto", "cache_bits": 4},
    {"cache": "offloaded"},
)


def run(budget_s: float) -> Outcome:
    """Those that this machine can do; the others are named with their reasons in the conditions."""
    rows: list[Row] = []
    samples: dict[str, list[float]] = {}
    left_out = []
    base = Config(dtype="float32")
    with Session("demo", config=base) as session:
        plain = _held(session)
        rows.append(Row("dynamic: bytes", plain / 2**20, "MiB"))
        for knobs in CACHES:
            name = ", ".join(str(value) for value in knobs.values())
            refused = refusals(base.replace(**knobs), session.machine, session.facts)
            if refused:
                left_out.append(f"{name}: {next(iter(refused.values())).reason}")
                continue
            found = session.compare({}, knobs, WORK, precision=0.05, budget_s=budget_s / len(CACHES))
            alike = session.agreement({}, knobs, WORK)
            session.apply(**knobs)
            held = _held(session)
            session.apply(base)
            rows += [
                Row(f"{name}: bytes ÷ dynamic", held / plain, "×"),
                Row(f"{name}: decode ÷ dynamic", found.ratio["decode_tps"], "×", found.ci95["decode_tps"]),
                Row(f"{name}: mean KL of the decode steps", alike.decode.kl_mean, "nats"),
            ]
            samples[name] = [after / before for before, after in found.samples["decode_tps"]]
        conditions = {
            "model": session.facts.name,
            "dtype": base.dtype,
            "prompt": WORK.prompt_tokens,
            "threads": session.resolved.threads,
            "not here": "; ".join(left_out) or "none",
        }
    return Outcome("caches", QUESTION, tuple(rows), conditions, samples)


def _held(session: Session) -> int:
    return sum(session.measure(WORK, budget_s=5.0).kv_cache_bytes.values())
