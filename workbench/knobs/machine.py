"""Where the model runs and with how many threads."""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.kinds import Choice, Number
from workbench.knobs.knob import OK, Cost, Group, Knob
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


def _on_cpu(values: Mapping[str, Any]) -> bool:
    return not str(values["device"]).startswith("cuda")


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
)
