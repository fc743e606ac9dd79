"""Settings that hold around a call or for the whole process: SDPA kernels, autocast, gradients, masks, TF32, cuDNN."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from workbench.errors import CapabilityError
from workbench.knobs.formats import infers

SDPA_BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "math": SDPBackend.MATH,
}
_ENABLED: dict[str, Callable[[], bool]] = {
    "flash": torch.backends.cuda.flash_sdp_enabled,
    "efficient": torch.backends.cuda.mem_efficient_sdp_enabled,
    "cudnn": torch.backends.cuda.cudnn_sdp_enabled,
    "math": torch.backends.cuda.math_sdp_enabled,
}
# what torch says when no kernel that it may use can do the call: on CPU, on CUDA
_NO_KERNEL = ("No viable backend", "No available kernel")


@contextmanager
def in_force(config: Mapping[str, Any], device: torch.device) -> Iterator[None]:
    """Within it a forward pass uses the SDPA kernel and the autocast of `config`, and keeps nothing for gradients.

    CapabilityError when the one kernel that is allowed cannot do what the pass needs.
    """
    chosen = config["sdpa_backend"] if config["attention"] == "sdpa" else "auto"
    told: list[warnings.WarningMessage] = []
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(infers(config["quantization"])))
        stack.enter_context(torch.no_grad())
        if chosen != "auto":
            told = stack.enter_context(_warnings())  # why a kernel cannot is said in warnings
            stack.enter_context(sdpa_kernel(SDPA_BACKENDS[chosen]))
        if config["autocast"] != "off":
            stack.enter_context(torch.autocast(device.type, dtype=getattr(torch, config["autocast"])))
        try:
            yield
        except RuntimeError as error:
            if not any(said in str(error) for said in _NO_KERNEL):
                raise
            problem = _reason(told) or str(error).splitlines()[0]
            raise CapabilityError("capability.no_sdpa_kernel", backend=chosen, problem=problem) from error


@contextmanager
def _warnings() -> Iterator[list[warnings.WarningMessage]]:
    """Collects warnings; after a call that succeeded they are given out again."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        yield told
    for warning in told:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _reason(told: list[warnings.WarningMessage]) -> str:
    texts = (str(warning.message).partition(" (Triggered internally")[0].strip() for warning in told)
    return "; ".join(text for text in texts if text and not text.endswith("because:"))


def masked(batch: dict[str, torch.Tensor], kind: str) -> dict[str, torch.Tensor]:
    """`batch` with its mask as the knob says: the tokenizer's, all ones, or none."""
    if kind == "tokenizer":
        return batch
    others = {name: value for name, value in batch.items() if name != "attention_mask"}
    return others if kind == "none" else {**others, "attention_mask": torch.ones_like(batch["input_ids"])}


def sdpa_backend(config: Mapping[str, Any], device: torch.device) -> str:
    """Read from torch: the one kernel that is allowed within `in_force`, or "auto" for several."""
    with in_force(config, device):
        allowed = [name for name, enabled in _ENABLED.items() if enabled()]
    return allowed[0] if len(allowed) == 1 else "auto"


@dataclass(frozen=True)
class ProcessFlags:
    """Settings of torch that are the process's own."""

    matmul_precision: str
    cudnn_benchmark: bool

    @classmethod
    def now(cls) -> Self:
        return cls(torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark)

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        return cls("high" if config["tf32"] else "highest", config["cudnn_benchmark"])

    def put(self) -> None:
        torch.set_float32_matmul_precision(self.matmul_precision)
        torch.backends.cudnn.benchmark = self.cudnn_benchmark
