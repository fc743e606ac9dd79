"""One run over everything that only a GPU can prove, in sections that fail one by one and are reported together.

Without a CUDA GPU it refuses, or with `allow_cpu` rehearses on the CPU, labelled so on every page of its report.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from workbench import machine as machines
from workbench.config import Config
from workbench.errors import CapabilityError, ConfigError, WorkbenchError
from workbench.gpu_check.report import Report, SectionReport
from workbench.gpu_check.sections import SECTIONS, Plan
from workbench.knobs import KNOBS
from workbench.results import Capability, Machine

# what torch, transformers, a driver or a full disk raise; anything else is a bug of ours and ends the check
_CONTAINED = (WorkbenchError, RuntimeError, OSError, ValueError, ImportError, MemoryError)


def check(
    sections: Sequence[str] = (),
    *,
    allow_cpu: bool = False,
    model: str | None = None,
    budget_s: float = 60.0,
    out: Path | None = None,
    progress: Callable[[str], None] = lambda words: None,
) -> Report:
    """Runs the named sections (default: all) and returns what each found; with `out`, kept there after every section.

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
    for name in sections or SECTIONS:
        progress(name)
        report = report.model_copy(update={"sections": (*report.sections, _run(name, plan))})
        if out is not None:
            report.write(out)
    return report


def cuda(machine: Machine) -> Capability:
    """Whether this machine can run a model on CUDA: what the knob `device` says of it."""
    return KNOBS["device"].capability("cuda", machine, None, Config())


def _run(name: str, plan: Plan) -> SectionReport:
    began = time.perf_counter()
    found, error = None, None
    try:
        found = SECTIONS[name](plan)
    except _CONTAINED as problem:
        error = f"{type(problem).__name__}: {problem}"
    return SectionReport(name=name, ok=error is None, seconds=time.perf_counter() - began, found=found, error=error)


__all__ = ["SECTIONS", "Report", "SectionReport", "check", "cuda"]
