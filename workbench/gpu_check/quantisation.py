"""Sections about quantisation: every format, its bytes and speed; FP8 files; what the formats do to the answers."""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from workbench.config import Config
from workbench.gpu_check.plan import Findings, Plan
from workbench.knobs.formats import FORMATS
from workbench.machine.child import run_module
from workbench.results import Workload
from workbench.session import Session

_MODELS = ("deepseek-llm-7b-base", "deepseek-v2-lite")  # dense; MLA with experts
_FORMATS = tuple(name for name, entry in FORMATS.items() if not entry.calibrated)  # the others need a copy made before
_HEADS = ("bnb-int8", "bnb-nf4", "torchao-int8-weight")  # tried with the output head in few bits as well
_JUDGED = ("bnb-int8", "bnb-nf4", "torchao-int8-weight", "torchao-int4-weight", "torchao-float8")
_WORK = Workload(prompt_tokens=64, new_tokens=16)


def quantised(plan: Plan) -> dict[str, Any]:
    """Each format on resident models: what is in force, bytes by count, speed; and FP8 files, kept and dequantised."""
    findings = Findings(plan)
    for model in [plan.model] if plan.model else plan.models(_MODELS):
        findings.each([(model, partial(_formats, findings, model))])
    findings.each([("FP8 files", partial(_fp8_files, findings))])
    return findings.to_dict()


def judged(plan: Plan) -> dict[str, Any]:
    """The short suite for formats on a model with real weights: KLD with its interval, same top token, by domain."""
    findings = Findings(plan)
    model = plan.model or "demo"
    base = Config(device=plan.device, dtype="bfloat16")
    with Session(model, config=base) as session:
        for name in ("none", *_JUDGED):
            config = base.replace(quantization=name)
            if findings.possible(config, session.facts, f"{model} {name}"):
                findings.each([(f"{model} {name}", partial(_judge, session, config))])
    return findings.to_dict()


def _formats(findings: Findings, model: str) -> None:
    plan = findings.plan
    base = Config(device=plan.device, dtype="bfloat16")
    with Session(model, config=base) as session:
        name = model.removeprefix("random:")
        findings.each([(f"{name} in full", partial(_measure, session, plan, base))])
        tried: list[dict[str, Any]] = [{"quantization": each} for each in _FORMATS]
        tried += [{"quantization": each, "quantize_head": True} for each in _HEADS]
        for values in tried:
            config, what = base.replace(**values), f"{name} {values['quantization']}{', head' * (len(values) > 1)}"
            if findings.possible(config, session.facts, what):
                findings.each([(what, partial(_measure, session, plan, config))])


def _measure(session: Session, plan: Plan, config: Config) -> dict[str, Any]:
    """Applies, decodes, counts; the count comes last because the first forward pass repacks some formats.

    forecast_to_peak  forecast ÷ measured: of the allocator's count on a GPU, of the whole process on a CPU
    """
    applied = session.apply(config)
    taken = session.measure(_WORK, precision=0.05, budget_s=min(plan.budget_s / 4, plan.left_s))
    counted = session.census()
    forecast = session.forecast(config, workload=_WORK).total
    return {
        "ran": counted.ran,
        "share": counted.quantized_share,
        "sentence": str(counted.sentence),
        "left": [f"{part.count} {part.role}: {part.why}" for part in counted.left],
        "loaded_bytes": sum(share.bytes for share in counted.loaded),
        "bytes": counted.bytes,
        "peak_bytes": taken.peak_bytes,
        "forecast_bytes": forecast,
        "forecast_to_peak": forecast / taken.peak_bytes,
        "load_s": applied.seconds,
        "residue_bytes": applied.residue_bytes,
        "decode_tps": taken.decode_tps,
        "prefill_tps": taken.prefill_tps,
        "ci95": taken.ci95["decode_tps"],
        "but": [str(difference) for difference in taken.resolved.differences(config)],
    }


def _fp8_files(findings: Findings) -> None:
    """A tiny DeepSeek-V3 checkpoint in FP8, made here: dequantised when asked, and as its files are where that runs."""
    plan = findings.plan
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "tiny-v3-fp8"
        told = run_module("workbench.engine.fp8_files", [str(folder)])
        if told.problem:
            raise RuntimeError(told.problem)
        base = Config(device=plan.device, quantization="none")
        with Session(str(folder), config=base) as session:
            findings.each([("FP8 files, in full", partial(_measure, session, plan, base))])
            as_they_are = base.replace(quantization="auto")
            if findings.possible(as_they_are, session.facts, "FP8 files, as they are"):
                findings.each([("FP8 files, as they are", partial(_measure, session, plan, as_they_are))])


def _judge(session: Session, config: Config) -> dict[str, Any]:
    session.apply(config)
    found = session.quality(suite="short")
    return {
        "kld_mean": found.kld_mean,
        "ci95": found.kld_mean_ci95,
        "noise_floor": found.noise_floor.kld_mean,
        "same_top": found.same_top,
        "by_domain": {domain: statistics.kld.mean for domain, statistics in found.by_domain.items()},
        "decode_kld": found.decode_path.kld.mean if found.decode_path else None,
        "weight_bytes": found.weight_bytes,
        "verdict": str(found.verdict),
        "flags": [str(flag) for flag in found.flags],
    }
