"""Machines and models that are not here, for the tables of capabilities."""

from typing import Any

from workbench.config import Config
from workbench.knobs import KNOBS
from workbench.results import Capability, Cpu, Gpu, Machine, ModelFacts, Package, Torch
from workbench.words import Message

CPU_TORCH = Torch(
    version="2.13.0+cpu",
    cuda_runtime=None,
    cuda_available=False,
    transformers="5.23.0",
    attention_implementations=("eager", "flash_attention_2", "flex_attention", "paged|eager", "sdpa", "spy"),
    cache_implementations=("static", "offloaded_static", "sliding_window", "dynamic", "offloaded", "quantized"),
)
CUDA_TORCH = CPU_TORCH.model_copy(
    update={"version": "2.13.0+cu130", "cuda_runtime": "13.0", "cuda_available": True, "cudnn": 91200}
)
TOOLS = ("Python.h", "g++", "ninja")
QUANTISERS = ("bitsandbytes", "torchao", "optimum-quanto", "hqq", "gptqmodel", "optimum")
NAMES = ("flash-attn", "flash-attn-3", "flash-attn-4", "kernels", "triton", *QUANTISERS)


def package(name: str, usable: bool, reason: str = "machine.package.missing", **params: Any) -> Package:
    if usable:
        return Package(name=name, purpose="", version="1.0", usable=True)
    install = Message(code="machine.package.install", params={"command": f"pip install {name}"})
    return Package(
        name=name,
        purpose="",
        version=None,
        usable=False,
        reason=Message(code=reason, params=params),
        remedy=install,
    )


def packages(*usable: str, **verdicts: Package) -> tuple[Package, ...]:
    """All those that capabilities ask for: `usable` ones, the rest missing; `verdicts` by name with _ for -."""
    return tuple(verdicts.get(name.replace("-", "_"), package(name, name in usable)) for name in NAMES)


def gpu(capability: tuple[int, int] | None, name: str = "NVIDIA GPU", free: int | None = None) -> Gpu:
    return Gpu(index=0, name=name, memory_bytes=80 << 30, capability=capability, free_bytes=free)


def machine(*gpus: Gpu, **changes: Any) -> Machine:
    values: dict[str, Any] = {
        "label": "a machine",
        "platform": "Linux 6.12 x86_64",
        "python": "3.11.7",
        "cpu": Cpu(
            name="CPU",
            cores=2,
            logical_cores=2,
            features=("avx2", "avx512_bf16"),
            memory_bytes=16 << 30,
            available_bytes=8 << 30,
        ),
        "gpus": gpus,
        "torch": CUDA_TORCH if gpus else CPU_TORCH,
        "packages": packages("triton") if gpus else packages(),
        "tools": TOOLS,
        "free_disk_bytes": 2**36,
    }
    return Machine(**{**values, **changes})


def with_features(*features: str, **changes: Any) -> Machine:
    plain = machine(**changes)
    return plain.model_copy(update={"cpu": plain.cpu.model_copy(update={"features": features})})


PLAIN = machine()
T4, A100 = machine(gpu((7, 5), "Tesla T4")), machine(gpu((8, 0), "NVIDIA A100"))
H100, B200 = machine(gpu((9, 0), "NVIDIA H100")), machine(gpu((10, 0), "NVIDIA B200"))
P100, RTX_5090 = machine(gpu((6, 0), "Tesla P100")), machine(gpu((12, 0), "NVIDIA RTX 5090"))
MAC = machine(platform="macOS 15.1 arm64", tools=("clang++",))
WINDOWS = machine(platform="Windows 11 AMD64", tools=("cl", "Python.h"))


def having(where: Machine, *names: str, **verdicts: Package) -> Machine:
    return where.model_copy(update={"packages": packages(*names, **verdicts)})


def model(**changes: Any) -> ModelFacts:
    values: dict[str, Any] = {
        "name": "m",
        "model_type": "llama",
        "architecture": "LlamaForCausalLM",
        "parameters": 1,
        "layers": 1,
        "hidden_size": 256,
        "heads": 4,
        "kv_heads": 4,
        "head_dim": 64,
        "context_length": 4096,
        "vocab_size": 1000,
        "kv_bytes_per_token": 1 << 20,
        "weight_bytes": 1,
        "checkpoint_dtype": "bfloat16",
    }
    return ModelFacts(**{**values, **changes})


LLAMA = model()
FP32 = model(checkpoint_dtype="float32")
MLA = model(
    architecture="DeepseekV3ForCausalLM",
    head_dim=64,
    checkpoint_dtype="float8_e4m3fn",
    config={"qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128},
)
V32 = model(architecture="DeepseekV32ForCausalLM", supports_flash=False, supports_flex=False)
V4 = model(
    architecture="DeepseekV4ForCausalLM",
    head_dim=512,
    supports_sdpa=False,
    supports_flash=False,
    supports_flex=False,
    supports_static_cache=False,
    compiles_whole=False,
)


def ask(knob: str, value: Any, where: Machine, what: ModelFacts | None = None, **knobs: Any) -> Capability:
    return KNOBS[knob].capability(value, where, what, {**Config(), **knobs, knob: value})


def said(capability: Capability) -> str | None:
    """The last word of the code that a capability gives: its reason's, or its note's where it can be used."""
    message = capability.note if capability.ok else capability.reason
    return None if message is None else message.code.rpartition(".")[2]


def check(capability: Capability, ok: bool, code: str | None, remedy: str = "") -> None:
    assert capability.ok is ok, str(capability.reason)
    assert said(capability) == code
    assert remedy in str(capability.remedy or "")
    assert ok or (capability.reason and capability.remedy), "a refusal has a reason and a way out"
    assert "{" not in f"{capability.reason}{capability.remedy}{capability.note}", "a template was not filled"
