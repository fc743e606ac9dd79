"""Where a forecast would run: how much memory, how fast, and what its kernels can do."""

from dataclasses import dataclass

from workbench.catalog import gpu
from workbench.config import Config
from workbench.knobs.capability_quantization import repacks
from workbench.results import Machine
from workbench.words import Message, say

FP8_CAPABILITY = (8, 9)  # below it, and on CPU, transformers dequantises FP8 checkpoints


@dataclass(frozen=True)
class Target:
    """A device. Bandwidth in bytes/s; None: not measured.

    repacks  whether bitsandbytes repacks 4-bit weights there
    """

    available: int | None
    bandwidth: float | None
    cuda: bool = False
    fp8: bool = False
    repacks: bool = False
    notes: tuple[Message, ...] = ()


def target_of(config: Config, machine: Machine | None, on: str | None, resident_bytes: int) -> Target:
    """The catalogued GPU `on`, else the device that `config` means on this machine."""
    if on:
        return _catalogued(on)
    if machine is None:
        return Target(None, None, cuda=str(config["device"]).startswith("cuda"), notes=(say("model.no_machine"),))
    asked = str(config["device"])
    cuda = machine.torch is not None and machine.torch.cuda_available and bool(machine.gpus)
    if asked == "cpu" or (asked == "auto" and not cuda):
        return _cpu(config, machine, resident_bytes)
    index = int(asked.partition(":")[2] or 0)
    if index >= len(machine.gpus):
        return Target(None, None, cuda=True, notes=(say("model.no_machine"),))
    card = machine.gpus[index]
    fp8 = card.capability is not None and card.capability >= FP8_CAPABILITY
    bandwidth = machine.copy_bandwidth.get(f"cuda:{index}")
    free = None if card.free_bytes is None else card.free_bytes + resident_bytes
    notes: tuple[Message, ...] = () if free is not None else (say("model.gpu_memory_whole"),)
    notes += () if bandwidth else (say("model.no_bandwidth"),)
    return Target(card.memory_bytes if free is None else free, bandwidth, cuda=True, fp8=fp8, notes=notes)


def _catalogued(slug: str) -> Target:
    card = gpu(slug)
    fp8 = tuple(card.compute_capability.value) >= FP8_CAPABILITY
    note = say("model.vendor_gpu", gpu=card.name, source=card.bandwidth_gbps.source)
    return Target(card.memory_bytes, card.bandwidth_bytes_per_s, cuda=True, fp8=fp8, notes=(note,))


def _cpu(config: Config, machine: Machine, resident_bytes: int) -> Target:
    threads = config["threads"]
    if threads == "auto" and machine.threads is not None:
        threads = machine.threads.threads
    bandwidth = machine.copy_bandwidth.get(f"cpu:{threads}")
    if threads == "auto":
        measured = [rate for name, rate in machine.copy_bandwidth.items() if name.startswith("cpu:")]
        bandwidth = max(measured, default=None)
    available = machine.cpu.available_bytes + resident_bytes
    notes = () if bandwidth else (say("model.no_bandwidth"),)
    return Target(available, bandwidth, repacks=repacks(machine), notes=notes)
