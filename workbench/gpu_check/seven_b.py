"""The section about the 7B model at its real size, random weights: default against the best usable configuration."""

from functools import partial
from typing import Any

from workbench.config import Config
from workbench.gpu_check.plan import Findings, Plan
from workbench.results import Workload
from workbench.session import Session
from workbench.words import text

_SLUG = "deepseek-llm-7b-base"
_NEEDED_BYTES = 18 * 10**9  # 13.8 GB of weights in 16 bits, cache and compiled code beside
_ATTENTIONS = ("flash_attention_3", "flash_attention_2")
_SCAN_S = 45.0
_QUICK_S = 8.0  # to look at one candidate: the comparison after it judges


def seven_b(plan: Plan) -> dict[str, Any]:
    """Default, its share of the bandwidth limit, rows at once with their knee; then the best of the candidates."""
    findings = Findings(plan)
    model = plan.model or (f"random:{_SLUG}" if plan.device == "cuda" else f"random:{_SLUG}?scale=tiny")
    memory = [gpu.memory_bytes for gpu in plan.machine.gpus]
    if plan.device == "cuda" and plan.model is None and memory and memory[0] < _NEEDED_BYTES:
        findings.skip(model, text("gpu.too_small", needed=f"{_NEEDED_BYTES / 1e9:.0f} GB"))
        return findings.to_dict()
    base = Config(device=plan.device, dtype="bfloat16")
    findings.each([(model, partial(_run, findings, model, base))])
    return findings.to_dict()


def _run(findings: Findings, model: str, base: Config) -> None:
    plan = findings.plan
    work = Workload(prompt_tokens=256, new_tokens=64) if plan.device == "cuda" else Workload.preset("quick")
    with Session(model, config=base) as session:
        name = model.removeprefix("random:")
        speeds: dict[Config, float] = {}

        def looked(config: Config) -> dict[str, Any]:
            row = _measured(session, plan, config, work)
            speeds[config] = row["decode_tps"]
            return row

        findings.each([(text("gpu.seven_b.default", model=name), partial(looked, base))])
        findings.each([(text("gpu.seven_b.rows", model=name), partial(_rows, session, plan, base))])
        for change in _changes(plan):
            config = base.replace(**change)
            what = f"{name} {', '.join(map(str, change.values()))}"
            if findings.possible(config, session.facts, what):
                findings.each([(what, partial(looked, config))])
        others = {config: speed for config, speed in speeds.items() if config != base}
        if not others:
            findings.skip(text("gpu.seven_b.best", model=name), text("gpu.seven_b.no_other"))
            return
        best = max(others, key=lambda config: others[config])
        findings.each([(text("gpu.seven_b.best", model=name), partial(_compared, session, plan, base, best, work))])


def _changes(plan: Plan) -> list[dict[str, Any]]:
    """Candidates beside the default (sdpa, dynamic cache, uncompiled). max-autotune would take the whole section."""
    flash = [{"attention": name} for name in _ATTENTIONS]
    modes = ("reduce-overhead",) if plan.device == "cuda" else ("default",)
    return [*flash, {"cache": "static"}, *({"compile": mode} for mode in modes)]


def _measured(session: Session, plan: Plan, config: Config, work: Workload) -> dict[str, Any]:
    session.apply(config)
    taken = session.measure(work, precision=0.02, budget_s=min(_QUICK_S, plan.budget_s, plan.left_s))
    return {
        "decode_tps": taken.decode_tps,
        "ci95": list(taken.ci95["decode_tps"]),
        "prefill_tps": taken.prefill_tps,
        "share_of_limit": taken.decode_limit_share,
        "first_call_s": taken.warm_up.first_call_s,
        "peak_bytes": taken.peak_bytes,
        "loop": taken.resolved.loop,
        "but": [str(difference) for difference in taken.resolved.differences(config)],
        "measurement": taken.to_dict(),
    }


def _rows(session: Session, plan: Plan, base: Config) -> dict[str, Any]:
    session.apply(base)
    scan = session.scan("batch_size", budget_s=min(_SCAN_S, plan.budget_s, plan.left_s))
    return {"knees": [str(knee.said) for knee in scan.knees], "ended": str(scan.ended), "scan": scan.to_dict()}


def _compared(session: Session, plan: Plan, base: Config, best: Config, work: Workload) -> dict[str, Any]:
    found = session.compare(base, best, work, precision=0.02, budget_s=min(plan.budget_s, max(plan.left_s, 1.0)))
    metrics = ("decode_tps", "prefill_tps")
    return {
        "best": [f"{knob}={new}" for knob, (_old, new) in base.diff(best).items()],
        "pairs": found.pairs,
        **{f"{metric}_ratio": found.ratio[metric] for metric in metrics},
        **{f"{metric}_ratio_ci95": list(found.ci95[metric]) for metric in metrics},
        "verdict": [str(found.verdict[metric]) for metric in metrics],
        "comparison": found.to_dict(),
    }
