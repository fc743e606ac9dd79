"""FP8 in blocks of 128×128, as the files of DeepSeek-V3 and R1 are: kept on newer GPUs, dequantised elsewhere."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.functional import pad
from transformers import FineGrainedFP8Config
from transformers.integrations.finegrained_fp8 import Fp8Dequantize
from transformers.utils import is_kernels_available

from workbench.config import Config
from workbench.engine.quantizing.library import Library
from workbench.engine.quantizing.outline import Linear
from workbench.engine.torch_facts import kernels_window
from workbench.errors import CapabilityError

CAPABILITY = (8, 9)  # transformers/quantizers/quantizer_finegrained_fp8.py
_BLOCK = 128


def multiplies(device: torch.device) -> bool:
    """Whether transformers keeps FP8 weights as they are there. It asks for the current GPU, not the one named."""
    return device.type == "cuda" and torch.cuda.get_device_capability() >= CAPABILITY


def kernels_command() -> str | None:
    """What installs the package its products come through; None where it is there, as transformers takes it."""
    if is_kernels_available():
        return None
    window = kernels_window()
    return f'pip install "kernels>={window[0]},<{window[1]}"' if window else "pip install kernels"


class Fp8(Library):
    """For weights that are in full; those that are FP8 in their files are `checkpoint`'s."""

    def bring_in(self) -> None:
        """transformers has it."""

    def check(self, config: Config, device: torch.device, dtype: torch.dtype | None) -> None:
        if not multiplies(device):
            raise CapabilityError("checkpoint.fp8_needs_gpu", device=str(device))

    def refuses(self, config: Config, linear: Linear, device: torch.device) -> bool:
        """Its quantiser asserts whole blocks."""
        return bool(linear.rows % _BLOCK or linear.columns % _BLOCK)

    def configuration(
        self, config: Config, device: torch.device, dtype: torch.dtype | None, kept: list[str], group: int | None
    ) -> FineGrainedFP8Config:
        return FineGrainedFP8Config(modules_to_not_convert=kept)


@contextmanager
def whole_blocks(size: tuple[int, int]) -> Iterator[None]:
    """Within it transformers dequantises matrices right whose last block is cut off; its own code may not.

    transformers 5.23 takes the block to be rows ÷ rows of scales (integrations/finegrained_fp8.py). DeepSeek-V3's
    kv_a_proj_with_mqa has 576 rows and 5 rows of scales: it refuses them; 192 rows with 2 it scales by blocks of 96,
    and says nothing. A release that does it right is left alone.
    """
    original = Fp8Dequantize._dequantize_one
    if _is_right(original):
        yield
        return

    @functools.wraps(original)
    def padded(self: Any, quantized: torch.Tensor, scales: torch.Tensor, *rest: Any, **named: Any) -> torch.Tensor:
        rows, columns = quantized.shape[-2:]
        if scales.ndim < 2 or tuple(scales.shape[-2:]) != (-(-rows // size[0]), -(-columns // size[1])):
            other: torch.Tensor = original(self, quantized, scales, *rest, **named)
            return other  # blocks that are not the config's: FP4 experts
        whole = pad(quantized.view(torch.uint8), (0, -columns % size[1], 0, -rows % size[0])).view(quantized.dtype)
        found: torch.Tensor = original(self, whole, scales, *rest, **named)
        return found[..., :rows, :columns].contiguous()

    Fp8Dequantize._dequantize_one = padded
    try:
        yield
    finally:
        Fp8Dequantize._dequantize_one = original


def _is_right(dequantize: Any) -> bool:
    """Tried on a matrix of 3 rows in blocks of 2."""
    ones = torch.ones(3, 2).to(torch.float8_e4m3fn)
    try:
        found = dequantize(Fp8Dequantize(None), ones, torch.tensor([[1.0], [2.0]]), output_dtype=torch.float32)
    except (ValueError, RuntimeError):
        return False
    return bool(torch.equal(found[:, 0], torch.tensor([1.0, 1.0, 2.0])))
