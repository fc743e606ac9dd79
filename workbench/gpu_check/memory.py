"""The section about memory: how whole it stays under each allocator, and whether a refusal is survived."""

from typing import Any

from workbench.config import Config
from workbench.errors import OutOfMemory
from workbench.gpu_check.plan import Findings, Plan
from workbench.memory_health import ALLOCATORS
from workbench.results import Workload
from workbench.results.memory_health import HealthRun
from workbench.session import Session
from workbench.words import text

_SLUG = "deepseek-llm-7b-base"
_REQUESTS = {"cuda": 24, "cpu": 6}
_WORK = {"cuda": Workload(prompt_tokens=512, new_tokens=16, batch_size=4), "cpu": Workload.preset("quick")}
# rows whose logits alone are terabytes: no GPU holds them
_TOO_MUCH = Workload(prompt_tokens=1024, new_tokens=4, batch_size=20_000)
_ANSWER = 8  # tokens that must be the same after the refusal


def memory(plan: Plan) -> dict[str, Any]:
    """Requests of random lengths under each allocator, there and back; then a request that no memory holds."""
    findings = Findings(plan)
    model = plan.model or plan.models((_SLUG,))[0]
    config = Config(device=plan.device, dtype="bfloat16" if plan.device == "cuda" else "float32")
    with Session(model, config=config) as session:

        def health() -> None:
            found = session.memory_health(
                _WORK[plan.device],
                requests=_REQUESTS[plan.device],
                budget_s=min(2 * plan.budget_s, max(plan.left_s / 2, 1.0)),
                compare=ALLOCATORS if plan.device == "cuda" else None,
            )
            findings.rows.extend(
                {"part": name, **_kept(run)} for name, run in zip(found.names, found.runs, strict=True)
            )
            for absent in found.unavailable:
                findings.skip(absent.allocator, str(absent.reason))

        findings.each([(text("gpu.memory.health"), health)])
        if plan.device == "cuda":
            findings.each([(text("gpu.memory.refused"), lambda: refused(session, _TOO_MUCH))])
        else:
            findings.skip(text("gpu.memory.refused"), text("gpu.memory.not_on_cpu"))
    return findings.to_dict()


def refused(session: Session, workload: Workload) -> dict[str, Any]:
    """Asks for `workload`, which must not fit, and whether the session answers afterwards as before.

    RuntimeError when it fits after all.
    """
    before, pid = _answer(session), session.pid
    try:
        session.measure(workload, budget_s=1)
    except OutOfMemory as error:
        told = error
    else:
        raise RuntimeError(text("gpu.memory.fits"))
    return {
        **{name: told.params.get(name) for name in ("asked_bytes", "free_bytes", "left_bytes")},
        "next": told.next_step,
        "same_worker": session.pid == pid,
        "same_tokens": _answer(session) == before,
    }


def _answer(session: Session) -> tuple[int, ...]:
    return tuple(session.generate("The sea is", max_new_tokens=_ANSWER, chat=False)[0].token_ids)


def _kept(run: HealthRun) -> dict[str, Any]:
    in_use = run.growth.get("in_use")
    return {
        "in_force": run.resolved.allocator,
        "requests": len(run.points),
        "need_bytes": run.need_bytes,
        "reserved": run.after.reserved,
        "inactive_split_share": run.highest("split_share"),
        "unused_share": run.highest("unused_share"),
        "largest_free": run.after.largest_free,
        "retries": run.added("retries"),
        "refusals": run.added("refusals"),
        "grows": in_use.seen if in_use else None,
    }
