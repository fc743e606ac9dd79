"""One prompt answered under two configurations, one after the other, as people read answers: streamed, to their end."""

from collections.abc import Mapping
from typing import Any

from workbench.bench import Bench
from workbench.checks import refuse_impossible
from workbench.config import Config
from workbench.errors import ConfigError
from workbench.results import Completion, SideBySide, parting
from workbench.ways import put, restored

Side = Config | Mapping[str, Any]


def side_by_side(
    bench: Bench,
    job: int,
    prompt: Any,
    a: Side,
    b: Side,
    max_new_tokens: int = 64,
    *,
    seed: int | None = None,
    chat: bool = True,
) -> SideBySide:
    """Token events come with row 0 for a and row 1 for b. The configuration of before is in force again afterwards.

    ConfigError when both are the same, CapabilityError when one is impossible here; OutOfMemory, ModelError and Stopped
    as `apply` and `generate` have them.
    """
    sides = [side if isinstance(side, Config) else bench.config.replace(**side) for side in (a, b)]
    if not sides[0].diff(sides[1]):
        raise ConfigError("compare.same", config=str(sides[0]))
    for side in sides:
        refuse_impossible(side, bench.machine, bench.facts)
    found: list[Completion] = []
    with restored(bench, job):
        for row, side in enumerate(sides):
            put(bench, job, side)
            found += bench.answers(job, [prompt], max_new_tokens, seed=seed, chat=chat, first_row=row)
    whole = SideBySide(
        a=sides[0].to_dict(),
        b=sides[1].to_dict(),
        answers=(found[0], found[1]),
        parts_at=parting(found[0].token_ids, found[1].token_ids),
    )
    bench.tell(job, "result", {"kind": "side_by_side", "value": whole, "config": bench.config})
    return whole
