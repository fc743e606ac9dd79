"""Speed and memory of one configuration, kept with the conditions it was measured under."""

from workbench import machine as machines
from workbench.bandwidth import bandwidth
from workbench.bench import Bench
from workbench.results import Measurement, Workload, measurement_record


def measure(
    bench: Bench, job: int, workload: Workload | None = None, *, precision: float = 0.05, budget_s: float = 60.0
) -> Measurement:
    """Fixed work under the configuration in force, repeated until known to ±`precision` or `budget_s` is spent."""
    parameters = {
        "probe": "timing",
        "workload": (workload or Workload()).to_dict(),
        "precision": precision,
        "budget_s": budget_s,
        "bandwidth": bandwidth(bench, job),
    }
    measurement = Measurement.from_dict(bench.call(job, "probe", parameters)["result"])
    for note in machines.power_notes():
        measurement = measurement.flagged(note)
    record = measurement_record(bench.facts.name, bench.machine, bench.config, measurement)
    bench.last["measured_config"] = bench.config
    return bench.deliver(job, "measurement", measurement, record)
