"""The copy bandwidth that limits are computed from: measured when it is first needed, kept with the machine."""

from workbench import machine as machines
from workbench.bench import Bench


def bandwidth(bench: Bench, job: int) -> float:
    """Copy bandwidth of the device in force, bytes/s; measured once a machine."""
    device = bench.resolved.device
    key = device if device != "cpu" else f"cpu:{bench.resolved.threads}"
    if key not in bench.machine.copy_bandwidth:
        data = bench.call(job, "bandwidth", {})
        machines.remember_bandwidth(data["key"], data["bytes_per_s"])
        known = {**bench.machine.copy_bandwidth, data["key"]: data["bytes_per_s"]}
        bench.machine = bench.machine.model_copy(update={"copy_bandwidth": known})
    return bench.machine.copy_bandwidth[key]
