"""What counts as rounding, and what as another computation: by distances that real kernels and real faults gave."""

import math

import pytest

from workbench.config import Config
from workbench.results import Divergence, LogitDistance
from workbench.rounding import WRONG_FROM, excess, level_of, loses, sentence

EAGER, SDPA = Config(attention="eager"), Config(attention="sdpa")
NONE = LogitDistance(positions=256, max_logit_diff=0.0, kl_mean=0.0, kl_max=0.0, same_top=1.0)


def apart(diff: float, mean: float, most: float, top: float = 1.0) -> LogitDistance:
    return LogitDistance(positions=256, max_logit_diff=diff, kl_mean=mean, kl_max=most, same_top=top)


# SmolLM2-135M, 256 tokens of the built-in text, against eager of the same format
ROUNDING = {
    "float32": apart(7.15e-05, 8.82e-12, 5.29e-11),
    "bfloat16": apart(0.969, 0.00219, 0.0209, 0.965),
    "float16": apart(0.164, 3.37e-05, 0.000197, 0.984),
}
CORRECT = {
    ("float32", "sdpa"): apart(7.56e-05, 8.16e-12, 3.47e-11),
    ("float32", "normalised after the product"): apart(6.34e-05, 8.27e-12, 4.31e-11),
    ("bfloat16", "sdpa"): apart(0.992, 0.00175, 0.00733, 0.965),
    ("bfloat16", "normalised after the product"): apart(0.75, 0.00174, 0.00756, 0.969),
    ("bfloat16", "against float32"): apart(0.965, 0.00133, 0.00823, 0.973),
    ("float16", "sdpa"): apart(0.103, 2.65e-05, 0.000152, 0.992),
}
FAULTS = {
    ("float32", "scores 1 % too large"): apart(0.799, 0.000184, 0.00252, 0.992),
    ("float32", "one head of one layer left out"): apart(2.27, 0.00492, 0.108, 0.949),
    ("float16", "scores 1 % too large"): apart(0.805, 0.000224, 0.00206, 0.988),
    ("float16", "one head of one layer left out"): apart(2.3, 0.005, 0.113, 0.953),
    ("bfloat16", "scores 10 % too large"): apart(5.72, 0.0159, 0.123, 0.922),
    ("bfloat16", "a window of 64 tokens"): apart(18.2, 0.638, 6.44, 0.555),
    ("bfloat16", "own token not seen"): apart(26.6, 0.268, 8.24, 0.676),
    ("bfloat16", "a head left out"): apart(28.0, 0.391, 3.69, 0.59),
    ("bfloat16", "heads of the wrong group"): apart(41.6, 9.94, 19.9, 0.008),
    ("bfloat16", "no mask"): apart(21.1, 1.52, 6.19, 0.344),
}


@pytest.mark.parametrize(("dtype", "kernel"), CORRECT, ids=" ".join)
def test_correct_kernels_lie_within_rounding(dtype: str, kernel: str) -> None:
    distance = CORRECT[dtype, kernel]
    times = excess(distance, ROUNDING[dtype])
    assert times < 1.2
    level = level_of(EAGER, SDPA, distance, NONE, times)
    assert level == ("agrees" if distance.same_top == 1 else "rounding")


@pytest.mark.parametrize(("dtype", "fault"), FAULTS, ids=" ".join)
def test_faults_are_called_wrong(dtype: str, fault: str) -> None:
    times = excess(FAULTS[dtype, fault], ROUNDING[dtype])
    assert times > WRONG_FROM
    assert level_of(EAGER, SDPA, FAULTS[dtype, fault], NONE, times) == "wrong"


def test_a_fault_of_decoding_alone_is_seen() -> None:
    fault = apart(5.0, 0.02, 0.1, 0.8)
    assert level_of(EAGER, SDPA, NONE, fault, excess(fault, ROUNDING["float16"])) == "wrong"


def test_the_same_bits_are_the_same() -> None:
    assert excess(NONE, ROUNDING["float32"]) == 0
    assert level_of(EAGER, SDPA, NONE, NONE, 0.0) == "same"


@pytest.mark.parametrize("distance", [apart(math.inf, math.inf, math.inf), apart(math.nan, 0.1, 0.1)])
def test_what_is_no_number_is_wrong(distance: LogitDistance) -> None:
    assert level_of(EAGER, SDPA, distance, NONE, excess(distance, ROUNDING["bfloat16"])) == "wrong"


def test_knobs_that_are_meant_to_lose_are_no_bugs() -> None:
    quantized = SDPA.replace(cache="quantized", cache_backend="hqq")
    far = apart(5.0, 0.02, 0.1, 0.8)
    assert level_of(SDPA, quantized, far, far, 50.0) == "lossy"
    assert loses(SDPA, quantized) == "cache"
    assert loses(quantized.replace(cache_bits=2), quantized.replace(cache_bits=4)) == "cache_bits"
    assert loses(SDPA, SDPA.replace(cache="static")) == ""
    assert loses(EAGER, SDPA) == ""


def test_the_verdict_in_words() -> None:
    parting = Divergence(row=0, index=3, token_a=5, token_b=6, text_a="a", text_b="b", margin=0.04)
    wrong = str(sentence("wrong", ("eager", "mine"), 29.0, "", parting, "bfloat16"))
    assert wrong.startswith("WRONG: mine and eager do not compute the same: 29× the distance")
    assert "greedy answers part at token 4, where the margin is 0.040 logits" in wrong
    assert "A fast wrong kernel is a bug" in wrong
    assert "by rounding" in str(sentence("rounding", ("eager", "sdpa"), 1.0, "", None, "bfloat16"))
