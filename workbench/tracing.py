"""A trace of the configuration in force: which kernels really ran, and where the time went."""

from workbench.bench import Bench
from workbench.errors import ConfigError
from workbench.results import Trace, Workload

MOST_STEPS = 16  # every one lengthens the file and says the same


def trace(bench: Bench, job: int, workload: Workload | None = None, *, steps: int = 3) -> Trace:
    """Profiles the prefill of `workload` and its first `steps` decode steps; kept in the store, the file beside it.

    ConfigError for a number of steps that is not 1 to 16.
    """
    if not 1 <= steps <= MOST_STEPS:
        raise ConfigError("trace.bad_steps", steps=steps, most=MOST_STEPS)
    parameters = {"probe": "trace", "workload": (workload or Workload()).to_dict(), "steps": steps}
    found = Trace.from_dict(bench.call(job, "probe", parameters)["result"])
    bench.last["traced_config"] = bench.config
    return bench.deliver(job, "trace", found)
