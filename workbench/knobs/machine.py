"""Where the model runs, with how many threads, how these wait and stay, and how memory is handed out."""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.conditions import allow, is_windows, needs_cuda, refuse
from workbench.knobs.kinds import Choice, Number
from workbench.knobs.knob import OK, Cost, Group, Knob
from workbench.knobs.tensor_parallel import rank_environment
from workbench.results import Capability, Machine, ModelFacts
from workbench.words import say


def _device_capability(
    value: Any, machine: Machine, _model: ModelFacts | None, _values: Mapping[str, Any]
) -> Capability:
    if not str(value).startswith("cuda"):
        return OK
    if not machine.gpus:
        return Capability(
            ok=False, reason=say("capability.no_gpu"), remedy=say("capability.bring_gpu", platform=machine.platform)
        )
    if machine.torch is not None and machine.torch.cuda_runtime is None:
        return Capability(
            ok=False,
            reason=say("capability.cpu_torch", version=machine.torch.version, gpu=machine.gpus[0].name),
            remedy=say("capability.install_cuda_torch"),
        )
    if machine.torch is not None and not machine.torch.cuda_available:
        return Capability(
            ok=False,
            reason=say("capability.cuda_broken", problem=machine.torch.cuda_problem or "unknown"),
            remedy=say("capability.update_driver", runtime=machine.torch.cuda_runtime or "?"),
        )
    index = int(str(value).partition(":")[2] or 0)
    if index >= len(machine.gpus):
        return Capability(
            ok=False,
            reason=say("capability.no_such_gpu", index=index, count=len(machine.gpus)),
            remedy=say("capability.use_gpu_below", largest=len(machine.gpus) - 1),
        )
    return OK


def _threads_capability(
    value: Any, machine: Machine, _model: ModelFacts | None, _values: Mapping[str, Any]
) -> Capability:
    if isinstance(value, int) and value > machine.cpu.logical_cores:
        return Capability(
            ok=False,
            reason=say("capability.more_threads_than_cores", threads=value, cores=machine.cpu.logical_cores),
            remedy=say("capability.use_threads_up_to", cores=machine.cpu.logical_cores),
        )
    return OK


def _pinning_capability(
    value: Any, machine: Machine, _model: ModelFacts | None, _values: Mapping[str, Any]
) -> Capability:
    if value == "off":
        return OK
    if not machine.platform.startswith("Linux"):
        return Capability(
            ok=False,
            reason=say("capability.no_affinity", platform=machine.platform),
            remedy=say("capability.pin_elsewhere"),
        )
    if machine.cpu.cores < 2:
        return Capability(ok=False, reason=say("capability.one_core"), remedy=say("capability.nothing_to_pin"))
    return OK


# Of torch's names for it the one that every version reads, and that wins where PYTORCH_ALLOC_CONF is set too
# (c10/cuda/CUDAAllocatorConfig.h, torch 2.13: tests/hosts/test_restart.py).
ALLOCATOR_VARIABLE = "PYTORCH_CUDA_ALLOC_CONF"
_ALLOCATOR = {"expandable_segments": "expandable_segments:True"}


def _allocator_capability(
    value: Any, machine: Machine, _model: ModelFacts | None, values: Mapping[str, Any]
) -> Capability:
    """Expandable segments map pages with the driver's virtual memory calls, which torch builds in on Linux only."""
    if value == "default":
        return OK
    if refusal := needs_cuda(machine, values):
        return refusal
    if is_windows(machine):
        return refuse(say("capability.no_expandable_segments"), say("capability.use_default_allocator"))
    if "WSL2" in machine.platform:
        return allow(say("capability.note.expandable_wsl"))
    return OK


# Rounds that a waiting thread spins before it sleeps after all, some 0.2 s of today's processors: longer than between
# two operations, while OMP_WAIT_POLICY alone would have an idle model keep a core for good.
SPINS = 10_000_000


def waiting_environment(policy: str) -> dict[str, str]:
    """OpenMP's policy, "active" or "passive", and what GNU's runtime, torch's on Linux, makes of it.

    GOMP_SPINCOUNT wins over the policy (libgomp, its chapter on environment variables), so both are always set.
    """
    return {"OMP_WAIT_POLICY": policy.upper(), "GOMP_SPINCOUNT": str(SPINS if policy.lower() == "active" else 0)}


def environment_of(values: Mapping[str, Any]) -> dict[str, str]:
    """What a process needs in its environment before it imports torch; what is left out stays as it is found.

    The names are those of the OpenMP specification (its chapter on environment variables) and of torch's allocator;
    each is read once, when its library is loaded.
    """
    wanted: dict[str, str] = {}
    if values["waiting"] != "auto":
        wanted |= waiting_environment(str(values["waiting"]))
    if values["pinning"] == "cores":
        wanted |= {"OMP_PROC_BIND": "close", "OMP_PLACES": "cores"}
    if values["allocator"] in _ALLOCATOR and _maybe_on_cuda(values):
        wanted[ALLOCATOR_VARIABLE] = _ALLOCATOR[values["allocator"]]
    return wanted


def worker_environment_of(values: Mapping[str, Any]) -> dict[str, str]:
    """The same for a worker, which starts the other ranks itself where there are several."""
    return {**environment_of(values), **rank_environment(values)}


def _on_cpu(values: Mapping[str, Any]) -> bool:
    return not str(values["device"]).startswith("cuda")


def _maybe_on_cuda(values: Mapping[str, Any]) -> bool:
    return bool(values["device"] != "cpu")


KNOBS = (
    Knob(
        name="device",
        label="Device",
        help="auto: the first usable CUDA GPU, else the CPU.",
        group=Group.MACHINE,
        kind=Choice(("auto", "cpu", "cuda"), pattern=r"cuda:\d+"),
        default="auto",
        cost=Cost.RELOAD,
        capability=_device_capability,
    ),
    Knob(
        name="threads",
        label="Threads",
        help="CPU threads of one operation. auto: the count that decoded fastest when this machine was measured.",
        group=Group.MACHINE,
        kind=Number(1, 1024, 1, integer=True, words=("auto",)),
        default="auto",
        when=_on_cpu,
        capability=_threads_capability,
    ),
    Knob(
        name="waiting",
        label="Waiting threads",
        help="What a thread does until the next operation. passive: it sleeps, and is woken. active: it spins, which "
        "starts sooner and takes the core from others, up to 0.2 s. auto: as measured on this machine.",
        group=Group.MACHINE,
        kind=Choice(("auto", "passive", "active")),
        default="auto",
        cost=Cost.RESTART,
        when=_on_cpu,
    ),
    Knob(
        name="pinning",
        label="Pinning",
        help="cores: each thread stays on a core of its own, the first thread on the first core that this process may "
        "use. off: the system moves them.",
        group=Group.MACHINE,
        kind=Choice(("off", "cores")),
        default="off",
        cost=Cost.RESTART,
        when=_on_cpu,
        capability=_pinning_capability,
    ),
    Knob(
        name="allocator",
        label="GPU allocator",
        help="How torch takes GPU memory. default: in segments of fixed size, cut into blocks. expandable_segments: in "
        "segments that grow, so that requests of many lengths leave fewer pieces behind.",
        group=Group.MACHINE,
        kind=Choice(("default", *_ALLOCATOR)),
        default="default",
        cost=Cost.RESTART,
        when=_maybe_on_cuda,
        capability=_allocator_capability,
    ),
)
