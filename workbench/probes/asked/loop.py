"""What an event loop can do while the model answers: a ticker on it, and its longest gap."""

import asyncio
import time
from itertools import pairwise
from typing import Any

from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.timing import prepare
from workbench.results import Quantities, Quantity, Workload
from workbench.words import say

_WORK = Workload(prompt_tokens=64, new_tokens=32)
_TICK_S = 0.002


def event_loop(bench: Bench, params: dict[str, Any], context: Context) -> Quantities:
    """params: threaded (called in a thread, or by the coroutine). A 2 ms ticker's longest gap ÷ the answer's time."""
    batch = prepare(bench, _WORK)

    def answer() -> None:
        with bench.interruptible(context):
            bench.produce(batch, None, _WORK.new_tokens)

    answer()  # what a first call pays for is none of it
    gap, answered_s = asyncio.run(_gap(answer, threaded=params["threaded"]))
    return Quantities(
        values={"gap_share": Quantity(value=gap)},
        notes=(say("tips.note.loop", seconds=answered_s),),
    )


async def _gap(answer: Any, *, threaded: bool) -> tuple[float, float]:
    """The longest gap ÷ the answer's seconds, and those."""
    beats: list[float] = []

    async def tick() -> None:
        while True:
            beats.append(time.perf_counter())
            await asyncio.sleep(_TICK_S)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(10 * _TICK_S)
    began = time.perf_counter()
    if threaded:
        await asyncio.to_thread(answer)
    else:
        answer()
    taken = time.perf_counter() - began
    await asyncio.sleep(2 * _TICK_S)
    ticking.cancel()
    longest = max(later - earlier for earlier, later in pairwise(beats))
    return min(longest / taken, 1.0), taken
