"""Measures this configuration again: `python load_model.py --check [--json]`.

The work is that of expected.json: greedy, exactly so many new tokens, end of sequence
off. Times are the host's, taken as generate hands over the tokens of each step; on CUDA
that waits for the device.

    TTFT     seconds from the call to the first new token
    TPOT     seconds per token after the first step: (end - first) / such tokens of a row
    decode   tokens/s: rows / TPOT
    prefill  tokens/s: rows * prompt tokens / TTFT

Exit status 0: the recorded token ids again, and decode within the tolerance.
"""

import argparse
import json
import math
import time
from importlib.metadata import version
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from transformers import BatchEncoding

EXPECTED = Path(__file__).with_name("expected.json")
UNITS = {"decode_tps": "tok/s", "prefill_tps": "tok/s", "ttft_s": "s", "tpot_s": "s"}
JUDGED = "decode_tps"
# two-sided 95 % quantiles of Student's t for 1, 2, 3 ... degrees of freedom
T95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16)

Run = tuple[dict[str, float], list[int]]


class Clock:
    """A streamer that stamps each step and counts its tokens of a row.

    Its first call is the prompt. Speculation hands over several tokens at once.
    """

    def __init__(self) -> None:
        self.stamps: list[float] = []
        self.tokens: list[int] = []

    def put(self, tokens: torch.Tensor) -> None:
        self.stamps.append(time.perf_counter())
        self.tokens.append(tokens.shape[1] if tokens.ndim > 1 else 1)

    def end(self) -> None:
        pass


def work_of(loader: Any, tokenizer: Any, work: dict[str, Any]) -> Any:
    """Token ids and mask, [batch, time]: given prompts, or a text cut to length."""
    rows = work["batch_size"]
    if work["prompts"]:
        prompts = [work["prompts"][row % len(work["prompts"])] for row in range(rows)]
        return loader.encode(tokenizer, prompts, chat=False)
    tokens = work["prompt_tokens"]
    ids = loader.encode(tokenizer, [work["text"]], chat=False)["input_ids"][0]
    start = work["seed"] * 97 % len(ids)
    ids = ids.repeat(-(-(start + tokens) // len(ids)))[start : start + tokens]
    ids = ids.repeat(rows, 1)
    mask = torch.ones_like(ids)
    for row, count in enumerate(work["padding"]):
        left = tokenizer.padding_side == "left"
        where = slice(0, count) if left else slice(tokens - count, None)
        ids[row, where] = tokenizer.pad_token_id
        mask[row, where] = 0
    return BatchEncoding({"input_ids": ids, "attention_mask": mask})


def once(loader: Any, model: Any, inputs: Any, work: dict[str, Any]) -> Run:
    """One run of the work: its times and rates, and the first row's new token ids."""
    (rows, prompt_tokens), new = inputs["input_ids"].shape, work["new_tokens"]
    clock = Clock()
    began = time.perf_counter()
    output = loader.run(
        model,
        inputs,
        new,
        streamer=clock,
        min_new_tokens=new,
        eos_token_id=None,
        **work["arguments"],
    )
    _prompt, first, *_between, last = clock.stamps
    ids = output[0, prompt_tokens:].tolist()
    if not len(ids) == sum(clock.tokens[1:]) == new:
        raise RuntimeError(f"{len(ids)} new tokens were produced instead of {new}")
    ttft_s, tpot_s = first - began, (last - first) / sum(clock.tokens[2:])
    return {
        "decode_tps": rows / tpot_s,
        "prefill_tps": rows * prompt_tokens / ttft_s,
        "ttft_s": ttft_s,
        "tpot_s": tpot_s,
        "e2e_s": last - began,
    }, ids


def interval(values: list[float]) -> dict[str, float]:
    """Mean and 95 % interval of independent runs."""
    mean, degrees = fmean(values), len(values) - 1
    quantile = T95[degrees - 1] if degrees <= len(T95) else 1.96 + 2.4 / degrees
    half = quantile * stdev(values) / math.sqrt(len(values))
    return {"mean": mean, "low": max(mean - half, 0.0), "high": mean + half}


def ratio(now: dict[str, float], then: dict[str, float]) -> dict[str, float]:
    """now / then, both means with independent errors."""
    spreads = [(each["high"] - each["low"]) / 2 / each["mean"] for each in (now, then)]
    value, half = now["mean"] / then["mean"], math.hypot(*spreads)
    low, high = value * max(1 - half, 0.0), value * (1 + half)
    return {"mean": value, "low": low, "high": high}


def check(loader: Any, expected: dict[str, Any], repeats: int) -> dict[str, Any]:
    """What --json prints."""
    tokenizer, model = loader.load()
    work, tolerance = expected["work"], expected["tolerance"]
    inputs = work_of(loader, tokenizer, work)
    once(loader, model, inputs, work)  # warm-up
    runs = [once(loader, model, inputs, work) for _ in range(repeats)]
    now = {name: interval([times[name] for times, _ in runs]) for name in UNITS}
    then = expected["measured"]
    ratios = {name: ratio(now[name], then[name]) for name in UNITS if name in then}
    tokens = expected["token_ids"]
    parts_at = difference(runs[0][1], tokens)
    same_tokens = parts_at is None if tokens else None
    within = None
    if JUDGED in ratios:
        within = abs(ratios[JUDGED]["mean"] - 1) <= tolerance
    return {
        "schema": "workbench.check/1",
        "ok": bool(same_tokens and within),
        "same_tokens": same_tokens,
        "compared_tokens": len(tokens),
        "first_difference": parts_at,
        "within_tolerance": within,
        "tolerance": tolerance,
        "repeats": repeats,
        "now": now,
        "recorded": then,
        "ratio": ratios,
        "versions": {name: version(name) for name in expected["versions"]},
        "recorded_versions": expected["versions"],
    }


def difference(ids: list[int], recorded: list[int]) -> int | None:
    """Where they part; None where they do not, as far as was recorded."""
    pairs = enumerate(zip(ids, recorded, strict=False))
    return next((index for index, (here, there) in pairs if here != there), None)


def table(found: dict[str, Any]) -> str:
    """The same for people."""
    then, now, ratios = found["recorded"], found["now"], found["ratio"]
    lines = [f"{'':12}{'recorded':26}{'now':26}ratio"]
    for name, unit in UNITS.items():
        recorded, measured = shown(then.get(name), unit), shown(now[name], unit)
        line = f"{name:12}{recorded:26}{measured:26}{shown(ratios.get(name))}"
        lines.append(line)
    lines.append(f"brackets: 95 % interval, {found['repeats']} repeats after a warm-up")
    for name, installed in found["versions"].items():
        known = found["recorded_versions"][name]
        if installed.partition("+")[0] != known:
            lines.append(f"{name} {installed} is installed; recorded with {known}")
    if found["same_tokens"] is None:
        return "\n".join([*lines, "nothing was recorded: measure, then export again"])
    said = f"the same {found['compared_tokens']} as recorded"
    if not found["same_tokens"]:
        said = f"not those recorded from new token {found['first_difference']} on"
    lines.append(f"greedy tokens: {said}")
    said = "within" if found["within_tolerance"] else "NOT within"
    percent = f"{100 * found['tolerance']:g} %"
    lines.append(f"{JUDGED}: {said} {percent} of the recorded speed")
    return "\n".join(lines)


def shown(cell: dict[str, float] | None, unit: str = "") -> str:
    if cell is None:
        return "not recorded"
    mean, low, high = (f"{cell[name]:.3g}" for name in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}] {unit}".rstrip()


def main(loader: Any) -> int:
    """loader: the module load_model, with its load, encode and run."""
    expected = json.loads(EXPECTED.read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="what this is")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--tolerance", type=float, default=expected["tolerance"])
    parser.add_argument("--repeats", type=int, default=8, help="at least 2")
    args = parser.parse_args()
    if args.repeats < 2:
        parser.error("--repeats: an interval needs at least 2")
    expected["tolerance"] = args.tolerance
    found = check(loader, expected, args.repeats)
    print(json.dumps(found, indent=2) if args.json else table(found))
    return 0 if found["ok"] else 1
