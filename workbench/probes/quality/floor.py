"""The noise floor: the reference against itself, computed another way. No candidate closer than this is different."""

from collections.abc import Sequence

from workbench.errors import CapabilityError
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.quality.distributions import Rows
from workbench.probes.quality.logits import Reader
from workbench.probes.quality.statistics import statistics
from workbench.probes.quality.texts import Shelved, compared, together
from workbench.results import QualityFloor, ReferenceText, Statistics
from workbench.words import say

POSITIONS = 64  # of each passage in a batch of all of them, which would else be large
_PAD = 5  # positions of padding that each row has more than the one before it


def floor(
    bench: Bench,
    reader: Reader,
    texts: Sequence[ReferenceText],
    shelf: Shelved,
    stored: Sequence[Rows],
    context: Context,
) -> QualityFloor:
    """Of the configuration in force, which is in force again afterwards.

    stored  of each text, what storing alone changed: the logits as they were made, against the shelf
    """
    ways: dict[str, Sequence[Rows]] = {"storage": stored}
    context.enter(say("phase.quality_floor"))
    if (other := _other_attention(bench, reader, texts, shelf, context)) is not None:
        ways["attention"] = other
    alike = [one for one in texts if not one.skip and one.positions >= POSITIONS]
    if len(alike) > 1:
        padding = [_PAD * row for row in range(len(alike))]
        ways["batch"] = together(bench, reader, alike, shelf, POSITIONS, [0] * len(alike))
        ways["padding"] = together(bench, reader, alike, shelf, POSITIONS, padding)
    blocks = {way: block for way, rows in ways.items() if (block := _of_way(rows)) is not None}
    return QualityFloor(
        kld_mean=max((block.kld.mean for block in blocks.values()), default=0.0),
        kld_high=max((block.kld.mean_ci95[1] for block in blocks.values() if block.blocks > 1), default=0.0),
        same_top=min((block.same_top for block in blocks.values()), default=1.0),
        by={way: block.kld.mean for way, block in blocks.items()},
    )


def _of_way(rows: Sequence[Rows]) -> Statistics | None:
    return statistics(Rows.join(rows), [len(part) for part in rows], targets=False)


def _other_attention(
    bench: Bench, reader: Reader, texts: Sequence[ReferenceText], shelf: Shelved, context: Context
) -> list[Rows] | None:
    before = bench.config
    other = "eager" if before["attention"] == "sdpa" else "sdpa"
    try:
        bench.switch(before.replace(attention=other), context)
        return [compared(bench, reader, one, shelf) for one in texts]
    except CapabilityError:  # this model has only the one
        return None
    finally:
        bench.switch(before, Context(context.emit), proven=True)
