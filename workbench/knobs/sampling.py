"""How the next token is picked and when an answer ends. Measurements are always greedy, without penalties and stops:
these knobs act on generated text."""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.kinds import Number, Texts, Toggle
from workbench.knobs.knob import Group, Knob
from workbench.knobs.sampling_remarks import capability_of

LARGEST_SEED = 2**32 - 1


def _sampling(values: Mapping[str, Any]) -> bool:
    return bool(values["do_sample"])


def _cold_sampling(values: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    if values["do_sample"] and values["temperature"] == 0.0:
        return "config.sampling_at_zero", {}
    return None


KNOBS = (
    Knob(
        name="do_sample",
        label="Sampling",
        help="Off: greedy, the likeliest token each time. On: a draw from the distribution below.",
        group=Group.GENERATION,
        kind=Toggle(),
        default=False,
    ),
    Knob(
        name="temperature",
        label="Temperature",
        help="Divides the logits before the draw; below 1 sharpens, above 1 flattens. Ignored when greedy.",
        group=Group.GENERATION,
        kind=Number(0.0, 5.0, 0.05),
        default=1.0,
        when=_sampling,
        conflict=_cold_sampling,
        capability=capability_of("temperature"),
    ),
    Knob(
        name="top_p",
        label="Top-p",
        help="Draws from the smallest set of tokens whose probabilities reach this sum. 1: all of them. "
        "Ignored when greedy.",
        group=Group.GENERATION,
        kind=Number(0.01, 1.0, 0.01),
        default=1.0,
        when=_sampling,
        capability=capability_of("top_p"),
    ),
    Knob(
        name="top_k",
        label="Top-k",
        help="Draws from the k likeliest tokens. 0: from all. Ignored when greedy.",
        group=Group.GENERATION,
        kind=Number(0, 1000, 1, integer=True),
        default=50,
        when=_sampling,
        capability=capability_of("top_k"),
    ),
    Knob(
        name="min_p",
        label="Min-p",
        help="Draws from the tokens that are at least this share as likely as the likeliest one. 0: from all. "
        "Ignored when greedy.",
        group=Group.GENERATION,
        kind=Number(0.0, 1.0, 0.01),
        default=0.0,
        when=_sampling,
        capability=capability_of("min_p"),
    ),
    Knob(
        name="seed",
        label="Seed",
        help="Of the draws: the same seed, prompts and batch give the same text. random: a new one each time, which "
        "the result names.",
        group=Group.GENERATION,
        kind=Number(0, LARGEST_SEED, 1, integer=True, words=("random",)),
        default="random",
        when=_sampling,
    ),
    Knob(
        name="repetition_penalty",
        label="Repetition penalty",
        help="Divides the positive logits of tokens that stand in prompt or answer, and multiplies the negative ones. "
        "1: off. Acts on greedy too.",
        group=Group.GENERATION,
        kind=Number(0.05, 5.0, 0.05),
        default=1.0,
        capability=capability_of("repetition_penalty"),
    ),
    Knob(
        name="no_repeat_ngram_size",
        label="No repeated n-gram",
        help="No run of so many tokens comes twice, the prompt's included. 0: off. Acts on greedy too.",
        group=Group.GENERATION,
        kind=Number(0, 100, 1, integer=True),
        default=0,
        capability=capability_of("no_repeat_ngram_size"),
    ),
    Knob(
        name="stop_strings",
        label="Stop strings",
        help="An answer ends when one of these texts is written; the text shown ends before it. "
        r'A new line or a space at an end is written as in JSON: ["\n\n", "END"].',
        group=Group.GENERATION,
        kind=Texts(),
        default=(),
        capability=capability_of("stop_strings"),
    ),
    Knob(
        name="stop_at_sentence",
        label="Stop at a sentence end",
        help="After so many new tokens an answer ends at the next end of a sentence, Chinese or English. "
        "No token is computed after it.",
        group=Group.GENERATION,
        kind=Number(1, 100_000, 1, integer=True, words=("off",)),
        default="off",
        unit="tokens",
    ),
)
