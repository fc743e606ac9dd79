"""The section about MLA and routed experts at their real sizes, a few layers: latent cache, ways, bytes by routing."""

from functools import partial
from typing import Any

from workbench.config import Config
from workbench.gpu_check.plan import Findings, Plan
from workbench.results import Workload
from workbench.session import Session
from workbench.words import text

_SLUG = "deepseek-v2-lite"
_WORK = Workload(prompt_tokens=128, new_tokens=32)


def experts(plan: Plan) -> dict[str, Any]:
    """The KV cache of MLA against its forecast; each way to compute experts; how much of the weights a step reads."""
    findings = Findings(plan)
    model = plan.models((_SLUG,))[0]  # whatever was named: only a mixture of experts shows it
    with Session(model, config=Config(device=plan.device, dtype="bfloat16")) as session:
        name = model.removeprefix("random:")
        findings.each(
            [
                (text("gpu.experts.cache", model=name), partial(_cache, session, plan)),
                (text("gpu.experts.ways", model=name), partial(_ways, findings, session)),
            ]
        )
    return findings.to_dict()


def _cache(session: Session, plan: Plan) -> dict[str, Any]:
    """Counted after a run and forecast for the same tokens: the last of them is never in the cache."""
    taken = session.measure(_WORK, precision=0.05, budget_s=min(plan.budget_s / 4, plan.left_s))
    held = sum(taken.kv_cache_bytes.values())
    forecast = session.forecast(workload=_WORK).kv_cache
    return {
        "kv_cache_bytes": held,
        "forecast_bytes": forecast,
        "forecast_to_held": forecast / held,
        "bytes_per_token": session.facts.kv_bytes_per_token,
        "decode_tps": taken.decode_tps,
        "share_of_limit": taken.decode_limit_share,
    }


def _ways(findings: Findings, session: Session) -> dict[str, Any]:
    plan = findings.plan
    found = session.experts(_WORK, budget_s=min(plan.budget_s / 2, plan.left_s))
    for way in found.ways:
        if way.problem is not None:
            findings.skip(way.name, way.problem)
            continue
        findings.rows.append(
            {
                "part": way.name,
                "prefill": way.prefill,
                "decode": way.decode,
                "decode_tps": way.decode_tps,
                "ci95": list(way.ci95.get("decode_tps", ())),
                "prefill_tps": way.prefill_tps,
                "same_tokens": f"{way.same_tokens} of {found.workload.new_tokens}",
                "repeats": way.repeats,
            }
        )
    return {
        "by_default": found.by_default,
        "weight_bytes": found.weight_bytes,
        "step_bytes": found.step_bytes,
        "step_share": found.step_bytes / found.weight_bytes if found.step_bytes else None,
        "routed_per_layer": found.routed.decode if found.routed else None,
        "experts": found.to_dict(),
    }
