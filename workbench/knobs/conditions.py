"""What capabilities ask of the facts: where the model runs, in which number format, with which head dimensions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.results import Capability, Gpu, Machine, ModelFacts, Package
from workbench.words import Message, say

SIXTEEN_BIT = ("float16", "bfloat16")
CXX = ("g++", "clang++")


@dataclass(frozen=True)
class HeadDims:
    """Of query and key, and of value: they differ in latent attention (192 and 128 in DeepSeek V2 and V3)."""

    query: int
    value: int

    @property
    def differ(self) -> bool:
        return self.query != self.value

    def __str__(self) -> str:
        return f"{self.query}/{self.value}" if self.differ else str(self.query)


def refuse(reason: Message, remedy: Message | None = None) -> Capability:
    return Capability(ok=False, reason=reason, remedy=remedy)


def allow(note: Message | None = None) -> Capability:
    return Capability(ok=True, note=note)


def on_cuda(machine: Machine, values: Mapping[str, Any]) -> bool:
    """Whether the model runs on a GPU with this device knob; auto takes one that torch can use."""
    device = str(values.get("device", "auto"))
    if device == "auto":
        return bool(machine.gpus) and machine.torch is not None and machine.torch.cuda_available
    return device.startswith("cuda") and bool(machine.gpus)


def gpu_of(machine: Machine, values: Mapping[str, Any]) -> Gpu | None:
    """The GPU that the device knob means; None on the CPU."""
    if not on_cuda(machine, values):
        return None
    index = int(str(values.get("device", "auto")).partition(":")[2] or 0)
    return next((gpu for gpu in machine.gpus if gpu.index == index), machine.gpus[0])


def visible_gpus(machine: Machine) -> tuple[Gpu, ...]:
    """The GPUs that torch can use, in its order; none where it can use none."""
    if machine.torch is None or not machine.torch.cuda_available:
        return ()
    return machine.gpus


def is_divided(gpus: tuple[Gpu, ...]) -> bool:
    """Whether what torch sees is an instance of a divided GPU (MIG): CUDA gives a process one of them and no more."""
    return bool(gpus) and bool(gpus[0].mig)


def needs_cuda(machine: Machine, values: Mapping[str, Any]) -> Capability | None:
    """The refusal of what exists on CUDA only; None where the model runs there."""
    if on_cuda(machine, values):
        return None
    if machine.gpus:
        return refuse(say("capability.on_cpu"), say("capability.choose_cuda"))
    return refuse(say("capability.no_gpu"), say("capability.bring_gpu", platform=machine.platform))


def older_gpu(gpu: Gpu | None, lowest: tuple[int, int], remedy: Message) -> Capability | None:
    """The refusal of a GPU whose compute capability is below `lowest`; None where it is not, or not known."""
    if gpu is None or gpu.capability is None or gpu.capability >= lowest:
        return None
    reason = say("capability.gpu_too_old", gpu=gpu.name, has=dotted(gpu.capability), needs=dotted(lowest))
    return refuse(reason, remedy)


def arithmetic(model: ModelFacts | None, values: Mapping[str, Any]) -> str | None:
    """The number format that attention computes in; None where it is not known: no model yet, or quantised weights."""
    if values.get("autocast", "off") != "off":
        return str(values["autocast"])
    dtype = values.get("dtype", "auto")
    if dtype == "auto":
        dtype = model.checkpoint_dtype if model is not None else None
    return dtype if dtype in ("float32", *SIXTEEN_BIT) else None


def head_dims(model: ModelFacts | None) -> HeadDims | None:
    """As attention sees them; None before a model is known."""
    if model is None:
        return None
    nope, rope, value = (model.config.get(name) for name in ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"))
    if nope and rope and value:
        return HeadDims(int(nope) + int(rope), int(value))
    return HeadDims(model.head_dim, model.head_dim)


def unusable(package: Package | None, name: str) -> Capability | None:
    """The refusal that a package's own verdict gives; None where it can be used."""
    if package is None:
        return refuse(say("capability.package_unknown", package=name), say("capability.run_doctor"))
    if package.usable:
        return None
    return refuse(package.reason or say("machine.package.missing"), package.remedy)


def is_windows(machine: Machine) -> bool:
    return machine.platform.startswith("Windows")


def is_macos(machine: Machine) -> bool:
    return machine.platform.startswith("macOS")


def has_cxx(machine: Machine) -> bool:
    """Whether a C++ compiler that torch looks for was found; True where nothing was looked for."""
    if machine.tools is None:
        return True
    return any(tool in machine.tools for tool in (("cl",) if is_windows(machine) else CXX))


def dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
