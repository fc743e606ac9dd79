"""Whether a tip can be tested on a machine: a pure function of what the doctor knows; nothing is loaded."""

from collections.abc import Collection

from workbench.config import Config
from workbench.knobs import refusals
from workbench.knobs.conditions import allow, needs_cuda, older_gpu, refuse, unusable, visible_gpus
from workbench.results import Capability, Machine
from workbench.tips.experiments import Pair, Probe, Untestable
from workbench.tips.probes import PROBES
from workbench.tips.tip import Needs, Tip
from workbench.words import say

# files that no machine has by itself -> what they are
CHECKPOINTS: dict[str, str] = {
    "awq": "an AWQ copy of the model (workbench quantize --method awq makes one)",
    "fp8": "a checkpoint in FP8, as DeepSeek-V3 and R1 are published",
}
_CUDA = Config(device="cuda")


def can_test(tip: Tip, machine: Machine, engines: Collection[str] = ()) -> Capability:
    """ok, or what stands in the way and how to get it; a note where files are needed that may be there.

    engines  those of `workbench.tips.apart` that have an environment here
    """
    if isinstance(tip.experiment, Untestable):
        return refuse(say("tips.untestable", reason=tip.experiment.reason))
    if asks_torch(tip) and machine.torch is None:
        return refuse(say("tips.no_torch"), say("capability.run_doctor"))
    refused = _hardware(tip.needs, machine) or _packages(tip.needs, machine, engines)
    return refused or _knobs(tip, machine) or _files(tip.needs)


def asks_torch(tip: Tip) -> bool:
    """Whether a process with torch is needed; facts of the machine and of the catalogue are read without one."""
    return not isinstance(tip.experiment, Probe) or PROBES[tip.experiment.name].loads


def _hardware(needs: Needs, machine: Machine) -> Capability | None:
    system = machine.platform.split()[0]
    if needs.systems and system not in needs.systems:
        return refuse(say("tips.other_system", systems=", ".join(needs.systems), system=system))
    if not needs.gpus and needs.capability is None:
        return None
    if refused := needs_cuda(machine, _CUDA):
        return refused
    gpus = visible_gpus(machine)
    if len(gpus) < needs.gpus:
        return refuse(say("tips.too_few_gpus", needed=needs.gpus, count=len(gpus)), say("tips.more_gpus"))
    return older_gpu(gpus[0], needs.capability, say("tips.newer_gpu")) if needs.capability else None


def _packages(needs: Needs, machine: Machine, engines: Collection[str]) -> Capability | None:
    for name in needs.packages:
        if refused := unusable(machine.package(name), name):
            return refused
    if needs.engine and needs.engine not in engines:
        make = say("machine.package.install", command=f"workbench tips engine {needs.engine}")
        return refuse(say("tips.no_engine", engine=needs.engine), make)
    return None


def _knobs(tip: Tip, machine: Machine) -> Capability | None:
    """What a side of a pair cannot be here, by the knobs' own capabilities."""
    if not isinstance(tip.experiment, Pair):
        return None
    for side in (tip.experiment.a, tip.experiment.b, tip.experiment.reference or {}):
        for knob, refused in refusals(Config(**side), machine).items():
            if knob in side:
                return refused
    return None


def _files(needs: Needs) -> Capability:
    if needs.checkpoint:
        return allow(say("tips.needs_files", files=CHECKPOINTS[needs.checkpoint]))
    return allow()
