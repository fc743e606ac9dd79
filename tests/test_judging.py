"""Verdicts from pairs: what counts as a difference, what does not, and what would have been seen."""

import math
import random

import pytest

from workbench.config import Config
from workbench.judging import COMPARED, chance, floor_of, half_width, judge, names_of
from workbench.results import NoiseFloor

NAMES = ("eager", "sdpa")


def pairs_of(ratio: float, spread: float, count: int, seed: int = 0) -> list[tuple[dict[str, float], dict[str, float]]]:
    """Runs whose log-ratio is normal around `ratio`; drift common to both halves of a pair is large."""
    noise = random.Random(seed)
    found = []
    for _ in range(count):
        drift = math.exp(noise.gauss(0, 0.5))
        factor = ratio * math.exp(noise.gauss(0, spread))
        first = {"decode_tps": 20 * drift, "prefill_tps": 900 * drift, "ttft_s": 1 / drift, "tpot_s": 0.05 / drift}
        second = {name: value * (factor if name.endswith("tps") else 1 / factor) for name, value in first.items()}
        found.append(({**first, "e2e_s": 2 / drift}, {**second, "e2e_s": 2 / drift / factor}))
    return found


def test_a_clear_difference_is_told_with_its_interval_whatever_drifts() -> None:
    floor = floor_of(pairs_of(1.0, 0.01, 8))
    judged = judge(pairs_of(1.3, 0.02, 20), floor, NAMES)
    assert set(judged["seen"]) == set(COMPARED)
    low, high = judged["ci95"]["prefill_tps"]
    assert low < 1.3 < high
    assert high / low < 1.05
    said = judged["verdict"]["prefill_tps"]
    assert said.code == "verdict.better"
    ratio = judged["ratio"]["prefill_tps"]
    assert str(said) == f"sdpa is {ratio:.2f}× faster than eager at prefill [{low:.2f}, {high:.2f}]"


def test_less_time_is_better_and_is_told_as_a_ratio_above_one() -> None:
    judged = judge(pairs_of(1.3, 0.02, 20), floor_of(pairs_of(1.0, 0.01, 8)), NAMES)
    assert judged["ratio"]["ttft_s"] == pytest.approx(1 / judged["ratio"]["prefill_tps"])
    assert judged["verdict"]["ttft_s"].code == "verdict.better"
    assert float(judged["verdict"]["ttft_s"].params["low"]) > 1
    slower = judge(pairs_of(1 / 1.3, 0.02, 20), floor_of(pairs_of(1.0, 0.01, 8)), NAMES)
    assert {slower["verdict"][name].code for name in COMPARED} == {"verdict.worse"}


def test_the_same_twice_is_no_difference_and_says_what_would_have_been_seen() -> None:
    judged = judge(pairs_of(1.0, 0.03, 20, seed=3), floor_of(pairs_of(1.0, 0.03, 8)), NAMES)
    assert judged["seen"] == ()
    said = str(judged["verdict"]["decode_tps"])
    assert said.startswith("no difference seen at decode; ")
    assert 1.005 < judged["smallest_effect"]["decode_tps"] < 1.05


def test_a_difference_inside_the_noise_floor_is_none() -> None:
    steady = pairs_of(1.02, 0.005, 20)
    assert "decode_tps" in judge(steady, floor_of(pairs_of(1.0, 0.005, 8)), NAMES)["seen"]
    noisy = NoiseFloor(spread=dict.fromkeys(COMPARED, 0.10), pairs=8)
    judged = judge(steady, noisy, NAMES)
    assert judged["seen"] == ()
    assert judged["smallest_effect"]["decode_tps"] == pytest.approx(chance(0.10, 20))


def test_the_same_configuration_is_rarely_called_different() -> None:
    wrong = sum(
        "decode_tps"
        in judge(pairs_of(1.0, 0.03, 20, seed), floor_of(pairs_of(1.0, 0.03, 8, seed + 999)), NAMES)["seen"]
        for seed in range(300)
    )
    assert wrong / 300 < 0.06


def test_one_pair_knows_nothing() -> None:
    pair = pairs_of(1.5, 0.0, 1)
    assert half_width(pair) == math.inf
    judged = judge(pair, NoiseFloor(spread=dict.fromkeys(COMPARED, 0.01), pairs=8), NAMES)
    assert judged["seen"] == ()
    assert str(judged["verdict"]["decode_tps"]) == "no difference seen at decode; ? % would have been seen"


def test_the_sides_are_named_by_what_differs() -> None:
    a = Config(dtype="float32")
    assert names_of(a, a.replace(attention="eager", threads=2)) == ("sdpa, threads auto", "eager, threads 2")
