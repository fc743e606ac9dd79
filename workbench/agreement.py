"""Whether two live configurations compute the same, asked of the resident model."""

from collections.abc import Mapping
from typing import Any

from workbench.bench import Bench
from workbench.checks import refuse_impossible
from workbench.config import Config
from workbench.errors import CapabilityError, ConfigError
from workbench.knobs import Cost
from workbench.pairing import block_of
from workbench.results import Agreement, Workload

Side = Config | Mapping[str, Any]


def agreement(
    bench: Bench, job: int, a: Side, b: Side, workload: Workload | None = None, text: str | None = None
) -> Agreement:
    """b's logits against a's over the workload's prompt (or `text`) and along a's greedy answer to it.

    Kept in the store. ConfigError when both are the same; CapabilityError when one is impossible here, or needs a
    reload: logits never leave the process that made them.
    """
    sides = [side if isinstance(side, Config) else bench.config.replace(**side) for side in (a, b)]
    if not sides[0].diff(sides[1]):
        raise ConfigError("compare.same", config=str(sides[0]))
    for side in sides:
        refuse_impossible(side, bench.machine, bench.facts)
        if bench.config.cost_to(side) is not Cost.LIVE:
            raise CapabilityError("agreement.needs_reload", knobs=", ".join(bench.config.diff(side)))
    work = workload or block_of(Workload())
    parameters = {
        "probe": "agreement",
        "a": sides[0].to_dict(),
        "b": sides[1].to_dict(),
        "workload": work.to_dict(),
        "text": text,
    }
    found = Agreement.from_dict(bench.call(job, "probe", parameters)["result"])
    return bench.deliver(job, "agreement", found, config=sides[1], workload=work)
