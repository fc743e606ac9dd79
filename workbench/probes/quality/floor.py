"""The noise floor: the reference against itself, computed another way. No candidate closer than this is different."""

from collections.abc import Sequence

from workbench.errors import CapabilityError
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.quality.distributions import Rows
from workbench.probes.quality.logits import Reader
from workbench.probes.quality.texts import Shelved, compared, together
from workbench.results import QualityFloor, ReferenceText
from workbench.words import say

POSITIONS = 64  # of each passage; the floor is a matter of kernels, not of text
_PAD = 5  # positions of padding that each row has more than the one before it


def floor(
    bench: Bench, reader: Reader, texts: Sequence[ReferenceText], shelf: Shelved, stored: Rows, context: Context
) -> QualityFloor:
    """Of the configuration in force, which is in force again afterwards.

    stored  what storing alone changed: the logits as they were made, against the shelf
    """
    ways = {"storage": stored}
    context.enter(say("phase.quality_floor"))
    if (other := _other_attention(bench, reader, texts, shelf, context)) is not None:
        ways["attention"] = other
    alike = [one for one in texts if not one.skip and one.positions >= POSITIONS]
    if len(alike) > 1:
        ways["batch"] = together(bench, reader, alike, shelf, POSITIONS, [0] * len(alike))
        ways["padding"] = together(bench, reader, alike, shelf, POSITIONS, [_PAD * row for row in range(len(alike))])
    good = {way: rows[~rows.bad] for way, rows in ways.items()}
    return QualityFloor(
        kld_mean=max((rows.kld.mean().item() for rows in good.values() if len(rows)), default=0.0),
        same_top=min((rows.same.double().mean().item() for rows in good.values() if len(rows)), default=1.0),
        by={way: rows.kld.mean().item() for way, rows in good.items() if len(rows)},
    )


def _other_attention(
    bench: Bench, reader: Reader, texts: Sequence[ReferenceText], shelf: Shelved, context: Context
) -> Rows | None:
    before = bench.config
    other = "eager" if before["attention"] == "sdpa" else "sdpa"
    try:
        bench.switch(before.replace(attention=other), context)
        return Rows.join([compared(bench, reader, one, shelf, POSITIONS) for one in texts])
    except CapabilityError:  # this model has only the one
        return None
    finally:
        bench.switch(before, Context(context.emit), proven=True)
