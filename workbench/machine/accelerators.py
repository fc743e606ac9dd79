"""Accelerators that are not NVIDIA's, or that NVML does not cover: found, and answered with why they are not sampled.

Sources: ROCm, "System requirements" (/dev/kfd is the compute driver's device); Intel Gaudi, driver installation
(/dev/hl*, kernel module habanalabs); Huawei CANN installation guide (/dev/davinci*); NVIDIA Jetson Linux Developer
Guide (/etc/nv_tegra_release; the device tree's model).
"""

from pathlib import Path

from workbench.words import Message, say


def unsupported(root: Path = Path("/")) -> Message | None:
    """Why the accelerator of this machine is not sampled; None where there is none. `root`: of the file system."""
    if model := _jetson(root):
        return say("machine.gpu.jetson", model=model)
    if (root / "dev/kfd").exists() and (root / "opt/rocm").exists():  # kfd alone comes with any AMD display adapter
        return say("machine.gpu.rocm")
    if (root / "sys/module/habanalabs").is_dir() or _any(root / "dev", "hl[0-9]*"):
        return say("machine.gpu.gaudi")
    if _any(root / "dev", "davinci[0-9]*"):
        return say("machine.gpu.ascend")
    return None


def _jetson(root: Path) -> str | None:
    """The board's name. The device tree's strings end with a zero byte."""
    try:
        model = (root / "proc/device-tree/model").read_bytes().rstrip(b"\0").decode(errors="replace")
    except OSError:  # no device tree: not such a board
        model = ""
    if "jetson" in model.lower():
        return model
    return "NVIDIA Jetson" if (root / "etc/nv_tegra_release").exists() else None


def _any(folder: Path, pattern: str) -> bool:
    return folder.is_dir() and next(folder.glob(pattern), None) is not None
