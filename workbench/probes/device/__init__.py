"""What CPU and GPU do while the model works, sampled in the caller's process so that it outlives a dead worker."""

from workbench.probes.device.sampler import Sampler

__all__ = ["Sampler"]
