"""A text read in one pass and by sliding windows: each token's loss both ways, time by pairs, memory."""

import time
from collections.abc import Sequence
from statistics import fmean
from typing import Any

import torch

from workbench.errors import ConfigError
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.memory import Peak
from workbench.probes.quality.bootstrap import Resamples
from workbench.probes.quality.logits import Reader, row_of
from workbench.results import Reading, Windows
from workbench.spans import Span, spans
from workbench.stats import positive_mean_interval, ratio_interval
from workbench.words import Message, say


def run(bench: Bench, params: dict[str, Any], context: Context) -> Windows:
    """params: text, tokens (at most, or None), size (or None: a quarter), overlap (tokens, or a share), rounds."""
    began = time.monotonic()
    ids = tuple(bench.tokenizer(params["text"])["input_ids"][: params["tokens"]])
    limit = bench.facts.context_length
    if len(ids) < 4:
        raise ConfigError("windows.too_short", tokens=len(ids))
    size = params["size"] or min(max(len(ids) // 4, 2), limit)
    overlap = params["overlap"] if isinstance(params["overlap"], int) else max(1, round(size * params["overlap"]))
    if size > limit:
        raise ConfigError("windows.beyond_context", size=size, limit=limit)
    slid = spans(len(ids), size, overlap)
    ways = {"windows": slid, "one_pass": spans(len(ids), len(ids), 1)} if len(ids) <= limit else {"windows": slid}
    context.enter(say("windows.reading"))
    reader = Reader(bench, context)
    losses = {name: _losses(bench, reader, ids, way) for name, way in ways.items()}  # and what the first pass pays for
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    peaks: dict[str, Peak] = {}
    for turn in range(params["rounds"]):
        context.progress(say("windows.round", done=turn, total=params["rounds"]), turn, params["rounds"])
        for name in list(ways) if turn % 2 == 0 else list(reversed(ways)):
            with Peak(bench.device) as peaks[name]:
                start = time.perf_counter()
                _losses(bench, reader, ids, ways[name])
                seconds[name].append(time.perf_counter() - start)
    last = slid[-1].stop - slid[-1].first
    readings = {name: _reading(ways[name], seconds[name], peaks[name], losses[name], last) for name in ways}
    compared = _compared(losses, seconds, last) if "one_pass" in ways else {}
    return Windows(
        tokens=len(ids),
        size=size,
        overlap=overlap,
        last_tokens=last,
        rounds=params["rounds"],
        windows=readings["windows"],
        one_pass=readings.get("one_pass"),
        peak_method=peaks["windows"].method,
        verdict=_verdict(compared, len(ids), limit),
        seconds=time.monotonic() - began,
        flags=bench.facts.notes,
        **compared,
    )


def _losses(bench: Bench, reader: Reader, ids: Sequence[int], way: Sequence[Span]) -> torch.Tensor:
    """−ln p of every token but the first, [tokens − 1], float64 on the host."""
    found = []
    for span in way:
        batch = row_of(bench, tuple(ids[span.start : span.stop]))
        own = batch["input_ids"][0]
        for where, logits in reader.logits(batch, span.first - 1 - span.start, span.stop - 1 - span.start):
            targets = own[where.start + 1 : where.stop + 1, None]
            found.append(-logits[0].float().log_softmax(-1).gather(1, targets)[:, 0].double().cpu())
    return torch.cat(found)


def _interval(values: torch.Tensor) -> tuple[float, float]:
    """Of the mean, over blocks of positions."""
    return Resamples(values[:, None], [len(values)]).interval(lambda mean: mean[0])


def _reading(way: Sequence[Span], seconds: Sequence[float], peak: Peak, losses: torch.Tensor, last: int) -> Reading:
    return Reading(
        passes=len(way),
        tokens=sum(span.stop - span.start for span in way),
        seconds=fmean(seconds),
        seconds_ci95=positive_mean_interval(seconds),
        peak_bytes=peak.bytes,
        nll=losses.mean().item(),
        nll_ci95=_interval(losses),
        last_nll=losses[-last:].mean().item(),
        last_nll_ci95=_interval(losses[-last:]),
    )


def _compared(losses: dict[str, torch.Tensor], seconds: dict[str, list[float]], last: int) -> dict[str, Any]:
    more = losses["windows"] - losses["one_pass"]
    ratio, bounds = ratio_interval(list(zip(seconds["one_pass"], seconds["windows"], strict=True)))
    return {
        "time_ratio": ratio,
        "time_ratio_ci95": bounds,
        "nll_difference": more.mean().item(),
        "nll_difference_ci95": _interval(more),
        "last_difference": more[-last:].mean().item(),
        "last_difference_ci95": _interval(more[-last:]),
    }


def _verdict(compared: dict[str, Any], tokens: int, limit: int) -> Message:
    if not compared:
        return say("windows.only", tokens=tokens, limit=limit)
    low, high = compared["time_ratio_ci95"]
    time_said = "windows.slower" if low > 1 else "windows.faster" if high < 1 else "windows.same_time"
    least, most = compared["last_difference_ci95"]
    loss_said = "windows.worse" if least > 0 else "windows.better" if most < 0 else "windows.same_loss"
    return say(
        "windows.verdict",
        time=str(say(time_said, ratio=compared["time_ratio"], low=low, high=high)),
        loss=str(say(loss_said, change=compared["last_difference"], low=least, high=most)),
    )
