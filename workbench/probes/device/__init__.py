"""What CPU and GPU do while the model works, sampled in the caller's process so that it outlives a dead worker."""

from workbench.machine.topology import read_topology
from workbench.probes.device.sampler import Sampler
from workbench.probes.device.window import window

__all__ = ["Sampler", "read_topology", "window"]
