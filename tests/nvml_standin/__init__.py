"""A stand-in for NVIDIA's libnvidia-ml.so.1, compiled from C once per run of the tests and loaded by the real pynvml.

    def test_something(nvml: Standin) -> None:
        nvml.play(gpus=[H100, T4 | {"processes": {4321: 9 << 30}}])   # this process, at once
        nvml.play(gpus=[H100 | {"error": {"*": LOST}}])               # and at any time again
        subprocess.run(…, env=nvml.environment())                     # a child process

A GPU is a dictionary of values by the names in standin.c; what is missing is "not supported". Beside them:

    error, sleep_ms   {function: code or milliseconds}; "*" is every function that takes a device
    processes         {pid: bytes or None}, also graphics_processes and mps_processes; missing: not supported
    violation_ns      {policy: ns}, field {id: value}, field_type {id: type}
    metric            {GPM metric: percent}, metric_error {GPM metric: code}
    link              {other GPU's index: level}, nvlink {link: (state, the other end's bus id, its type)}
    instances         [None or a GPU's dictionary]: its MIG instances by place
    capability        (major, minor); cpus: a set of CPU numbers

`Growing(start, per_s)` stands wherever a number does: a counter that grows while the scenario is played.
"""

from tests.nvml_standin.gpus import A100, H100, T4, Growing
from tests.nvml_standin.standin import Standin, build, why_not

__all__ = ["A100", "H100", "T4", "Growing", "Standin", "build", "why_not"]
