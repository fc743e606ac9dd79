"""Sections about the way to the best: limits, why it is slow with one cure tried, a small sweep, what people say."""

from typing import Any

from workbench.advice.told import gain_of
from workbench.config import Config
from workbench.gpu_check.plan import Findings, Plan
from workbench.results import Workload
from workbench.session import Session
from workbench.sweep.running import sweep
from workbench.tips import TIPS
from workbench.tips.running import run
from workbench.tips.verdicts_shown import cell_words
from workbench.words import text

_SLUG = "deepseek-llm-7b-base"
_WORK = {"cuda": Workload(prompt_tokens=256, new_tokens=32), "cpu": Workload.preset("quick")}
_TRIED_S = 20.0
_ENDING_S = 30.0  # of the section: the round in flight when the budget is over
_LAST_TIP_S = 90.0  # of the section: the experiment in progress when the budget is over
_REHEARSED = ("S1-4", "S4-11", "S0-29")  # where there is no GPU to test the others on


def limits(plan: Plan) -> dict[str, Any]:
    """The floors of a prefill and a decode step, with what they rest on, and how near a measurement came."""
    findings = Findings(plan)
    with Session(_model(plan), config=_config(plan)) as session:

        def measured() -> None:
            taken = session.measure(_WORK[plan.device], budget_s=min(plan.budget_s, max(plan.left_s / 2, 1.0)))
            session.trace(_WORK[plan.device])
            found = session.limits(_WORK[plan.device])
            spent = {"prefill": taken.ttft_s, "decode": taken.tpot_s}
            for limit in found.phases:
                for floor in limit.floors:
                    row = {"floor_s": floor.seconds, "took_s": spent[limit.phase], "of": str(floor.source)}
                    share = limit.share(floor.bound, spent[limit.phase])
                    findings.rows.append({"part": f"{limit.phase}, {floor.bound}", **row, "share": share})

        findings.each([(text("gpu.limits"), measured)])
    return findings.to_dict()


def advice(plan: Plan) -> dict[str, Any]:
    """Why a set-up that is slow on purpose is slow, by the rules; the first cure tried, got beside expected."""
    findings = Findings(plan)
    slow = _config(plan).replace(attention="eager")
    with Session(_model(plan), config=slow) as session:

        def asked() -> None:
            work = _WORK[plan.device].replace(prompt_tokens=1024)
            found = session.advise(work, budget_s=min(plan.budget_s, 5.0))
            for finding in found:
                row = {"evidence": list(map(str, finding.evidence)), "change": str(finding.change or "")}
                findings.rows.append({"part": finding.rule, "expected": gain_of(finding), **row})
            cure = next((finding for finding in found if finding.rule == "eager"), None)
            if cure is None:
                findings.skip("eager", text("gpu.advice.not_found"))
                return
            tried = session.try_out(cure, work, budget_s=min(_TRIED_S, plan.budget_s, max(plan.left_s / 2, 1.0)))
            outcome = {"got": tried.got, "got_ci95": list(tried.got_ci95 or ()), "said": str(tried.sentence)}
            findings.rows.append({"part": text("gpu.advice.tried"), **outcome})

        findings.each([(text("gpu.advice"), asked)])
    return findings.to_dict()


def swept(plan: Plan) -> dict[str, Any]:
    """A small race over attention and cache: the winner, its lead, and why each other lost."""
    findings = Findings(plan)
    space = {"attention": ["eager", "sdpa", "flash_attention_2"], "cache": ["dynamic", "static"]}

    def raced() -> None:
        budget_s = min(plan.budget_s, max(plan.left_s - _ENDING_S, 1.0))
        work = _WORK[plan.device]
        found = sweep(_model(plan), space, work, base=_config(plan), budget_s=budget_s, fresh=True)
        for point in found.points:
            row = {"state": point.state, "why": str(point.why), "decode_tps": point.means.get("decode_tps")}
            findings.rows.append({"part": point.label, **row, "rounds": point.rounds})
        for gone in found.removed:
            findings.skip(", ".join(map(str, gone.values.values())), str(gone.why))
        findings.rows.append({"part": text("gpu.swept.verdict"), "said": str(found.verdict), "loads": found.loads})

    findings.each([(text("gpu.swept"), raced)])
    return findings.to_dict()


def tips(plan: Plan) -> dict[str, Any]:
    """The tips that need a GPU, as many as the time allows, the exact ones first; verdicts with what they rest on."""
    findings = Findings(plan)
    on_gpu = [each for each in TIPS.values() if each.needs.gpus]
    chosen = on_gpu if plan.device == "cuda" else [TIPS[id_] for id_ in _REHEARSED]

    def tested() -> None:
        report = run(chosen, model=_model(plan), budget_s=max(plan.left_s - _LAST_TIP_S, 1.0))
        for found in report.runs:
            if not found.decided:
                findings.skip(found.id, str(found.sentence))
                continue
            row = {"verdict": str(found.verdict), "expected": str(found.expected), "said": str(found.sentence)}
            cells = [words for cell in found.cells for words in cell_words(cell)]
            findings.rows.append({"part": found.id, **row, "found": cells, "model": found.model})
        for id_ in report.left:
            findings.skip(id_, text("gpu.tips.left"))

    findings.each([(text("gpu.tips"), tested)])
    return findings.to_dict()


def _model(plan: Plan) -> str:
    return plan.model or plan.models((_SLUG,))[0]


def _config(plan: Plan) -> Config:
    return Config(device=plan.device, dtype="bfloat16" if plan.device == "cuda" else "float32")
