"""One short run under one configuration, for whoever makes rounds of them."""

from workbench.bench import Bench
from workbench.checks import refuse_impossible
from workbench.config import Config
from workbench.powering import powered
from workbench.results import Block, Workload
from workbench.ways import put


def run_once(
    bench: Bench,
    job: int,
    config: Config,
    workload: Workload | None = None,
    *,
    first: bool = False,
    energy: bool = False,
) -> Block:
    """energy: also a window under the device's counter.

    CapabilityError: impossible here, or no energy counter. OutOfMemory, WorkerDied, ModelError as `apply` and
    `measure` have them.
    """
    refuse_impossible(config, bench.machine, bench.facts)
    put(bench, job, config)
    work = (workload or Workload()).to_dict()
    parameters = {"probe": "block", "workload": work, "warm_up": first, "peak": first}
    block = Block.from_dict(bench.call(job, "probe", parameters)["result"])
    if not energy:
        return block
    found = powered(bench, job, workload or Workload(), first=first)
    return block.model_copy(update={"run": {**block.run, **found}})
