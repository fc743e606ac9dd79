"""Speed and memory of one configuration, kept with the conditions it was measured under."""

from workbench import machine as machines
from workbench.bench import Bench
from workbench.ceilings import ceilings_for
from workbench.results import Measurement, Workload
from workbench.watch import watch

MOST_KEPT = 40  # of a session's measurements, for its roofline; the store has all


def measure(
    bench: Bench, job: int, workload: Workload | None = None, *, precision: float = 0.05, budget_s: float = 60.0
) -> Measurement:
    """Fixed work under the configuration in force, repeated until known to ±`precision` or `budget_s` is spent."""
    ceilings = ceilings_for(bench, job)
    parameters = {
        "probe": "timing",
        "workload": (workload or Workload()).to_dict(),
        "precision": precision,
        "budget_s": budget_s,
        "ceilings": ceilings.to_dict() if ceilings else None,
    }
    with watch(bench) as seen:
        measurement = Measurement.from_dict(bench.call(job, "probe", parameters)["result"])
        measurement = measurement.model_copy(update={"device": seen.marked()})
    for note in machines.power_notes():
        measurement = measurement.flagged(note)
    bench.last["measured_config"] = bench.config
    bench.last["measured"] = (*bench.last.get("measured", ()), measurement)[-MOST_KEPT:]
    return bench.deliver(job, "measurement", measurement, config=bench.config)
