"""Sections about what is computed twice or elsewhere: prefixes, drafts, layers kept in memory, CPU against GPU."""

from functools import partial
from typing import Any

from workbench.config import Config
from workbench.gpu_check.plan import Findings, Plan
from workbench.results import Workload
from workbench.session import Session

_MODELS = ("deepseek-llm-7b-base", "deepseek-v2-lite")  # MHA; MLA with experts


def reuse(plan: Plan) -> dict[str, Any]:
    """Prefix reuse and drafts from the prompt: speed by pairs, and whether the answers stay."""
    return _each(plan, _reuse)


def offloading(plan: Plan) -> dict[str, Any]:
    """Tokens/s against layers in the computer's memory (on a CPU: on disk), and the bytes that stay on the device."""
    return _each(plan, _offloading)


def crossing(plan: Plan) -> dict[str, Any]:
    """The prompt length from which the GPU is ahead of the CPU; without a GPU, one thread against two."""
    return _each(plan, _crossing)


def _each(plan: Plan, section: Any) -> dict[str, Any]:
    findings = Findings(plan)
    for model in [plan.model] if plan.model else plan.models(_MODELS):
        findings.each([(model, partial(section, findings, model))])
    return findings.to_dict()


def _reuse(findings: Findings, model: str) -> dict[str, Any]:
    plan = findings.plan
    with Session(model, config=_config(plan)) as session:
        prefix = session.prefix([64, 512], budget_s=min(plan.budget_s / 4, plan.left_s))
        drafts = session.speculation("prompt_lookup", new_tokens=32, budget_s=min(plan.budget_s / 4, plan.left_s))
        return {
            "prefix": [point.to_dict() for point in prefix.points],
            "speculation": [run.to_dict() for run in drafts.runs],
            "said": [*(str(point.verdict) for point in prefix.points), *(str(run.verdict) for run in drafts.runs)],
        }


def _offloading(findings: Findings, model: str) -> dict[str, Any]:
    plan = findings.plan
    with Session(model, config=_config(plan)) as session:
        work = Workload(prompt_tokens=64, new_tokens=16)
        found = session.offload(workload=work, budget_s=min(plan.budget_s / 2, plan.left_s))
        return {"curve": found.to_dict(), "said": [str(point.verdict) for point in found.points if point.verdict]}


def _crossing(findings: Findings, model: str) -> dict[str, Any]:
    plan = findings.plan
    on_gpu = plan.device == "cuda"
    sides: tuple[Any, Any] = ({"device": "cpu"}, {"device": "cuda"}) if on_gpu else ({"threads": 1}, {"threads": 2})
    config = _config(plan)
    for side in sides:
        if not findings.possible(config.replace(**side), None, model):
            return {"said": []}
    with Session(model, config=config) as session:
        found = session.crossover(*sides, budget_s=min(plan.budget_s, plan.left_s))
        return {"crossover": found.to_dict(), "said": [str(each) for each in found.sentence.values()]}


def _config(plan: Plan) -> Config:
    return Config(device=plan.device, dtype="bfloat16" if plan.device == "cuda" else "float32")
