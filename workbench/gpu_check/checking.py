"""The run itself: section after section, each contained, timed and kept."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from workbench import machine as machines
from workbench.config import Config
from workbench.errors import CapabilityError, ConfigError
from workbench.gpu_check.names import SECTIONS
from workbench.gpu_check.plan import CONTAINED, LIMIT_S, Plan
from workbench.gpu_check.report import Report, SectionReport
from workbench.knobs import KNOBS
from workbench.results import Capability, Machine


def check(
    sections: Sequence[str] = (),
    *,
    allow_cpu: bool = False,
    model: str | None = None,
    budget_s: float = 60.0,
    limit_s: float = LIMIT_S,
    out: Path | None = None,
    resume: bool = False,
    progress: Callable[[str], None] = lambda words: None,
) -> Report:
    """Runs the named sections (default: all) and returns what each found; with `out`, kept there after every section.

    Each takes at most `limit_s` and the part it is at then: what it had no time for is named. `resume` keeps the
    sections that the report in `out` has done, where it was written by the same versions on the same machine. No
    network is used.
    ConfigError: an unknown section. CapabilityError: no usable CUDA GPU, unless `allow_cpu`.
    """
    unknown = [name for name in sections if name not in SECTIONS]
    if unknown:
        raise ConfigError("gpu.unknown_section", section=unknown[0], sections=", ".join(SECTIONS))
    machine = machines.doctor(refresh=True)
    usable = cuda(machine)
    if not usable.ok and not allow_cpu:
        raise CapabilityError("gpu.none", reason=str(usable.reason), remedy=str(usable.remedy))
    plan = Plan(machine=machine, device="cuda" if usable.ok else "cpu", model=model, budget_s=budget_s)
    report = Report(machine=machine, rehearsal=not usable.ok, sections=())
    before = _done(out, report) if resume else {}
    for name in sections or SECTIONS:
        progress(name)
        section = before.get(name) or _run(name, replace(plan, limit_s=limit_s, ends_s=time.monotonic() + limit_s))
        report = report.model_copy(update={"sections": (*report.sections, section)})
        if out is not None:
            report.write(out)
    return report


def cuda(machine: Machine) -> Capability:
    """Whether this machine can run a model on CUDA: what the knob `device` says of it."""
    return KNOBS["device"].capability("cuda", machine, None, Config())


def _done(out: Path | None, report: Report) -> dict[str, SectionReport]:
    """Sections that the report in `out` has done under the conditions of this one."""
    earlier = Report.read(out) if out is not None else None
    if earlier is None or earlier.conditions != report.conditions:
        return {}
    return {section.name: section for section in earlier.sections if section.ok}


def _run(name: str, plan: Plan) -> SectionReport:
    began = time.perf_counter()
    found, error = None, None
    try:
        found = getattr(import_module(f"workbench.gpu_check.{SECTIONS[name]}"), name)(plan)
    except CONTAINED as problem:
        error = f"{type(problem).__name__}: {problem}"
    failed = found is None or bool(found.get("failed"))
    return SectionReport(name=name, ok=not failed, seconds=time.perf_counter() - began, found=found, error=error)
