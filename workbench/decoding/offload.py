"""Tokens/s against layers that wait outside the device: each value loaded anew, in rounds there and back."""

import math
import time
from collections.abc import Sequence
from statistics import fmean

from workbench.bench import Bench
from workbench.checks import refuse_impossible
from workbench.costs import RUNS_PER_LOAD
from workbench.errors import CapabilityError, ConfigError
from workbench.pairing import SHARED_CORES
from workbench.results import Block, Offload, OffloadPoint, Resolved, Workload
from workbench.stats import positive_mean_interval, ratio_interval, relative_half_width
from workbench.ways import put, restored
from workbench.words import Message, say
from workbench.words.format import interval, ratio, seconds, size

FEWEST_ROUNDS = 3
_METRICS = ("decode_tps", "prefill_tps", "ttft_s", "tpot_s")


def offload(
    bench: Bench,
    job: int,
    values: Sequence[int] | None = None,
    workload: Workload | None = None,
    *,
    precision: float = 0.05,
    budget_s: float = 120.0,
) -> Offload:
    """Decode at each number of layers away (default: none, a quarter, half, all). Kept in the store.

    The configuration of before is in force again afterwards. ConfigError for values that cannot be tried;
    CapabilityError where the model or machine cannot.
    """
    layers = bench.facts.layers
    asked = tuple(values) if values is not None else tuple(sorted({0, layers // 4, layers // 2, layers}))
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in asked)
    if len(asked) < 2 or not whole or list(asked) != sorted(set(asked)) or asked[0] < 0:
        raise ConfigError("offload.values", values=repr(asked))
    configs = [bench.config.replace(offloaded_layers=value) for value in asked]
    for config in configs:
        refuse_impossible(config, bench.machine, bench.facts)
    if bench.attached:
        raise CapabilityError("session.attached", knobs="offloaded_layers")
    work = workload or Workload.preset("quick")
    context, began, loads = bench.context(job), time.monotonic(), 0
    blocks: list[list[Block]] = [[] for _ in asked]
    resolved: dict[int, Resolved] = {}
    with restored(bench, job):
        rounds = 0
        while not _enough(blocks, rounds, precision, time.monotonic() - began, budget_s):
            order = range(len(asked)) if rounds % 2 == 0 else reversed(range(len(asked)))
            for at in order:
                context.progress(say("progress.offload", layers=asked[at], round=rounds + 1), loads)
                if bench.config != configs[at]:
                    put(bench, job, configs[at])
                    loads += 1
                parameters = {"workload": work.to_dict(), "warm_up": True, "runs": RUNS_PER_LOAD}
                data = bench.call(job, "probe", {"probe": "block", **parameters})
                blocks[at].append(Block.from_dict(data["result"]))
                resolved[at] = bench.resolved
            rounds += 1
    cores = [block.others_cores for taken in blocks for block in taken if block.others_cores is not None]
    found = Offload(
        points=tuple(_point(at, blocks, resolved, layers) for at in range(len(asked))),
        device=resolved[0].device,
        elsewhere="cpu" if resolved[0].device.startswith("cuda") else "disk",
        layers=layers,
        workload=blocks[0][0].workload,
        config=bench.config.to_dict(),
        loads=loads,
        cpu_busy_elsewhere=fmean(cores) if cores else None,
        seconds=time.monotonic() - began,
        flags=_flags(bench, resolved[0], cores),
    )
    return bench.deliver(job, "offload", found)


def _enough(blocks: list[list[Block]], rounds: int, precision: float, spent_s: float, budget_s: float) -> bool:
    if rounds < FEWEST_ROUNDS:
        return False
    widest = max(relative_half_width(_series(taken, "decode_tps")) for taken in blocks)
    return widest <= precision or spent_s + spent_s / rounds > budget_s


def _flags(bench: Bench, resolved: Resolved, cores: Sequence[float]) -> tuple[Message, ...]:
    flags = list(bench.facts.notes)
    if cores and fmean(cores) > SHARED_CORES:
        flags.append(say("flag.shared", cores=f"{fmean(cores):.1f}"))
    if not resolved.device.startswith("cuda"):
        flags.append(say("offload.flag.disk_cached"))
    return tuple(flags)


def _series(taken: Sequence[Block], metric: str) -> list[float]:
    return [block.run[metric] for block in taken]


def _point(at: int, blocks: list[list[Block]], resolved: dict[int, Resolved], layers: int) -> OffloadPoint:
    taken, first, state = blocks[at], blocks[0], resolved[at]
    ratios = {
        metric: ratio_interval(list(zip(_series(first, metric), _series(taken, metric), strict=True)))
        for metric in (_METRICS if at else ())
    }
    mean = {metric: fmean(_series(taken, metric)) for metric in _METRICS}
    away = state.offloaded_layers
    held = sum(found for place, found in state.bytes_by_place.items() if place == state.device)
    more = away - resolved[0].offloaded_layers
    layer_s = (mean["tpot_s"] - fmean(_series(first, "tpot_s"))) / more if more else None
    verdict = None
    if at:
        gain, (low, high) = ratios["decode_tps"]
        at_first = resolved[0].bytes_by_place.get(state.device, 0)
        said = {"layers": away, "all": layers, "ratio": ratio(gain), "interval": interval((low, high))}
        seen = (high < 1 or low > 1) and math.isfinite(high)
        freed = size(at_first - held)
        verdict = (
            say("offload.verdict", **said, freed=freed, each=seconds(layer_s))
            if seen
            else say("offload.none_seen", **said, freed=freed)
        )
    return OffloadPoint(
        layers=away,
        rounds=len(taken),
        mean=mean,
        ci95={metric: positive_mean_interval(_series(taken, metric)) for metric in _METRICS},
        ratio={metric: found for metric, (found, _) in ratios.items()},
        ratio_ci95={metric: bounds for metric, (_, bounds) in ratios.items()},
        device_bytes=held,
        away_bytes=sum(state.bytes_by_place.values()) - held,
        layer_s=layer_s,
        verdict=verdict,
        resolved=state,
    )
