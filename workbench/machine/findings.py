"""What is worth knowing about a machine, each with its consequence: pure functions of the facts.

A finding's code is `machine.<topic>.<what>`; the report shows it beside the row of that topic.
"""

from workbench.machine import flash_attn
from workbench.machine.facts import Facts
from workbench.machine.power import holds
from workbench.machine.surroundings import PID_NAMESPACE
from workbench.results import Cpu, Gpu
from workbench.words import Message, say
from workbench.words.format import number, size

_DISTURBED_CORES = 0.2  # used by others while threads were measured
_SEVEN_B_BYTES = 14 * 10**9  # deepseek-llm-7b in 16 bits: 6.91e9 parameters × 2
_DEMO_BYTES = 600 * 10**6  # the demo model as safetensors, with room for the store
_SMALL_SHM_BYTES = 256 << 20  # containers start with 64 MiB


def findings(facts: Facts) -> tuple[Message, ...]:
    return tuple(
        message
        for part in (_platform, _torch, _cuda, _gpu, _cpu, _memory, _shm, _power, _home, _disk, _threads)
        for message in part(facts)
    )


def driver_against_runtime(driver: tuple[int, int], runtime: tuple[int, int]) -> str:
    """same, newer (harmless), minor (older within the same major: CUDA's minor version compatibility) or too_old.

    Source: NVIDIA, CUDA Compatibility, "minor version compatibility" (CUDA 11 and later).
    """
    if driver == runtime:
        return "same"
    if driver > runtime:
        return "newer"
    return "minor" if driver[0] == runtime[0] else "too_old"


def _platform(facts: Facts) -> list[Message]:
    found = []
    if facts.wsl:
        found.append(say("machine.platform.wsl"))
    if facts.system == "Windows":
        found.append(say("machine.platform.windows"))
    if facts.system == "Darwin":
        found.append(say("machine.platform.macos"))
    return found


def _torch(facts: Facts) -> list[Message]:
    if facts.torch is None:
        return [say("machine.torch.broken", problem=facts.torch_problem or "?")]
    found = []
    if facts.torch.transformers_problem:
        found.append(say("machine.torch.transformers_broken", problem=facts.torch.transformers_problem))
    if facts.torch.hip_runtime:
        found.append(say("machine.torch.rocm"))
    return found + flash_attn.findings(facts)


def _cuda(facts: Facts) -> list[Message]:
    torch, driver = facts.torch, facts.driver
    if torch is None or not facts.gpus:
        return []
    if torch.cuda_runtime is None and torch.hip_runtime is None:
        return [say("machine.cuda.cpu_build", gpu=facts.gpus[0].name)]
    found = []
    runtime = _version(torch.cuda_runtime)
    if runtime and driver.cuda:
        verdict = driver_against_runtime(driver.cuda, runtime)
        found.append(say(f"machine.cuda.{verdict}", driver=_dotted(driver.cuda), runtime=torch.cuda_runtime))
    if not torch.cuda_available:
        found.append(say("machine.cuda.broken", problem=torch.cuda_problem or "?"))
    return found


def _gpu(facts: Facts) -> list[Message]:
    if not facts.gpus:
        found = [say("machine.gpu.none")]
        if facts.driver.problem is not None and facts.driver.problem.code != "machine.gpu.no_driver":
            found.append(facts.driver.problem)
        return [*found, *_accelerator(facts), *_visible(facts)]
    found = [facts.driver.problem] if facts.driver.problem is not None else []
    found += [*_accelerator(facts), *_visible(facts)]
    if facts.surroundings == PID_NAMESPACE and facts.driver.gpus:
        found.append(say("machine.gpu.processes_hidden"))
    for gpu in facts.gpus:
        found += _mig(gpu, facts)
        if gpu.capability is None:
            continue
        if facts.torch is not None and not runs_on(facts.torch.architectures, gpu.capability):
            found.append(say("machine.gpu.not_compiled_for", gpu=gpu.name, capability=_dotted(gpu.capability)))
        elif gpu.capability < (8, 0):
            found.append(say("machine.gpu.before_ampere", gpu=gpu.name, capability=_dotted(gpu.capability)))
    return found


def _accelerator(facts: Facts) -> list[Message]:
    return [] if facts.accelerator is None else [facts.accelerator]


def _visible(facts: Facts) -> list[Message]:
    """What CUDA_VISIBLE_DEVICES does to the GPUs that the driver lists."""
    whole, visible = facts.driver.gpus, facts.visible
    if not whole:  # without a list there is nothing to say about what is left of it
        return []
    setting = visible.setting
    if setting is None:
        hidden = len(whole) - len(facts.gpus)
        return [say("machine.gpu.hidden", count=hidden)] if hidden > 0 else []
    if visible.twice is not None:
        return [say("machine.gpu.visible_twice", setting=setting, gpu=visible.twice.index, count=len(whole))]
    found = []
    if visible.unknown is not None:
        found.append(say("machine.gpu.visible_unknown", setting=setting, entry=visible.unknown))
    if visible.nothing:
        found.append(say("machine.gpu.visible_none", setting=setting, count=len(whole)))
    elif visible.instance is not None:
        part = visible.instance
        found.append(say("machine.gpu.visible_mig", name=part.name, memory=size(part.memory_bytes)))
    else:
        chosen = ", ".join(f"cuda:{place} = {gpu.index}" for place, gpu in enumerate(visible.gpus))
        found.append(
            say("machine.gpu.visible_some", setting=setting, shown=len(visible.gpus), count=len(whole), chosen=chosen)
        )
    by_index = any(part.strip().isdigit() for part in setting.split(","))
    if by_index and not visible.nothing and len({gpu.name for gpu in whole}) > 1:
        found.append(say("machine.gpu.visible_order"))
    return found


def _mig(gpu: Gpu, facts: Facts) -> list[Message]:
    if not gpu.mig:
        return []
    if not gpu.instances:
        return [say("machine.gpu.mig_empty", gpu=gpu.name)]
    if facts.visible.instance is not None:
        return []
    parts = ", ".join(f"{part.name} ({size(part.memory_bytes)}, {part.uuid or '?'})" for part in gpu.instances)
    return [say("machine.gpu.mig", gpu=gpu.name, count=len(gpu.instances), parts=parts)]


def runs_on(architectures: tuple[str, ...], capability: tuple[int, int]) -> bool:
    """Whether a CUDA build holds code for a GPU: machine code (sm_) of the same major version and no newer minor, or
    intermediate code (compute_) no newer than the GPU. True when the build does not say.

    Source: CUDA C++ Programming Guide, "Binary Compatibility" and "PTX Compatibility".
    """
    if not architectures:
        return True
    for name in architectures:
        kind, _, number = name.partition("_")
        digits = number.rstrip("af")  # sm_90a: that very architecture
        if not digits.isdigit():
            continue
        built = (int(digits[:-1]), int(digits[-1]))
        exact = number != digits
        if (
            (exact and built == capability)
            or (not exact and kind == "sm" and built[0] == capability[0] and built[1] <= capability[1])
            or (not exact and kind == "compute" and built <= capability)
        ):
            return True
    return False


def _cpu(facts: Facts) -> list[Message]:
    found = []
    if facts.cpu.logical_cores < facts.machine_cpus:
        found.append(say("machine.cpu.share", cores=facts.cpu.logical_cores, of=facts.machine_cpus))
    if facts.limits.cpus is not None and facts.limits.cpus < facts.machine_cpus:
        found.append(say("machine.cpu.quota", cpus=number(facts.limits.cpus, 3)))
    if not facts.can_use_gpu:
        found.append(_sixteen_bit(facts.cpu))
    return found


def _sixteen_bit(cpu: Cpu) -> Message:
    """Which 16-bit number formats this processor multiplies natively."""
    features = set(cpu.features)
    if features & {"amx_bf16", "avx512_bf16", "bf16"}:
        fp16 = features & {"avx512_fp16", "amx_fp16", "fp16"}
        return say("machine.cpu.bf16_and_fp16" if fp16 else "machine.cpu.bf16")
    if "fp16" in features:
        return say("machine.cpu.fp16")
    return say("machine.cpu.no_16_bit")


def _memory(facts: Facts) -> list[Message]:
    found = []
    if facts.limits.memory_bytes is not None and facts.limits.memory_bytes <= facts.cpu.memory_bytes:
        left = facts.limits.memory_left_bytes
        used = None if left is None else max(facts.limits.memory_bytes - left, 0)
        found.append(say("machine.memory.limited", limit=size(facts.limits.memory_bytes), used=size(used)))
    if not facts.can_use_gpu and facts.cpu.available_bytes < _SEVEN_B_BYTES:
        found.append(say("machine.memory.below_7b", needs=size(_SEVEN_B_BYTES)))
    return found


def _shm(facts: Facts) -> list[Message]:
    shm = None if facts.storage is None else facts.storage.shm_bytes
    if shm is None or shm >= _SMALL_SHM_BYTES:
        return []
    return [say("machine.shm.small", size=size(shm)) if shm else say("machine.shm.none")]


def _power(facts: Facts) -> list[Message]:
    return list(holds(facts.power))


def _home(facts: Facts) -> list[Message]:
    if facts.storage is None:
        return []
    found = []
    if not facts.storage.writable:
        found.append(say("machine.home.read_only"))
    elif facts.storage.network:
        found.append(say("machine.home.network", kind=facts.storage.file_system))
    return found


def _disk(facts: Facts) -> list[Message]:
    if facts.free_disk_bytes < _DEMO_BYTES:
        return [say("machine.disk.below_demo", needs=size(_DEMO_BYTES))]
    if facts.free_disk_bytes < _SEVEN_B_BYTES:
        return [say("machine.disk.below_7b", needs=size(_SEVEN_B_BYTES))]
    return []


def _threads(facts: Facts) -> list[Message]:
    found = []
    if facts.threads is not None:
        found.append(facts.threads.reason)
        if (facts.threads.busy_elsewhere or 0.0) > _DISTURBED_CORES:
            found.append(say("machine.threads.disturbed", cores=number(facts.threads.busy_elsewhere, 2)))
    if facts.wait_policy_set is not None:
        found.append(say("machine.threads.set_outside", policy=facts.wait_policy_set))
    return found


def _version(text: str | None) -> tuple[int, int] | None:
    parts = (text or "").split(".")
    return (int(parts[0]), int(parts[1])) if len(parts) >= 2 and all(part.isdigit() for part in parts[:2]) else None


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
