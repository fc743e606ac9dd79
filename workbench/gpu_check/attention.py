"""Sections about attention: live switches, the kernels that ran, whether they agree, which is faster, over length."""

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

from workbench.config import Config
from workbench.errors import CapabilityError
from workbench.gpu_check.plan import Findings, Plan
from workbench.results import Workload
from workbench.session import Session

_TOGGLES = 20
_MODELS = ("deepseek-llm-7b-base", "deepseek-r1-distill-qwen-1.5b", "deepseek-v2-lite")  # MHA; GQA; MLA with experts
_HALF = "bfloat16"
_PADDED = Workload(
    prompts=("The sea", "The sea is never still, and neither is the light on it"), batch_size=2, new_tokens=4
)


def switches(plan: Plan) -> dict[str, Any]:
    """Every attention that works here, toggled against eager on resident models: read back, timed, answers compared."""
    findings = Findings(plan)
    for model in plan.models(_MODELS):
        for dtype in ("float32", _HALF):
            _with(findings, model, dtype, _toggles)
    return findings.to_dict()


def _toggles(session: Session, findings: Findings, name: str) -> None:
    findings.each(
        (f"{name} {attention}", partial(_toggle, session, attention))
        for attention in findings.plan.values("attention")
        if attention != "eager" and _usable(session, findings, name, attention=attention)
    )


def _toggle(session: Session, attention: str) -> dict[str, Any]:
    ways = ("eager", attention)
    answers, seconds = {}, {way: list[float]() for way in ways}
    began = time.perf_counter()
    for way in reversed(ways):  # ends where it began, each used once
        session.apply(attention=way)
        answers[way] = session.generate(["the sea"], max_new_tokens=16)[0].token_ids
    first_use_s = time.perf_counter() - began
    for turn in range(_TOGGLES):
        way = ways[(turn + 1) % 2]
        applied = session.apply(attention=way)
        if applied.resolved.attention != way or applied.reloaded:
            raise RuntimeError(f"asked {way}, in force {applied.resolved.attention}, reloaded {applied.reloaded}")
        seconds[way].append(applied.seconds)
    return {
        "device": session.resolved.device,
        "to_s": median(seconds[attention]),
        "back_s": median(seconds["eager"]),
        "first_use_s": first_use_s,
        "same_tokens": answers["eager"] == answers[attention],
    }


def kernels(plan: Plan) -> dict[str, Any]:
    """Which kernel each attention and each SDPA backend runs, with and without padding, from traces."""
    findings = Findings(plan)
    for model in plan.models(_MODELS):
        for dtype in (_HALF, "float32"):
            _with(findings, model, dtype, _traces)
    return findings.to_dict()


def _traces(session: Session, findings: Findings, name: str) -> None:
    plan = findings.plan
    ways = [{"attention": attention} for attention in plan.values("attention")]
    ways += [{"attention": "sdpa", "sdpa_backend": backend} for backend in plan.values("sdpa_backend")[1:]]
    works = {"plain": Workload(prompt_tokens=128, new_tokens=4), "padded": _PADDED}
    for way in ways:
        what = " ".join((name, *way.values()))
        if _usable(session, findings, what, **way):
            findings.each(
                (f"{what}, {kind}", partial(_trace, session, way, workload)) for kind, workload in works.items()
            )


def _trace(session: Session, way: dict[str, Any], workload: Workload) -> dict[str, Any]:
    try:
        session.apply(session.config.replace(**{"sdpa_backend": "auto", **way}))
        trace = session.trace(workload)
    except CapabilityError as refused:  # a kernel that cannot do this shape: what the check is there to find out
        return {"prefill": None, "decode": None, "kernels": [], "but": [str(refused)]}
    return {
        "prefill": trace.backend["prefill"],
        "decode": trace.backend["decode"],
        "kernels": list(trace.attention_kernels),
        "launches_per_token": trace.launches_per_token,
        "gpu_idle_fraction": trace.gpu_idle_fraction,
        "unrecognised": [name for phase in trace.phases.values() for name in phase.unrecognised],
        "but": [str(difference) for difference in trace.differences],
    }


def agreement(plan: Plan) -> dict[str, Any]:
    """Each attention's logits and greedy tokens against eager's: a fast wrong kernel is a bug."""
    findings = Findings(plan)
    for model in plan.models(_MODELS):
        for dtype in ("float32", _HALF):
            _with(findings, model, dtype, _agreements)
    return findings.to_dict()


def _agreements(session: Session, findings: Findings, name: str) -> None:
    findings.each(
        (f"{name} {attention}", partial(_agree, session, attention))
        for attention in findings.plan.values("attention")
        if attention != "eager" and _usable(session, findings, name, attention=attention)
    )


def _agree(session: Session, attention: str) -> dict[str, Any]:
    found = session.agreement({"attention": "eager"}, {"attention": attention})
    if found.level == "wrong":
        raise RuntimeError(str(found.verdict))
    return {
        "level": found.level,
        "max_logit_diff": found.prefill.max_logit_diff,
        "kl_mean": found.prefill.kl_mean,
        "decode_kl_mean": found.decode.kl_mean,
        "verdict": str(found.verdict),
    }


def comparison(plan: Plan) -> dict[str, Any]:
    """Each attention against sdpa by interleaved pairs, with intervals and the noise floor."""
    findings = Findings(plan)
    model = plan.model or plan.models(_MODELS[:1])[0]
    workload = Workload(prompt_tokens=1024, new_tokens=16) if plan.device == "cuda" else Workload.preset("quick")
    _with(findings, model, _HALF, partial(_comparisons, workload=workload))
    return findings.to_dict()


def _comparisons(session: Session, findings: Findings, name: str, workload: Workload) -> None:
    def compared(attention: str) -> dict[str, Any]:
        found = session.compare(
            {"attention": "sdpa"}, {"attention": attention}, workload, precision=0.02, budget_s=findings.plan.budget_s
        )
        return {
            "pairs": found.pairs,
            **{f"{metric}_ratio": found.ratio[metric] for metric in ("prefill_tps", "decode_tps")},
            "verdict": [str(found.verdict[metric]) for metric in ("prefill_tps", "decode_tps")],
        }

    findings.each(
        (f"{name} {attention} against sdpa", partial(compared, attention))
        for attention in findings.plan.values("attention")
        if attention != "sdpa" and _usable(session, findings, name, attention=attention)
    )


def lengths(plan: Plan) -> dict[str, Any]:
    """Prefill and decode of each attention over the prompt's length."""
    findings = Findings(plan)
    model = plan.model or plan.models(_MODELS[:1])[0]
    _with(findings, model, _HALF, _scan)
    return findings.to_dict()


def _scan(session: Session, findings: Findings, name: str) -> None:
    usable = [
        attention
        for attention in findings.plan.values("attention")
        if _usable(session, findings, name, attention=attention)
    ]

    def scanned() -> dict[str, Any]:
        budget_s = min(findings.plan.budget_s, findings.plan.left_s)
        return {"scan": session.scan("prompt_tokens", configs={"attention": usable}, budget_s=budget_s).to_dict()}

    findings.each([(f"{name} {', '.join(usable)}", scanned)])


def _usable(session: Session, findings: Findings, name: str, **knobs: Any) -> bool:
    what = " ".join((name, *knobs.values()))
    return findings.possible(session.config.replace(**knobs), session.facts, what)


def _with(findings: Findings, model: str, dtype: str, run: Callable[[Session, Findings, str], None]) -> None:
    """One resident model for several parts; one that cannot be loaded is a failure of its own."""
    name = f"{model.removeprefix('random:')} {dtype}"
    plan = findings.plan

    def opened() -> None:
        config = Config(device=plan.device, dtype=dtype, attention="eager")
        if findings.possible(config, None, name):
            with Session(model, config=config) as session:
                run(session, findings, name)

    findings.each([(name, opened)])
