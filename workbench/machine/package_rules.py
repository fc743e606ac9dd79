"""Rules by which a package is judged: each a pure function of the facts that gives a reason and a remedy, or None.

What no installation can cure (the wrong GPU, the wrong system) is told before what one can.
"""

from collections.abc import Callable

from packaging.version import InvalidVersion, Version

from workbench.machine.facts import Facts
from workbench.words import Message, say

Refusal = tuple[Message, Message]  # reason, remedy
Rule = Callable[[Facts], Refusal | None]
Road = Callable[[Facts], Message]  # how to get it here

LOCKED = "pip install -c constraints.txt"
KERNELS_ON_PYPI = ("0.17.2", "2026-11-22")  # newest version that `pip index versions kernels` showed, and when


def first(rules: tuple[Rule, ...], facts: Facts) -> Refusal | None:
    return next(filter(None, (rule(facts) for rule in rules)), None)


def cuda_gpu(lowest: tuple[int, int], highest: tuple[int, int] | None = None) -> Rule:
    """A GPU that torch can use, of a compute capability within the window (both ends included)."""

    window = f"{dotted(lowest)}+" if highest is None else f"{dotted(lowest)}–{dotted(highest)}"

    def rule(facts: Facts) -> Refusal | None:
        if not facts.gpus:
            return say("machine.package.no_gpu", needs=window), say("machine.package.bring_gpu")
        if facts.torch is not None and facts.torch.hip_runtime is not None:
            return say("machine.package.needs_nvidia"), say("machine.package.bring_gpu")
        if facts.torch is not None and facts.torch.cuda_runtime is None:
            return (
                say("capability.cpu_torch", version=facts.torch.version, gpu=facts.gpus[0].name),
                say("capability.install_cuda_torch"),
            )
        if facts.torch is not None and not facts.torch.cuda_available:
            return (
                say("capability.cuda_broken", problem=facts.torch.cuda_problem or "unknown"),
                say("capability.update_driver", runtime=facts.torch.cuda_runtime or "?"),
            )
        known = [gpu for gpu in facts.gpus if gpu.capability is not None]
        if any(_within(gpu.capability, lowest, highest) for gpu in known) or not known:
            return None
        return (
            say("machine.package.wrong_gpu", gpu=known[0].name, has=dotted(known[0].capability), needs=window),
            say("machine.package.use_sdpa"),
        )

    return rule


def linux_or_windows(facts: Facts) -> Refusal | None:
    if facts.system in ("Linux", "Windows"):
        return None
    return say("machine.package.linux_only"), say("machine.package.use_linux")


def linux_only(facts: Facts) -> Refusal | None:
    if facts.system == "Windows":
        return say("machine.package.no_windows"), say("machine.package.use_wsl")
    if facts.system != "Linux":
        return say("machine.package.linux_only"), say("machine.package.use_linux")
    return None


# ---- rules about the installed package


def kernels_window(facts: Facts) -> Refusal | None:
    """transformers ignores a `kernels` outside its own window."""
    version, window = facts.versions.get("kernels"), facts.torch.kernels_window if facts.torch is not None else None
    if version is None or window is None:
        return None
    if not older(version, window[0]) and older(version, window[1]):
        return None
    transformers = facts.torch.transformers if facts.torch is not None else None
    return (
        say(
            "machine.package.outside_window",
            version=version,
            transformers=transformers,
            least=window[0],
            below=window[1],
        ),
        kernels_road(facts),
    )


def kernels_road(facts: Facts) -> Message:
    """The command for a version that this transformers accepts, and whether PyPI was seen to have one."""
    window = facts.torch.kernels_window if facts.torch is not None else None
    if window is None:
        return say("machine.package.install", command="pip install kernels")
    command = f'pip install "kernels>={window[0]},<{window[1]}"'
    newest, date = KERNELS_ON_PYPI
    if older(newest, window[0]):
        return say("machine.package.kernels_not_yet", command=command, newest=newest, date=date)
    return say("machine.package.install", command=command)


def triton_road(facts: Facts) -> Message:
    on_windows = facts.system == "Windows"
    return say("machine.package.install", command="pip install triton-windows" if on_windows else f"{LOCKED} triton")


def torch_for_gptqmodel(facts: Facts) -> Refusal | None:
    version, torch = facts.versions.get("gptqmodel"), facts.versions.get("torch", "")
    if version is None or older(version, "7.7") or not older(torch, "2.14.1"):
        return None
    return (
        say("machine.package.needs_other_torch", version=version, needs="2.14.1", torch=torch),
        say("machine.package.install", command="pip install gptqmodel==7.6.0 optimum"),
    )


def compiler_for_int4(facts: Facts) -> Refusal | None:
    """quanto compiles its 4-bit kernels at first use."""
    if facts.tools & {"g++", "clang++", "cl"} and "ninja" in facts.tools:
        return None
    return say("machine.package.quanto_needs_compiler"), say("machine.package.install_compiler")


def _within(capability: tuple[int, int] | None, lowest: tuple[int, int], highest: tuple[int, int] | None) -> bool:
    return capability is not None and capability >= lowest and (highest is None or capability <= highest)


def dotted(capability: tuple[int, int] | None) -> str:
    return ".".join(str(part) for part in capability or ())


def older(version: str | None, than: str) -> bool:
    """False for a version that cannot be read: it is not known to be older."""
    try:
        return Version(version or "") < Version(than)
    except InvalidVersion:
        return False
