"""Sections about decoding: the compiled loop, the kinds of KV cache, and tokens that begin, end and pad."""

from functools import partial
from typing import Any

from workbench.config import Config
from workbench.gpu_check.plan import Findings, Plan
from workbench.results import Measurement, Workload
from workbench.session import Session

_MODELS = ("deepseek-llm-7b-base", "deepseek-v2-lite")  # MHA; MLA with experts
_WORK = Workload(prompt_tokens=64, new_tokens=32)
_CACHES: tuple[dict[str, Any], ...] = (
    {"cache": "static"},
    {"cache": "offloaded"},
    {"cache": "offloaded_static"},
    {"cache": "quantized", "cache_backend": "quanto", "cache_bits": 4},
    {"cache": "quantized", "cache_backend": "hqq", "cache_bits": 4},
    {"cache": "quantized", "cache_backend": "hqq", "cache_bits": 8},
    {"cache": "quantized", "cache_backend": "fp8"},
)


def compiled(plan: Plan) -> dict[str, Any]:
    """Each compile mode: first call, steady state, recompiles, the same greedy tokens, CUDA graphs that really ran."""
    ways: list[dict[str, Any]] = [{"compile": mode} for mode in plan.values("compile")[1:]]
    ways += [{"compile": "max-autotune", "freezing": "on"}]
    return _measured(plan, ways)


def caches(plan: Plan) -> dict[str, Any]:
    """Each kind of KV cache: speed, peak memory, and whether the greedy tokens stay."""
    return _measured(plan, list(_CACHES))


def tokens(plan: Plan) -> dict[str, Any]:
    """Padded rows against rows alone on this device's kernels, in 16 bits; and what the ids say."""
    findings = Findings(plan)
    for model in [plan.model] if plan.model else plan.models(_MODELS):
        findings.each([(model.removeprefix("random:"), partial(_aligned, plan, model))])
    return findings.to_dict()


def _aligned(plan: Plan, model: str) -> dict[str, Any]:
    with Session(model, config=Config(device=plan.device, dtype="bfloat16")) as session:
        report = session.tokens()
        return {
            "sentence": str(report.sentence),
            "checks": {check.name: f"{check.outcome}: {check.sentence}" for check in report.facts.checks},
            "findings": [str(finding.said) for finding in report.findings],
            "repair": report.repair,
        }


def _measured(plan: Plan, ways: list[dict[str, Any]]) -> dict[str, Any]:
    findings = Findings(plan)
    for model in [plan.model] if plan.model else plan.models(_MODELS):
        findings.each([(model, partial(_ways, findings, model, ways))])
    return findings.to_dict()


def _ways(findings: Findings, model: str, ways: list[dict[str, Any]]) -> None:
    plan = findings.plan
    base = Config(device=plan.device, dtype="bfloat16")
    if not findings.possible(base, None, model):
        return
    with Session(model, config=base) as session:
        tokens = _tokens(session)
        name = model.removeprefix("random:")
        findings.each([(f"{name} as it is", partial(_measure, session, plan, base, tokens))])
        for way in ways:
            config = base.replace(**way)
            what = f"{name} {', '.join(map(str, way.values()))}"
            if findings.possible(config, session.facts, what):
                findings.each([(what, partial(_measure, session, plan, config, tokens))])


def _measure(session: Session, plan: Plan, config: Config, tokens: tuple[int, ...]) -> dict[str, Any]:
    session.apply(config)
    ran = _tokens(session)
    taken = session.measure(_WORK, precision=0.05, budget_s=min(plan.budget_s / 4, plan.left_s))
    same = next((index for index, (a, b) in enumerate(zip(ran, tokens, strict=False)) if a != b), len(tokens))
    return {
        "loop": taken.resolved.loop,
        "cache": taken.resolved.cache,
        "first_call_s": taken.warm_up.first_call_s,
        "decode_tps": taken.decode_tps,
        "ci95": taken.ci95["decode_tps"],
        "peak_bytes": taken.peak_bytes,
        "same_tokens": f"{same} of {len(tokens)}",
        **(_compiled(session, taken) if config.compile != "off" else {}),
        "warm_up": taken.warm_up.to_dict(),
        "but": [str(difference) for difference in taken.resolved.differences(config)],
    }


def _compiled(session: Session, taken: Measurement) -> dict[str, Any]:
    """What was compiled, and what a trace of the same work says of CUDA graphs: launches, a decode step."""
    report = taken.warm_up.compiled
    trace = session.trace(_WORK)
    return {
        "compile_s": taken.compile_s,
        "recompiles": report.recompiles if report else None,
        "graph_breaks": report.graph_breaks if report else None,
        "graph_skips": report.graph_skips if report else None,
        "graph_launches_per_token": trace.decode.graph_launches / trace.decode.steps if trace.on_gpu else None,
        "launches_per_token": trace.launches_per_token,
    }


def _tokens(session: Session) -> tuple[int, ...]:
    return session.generate(["Write one sentence about the sea."], max_new_tokens=32)[0].token_ids
