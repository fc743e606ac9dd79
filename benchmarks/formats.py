"""Every number format that can be had here, on the demo model: bytes by count, load, speed by pairs, KLD by domain."""

from typing import Any

from benchmarks.record import Outcome, Row
from workbench import Config, Session, Workload, quantize
from workbench.knobs import refusals
from workbench.knobs.formats import FORMATS

QUESTION = "each quantisation against bfloat16: bytes, seconds of a load, decode and prefill by pairs, KLD by domain"
WORK = Workload(prompt_tokens=256, new_tokens=32)
BASE = Config(dtype="bfloat16")
CONFIGS = {
    "float16": BASE.replace(dtype="float16"),
    **{name: BASE.replace(quantization=name) for name in FORMATS},
    "bnb-nf4, double quantised": BASE.replace(quantization="bnb-nf4", bnb_double_quant=True),
}
_LOADS = 3  # of which the middle one is told


def run(budget_s: float) -> Outcome:
    """Those that this machine can do; the others are named with their reasons in the conditions."""
    rows: list[Row] = []
    samples: dict[str, list[float]] = {}
    left_out = []
    with Session("demo", config=BASE) as session:
        full = session.census().bytes
        rows += [Row("bfloat16: weights", full / 2**20, "MiB"), *_quality(session, "bfloat16")]
        for name, config in CONFIGS.items():
            refused = refusals(config, session.machine, session.facts)
            if refused:
                left_out.append(f"{name}: {next(iter(refused.values())).reason}")
                continue
            if name in FORMATS and FORMATS[name].calibrated:
                quantize("demo", name)  # finds the copy where there is one
            loads = sorted(_load(session, config) for _ in range(_LOADS))
            counted = session.census()
            rows += [
                Row(f"{name}: weights ÷ bfloat16", counted.bytes / full, "×"),
                Row(f"{name}: of the weights quantised", 100 * counted.quantized_share, "%"),
                Row(f"{name}: load", loads[_LOADS // 2], "s"),
                *_quality(session, name),
            ]
            session.apply(BASE)
            changes = {knob: new for knob, (_old, new) in BASE.diff(config).items()}
            found = session.compare({}, changes, WORK, precision=0.05, budget_s=budget_s / len(CONFIGS))
            for what, metric in (("decode", "decode_tps"), ("prefill", "prefill_tps")):
                rows.append(Row(f"{name}: {what} ÷ bfloat16", found.ratio[metric], "×", found.ci95.get(metric)))
                samples[f"{name} {metric}"] = [after / before for before, after in found.samples[metric]]
        conditions: dict[str, Any] = {
            "model": session.facts.name,
            "suite": "default, against float32 with eager attention",
            "prompt": WORK.prompt_tokens,
            "new": WORK.new_tokens,
            "threads": session.resolved.threads,
            "not here": "; ".join(left_out) or "none",
        }
    return Outcome("formats", QUESTION, tuple(rows), conditions, samples)


def _load(session: Session, config: Config) -> float:
    session.apply(BASE)
    return session.apply(config).seconds


def _quality(session: Session, name: str) -> list[Row]:
    """The default suite: overall, by domain, and along the cached decode path."""
    found = session.quality()
    rows = [
        Row(f"{name}: mean KLD", found.kld_mean, "nats", found.kld_mean_ci95),
        Row(f"{name}: same top token", 100 * found.same_top, "%"),
    ]
    rows += [Row(f"{name}: mean KLD, {each}", kept.kld.mean, "nats") for each, kept in found.by_domain.items()]
    if found.decode_path is not None:
        rows.append(Row(f"{name}: mean KLD along the decode path", found.decode_path.kld.mean, "nats"))
    return rows
