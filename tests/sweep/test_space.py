"""Points of a space and constraints with their units: what means something, what cannot be here, and why."""

import pytest

import workbench as wb
from tests.knobs.facts import PLAIN as CPU_ONLY
from workbench.constraints import Limit, better, limits
from workbench.results import Workload
from workbench.sweep.space import Known, checked, expand, labels, load_of

BASE = wb.Config(device="cpu")
KNOWN = Known(CPU_ONLY, Workload())


def test_order_is_that_of_the_space() -> None:
    laid = expand({"attention": ["sdpa", "eager"], "threads": [1, 2]}, BASE, KNOWN)
    assert [(point.attention, point.threads) for point in laid.points] == [
        ("sdpa", 1),
        ("sdpa", 2),
        ("eager", 1),
        ("eager", 2),
    ]
    assert labels(laid.points, BASE)[0] == "sdpa, threads 1"


def test_what_has_no_effect_is_the_same_point() -> None:
    laid = expand({"cache": ["dynamic", "quantized"], "cache_bits": [4, 8]}, BASE, KNOWN)
    idle = [point for point in laid.points if point.cache == "dynamic"]
    assert len(idle) <= 1
    assert laid.merged + len(laid.points) + len(laid.removed) == 4
    assert laid.merged >= 1


def test_what_cannot_be_here_is_told_before_any_load() -> None:
    laid = expand({"device": ["cpu", "cuda"], "attention": ["sdpa", "flash_attention_2"]}, BASE, KNOWN)
    assert {point.device for point in laid.points} == {"cpu"}
    assert len(laid.points) + len(laid.removed) == 4
    assert all(str(each.why) for each in laid.removed)
    assert any("GPU" in str(each.why) for each in laid.removed)


def test_a_forecast_that_does_not_fit_removes_the_point() -> None:
    small = CPU_ONLY.model_copy(update={"cpu": CPU_ONLY.cpu.model_copy(update={"available_bytes": 20 * 2**30})})
    laid = expand({"dtype": ["float32", "bfloat16"]}, BASE, Known(small, Workload(), "deepseek-llm-7b-base"))
    assert [point.dtype for point in laid.points] == ["bfloat16"]
    assert str(laid.removed[0].why).startswith("does not fit: needs ")
    assert "of 20" in str(laid.removed[0].why)


def test_live_knobs_share_a_load() -> None:
    laid = expand({"attention": ["sdpa", "eager"], "dtype": ["float32", "bfloat16"], "threads": [1, 2]}, BASE, KNOWN)
    assert len(laid.points) == 8
    assert len({load_of(point) for point in laid.points}) == 2


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({}, "no space"),
        ({"atention": ["eager"]}, "attention"),
        ({"attention": ["eagre"]}, "eager"),
        ({"attention": []}, "no values"),
        ({"threads": list(range(1, 200)), "seed": list(range(100))}, "combinations"),
    ],
)
def test_what_is_no_space(space: dict[str, list[object]], said: str) -> None:
    with pytest.raises(wb.ConfigError) as caught:
        checked(space)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("metric", "text", "limit", "good", "bad"),
    [
        ("kld_mean", "<0.05", 0.05, 0.049, 0.05),
        ("kld_mean", " <= 0.05 nats", 0.05, 0.05, 0.051),
        ("peak_bytes", "<8GiB", 8 * 2**30, 8 * 2**30 - 1, 8 * 2**30),
        ("peak_bytes", "< 800 MB", 8e8, 1e8, 9e8),
        ("ttft_s", "<=250ms", 0.25, 0.25, 0.26),
        ("decode_tps", ">=20", 20, 20, 19.9),
        ("same_top", ">95%", 0.95, 0.96, 0.95),
    ],
)
def test_a_limit_is_read_with_its_unit(metric: str, text: str, limit: float, good: float, bad: float) -> None:
    (found,) = limits({metric: text})
    assert found.value == pytest.approx(limit)
    assert found.keeps(good)
    assert not found.keeps(bad)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"peak_byte": "<8GiB"}, "Nearest: peak_bytes"),
        ({"kld": "<0.05"}, "Nearest: kld_mean"),
        ({"peak_bytes": "8GiB"}, "is no limit"),
        ({"peak_bytes": "<8 s"}, "gib"),
        ({"ttft_s": "<8GiB"}, "ms"),
    ],
)
def test_what_is_no_limit(given: dict[str, str], said: str) -> None:
    with pytest.raises(wb.ConfigError) as caught:
        limits(given)
    assert said in str(caught.value)


def test_directions_come_from_the_registry() -> None:
    assert (better("decode_tps").value, better("ttft_s").value, better("peak_bytes").value) == (
        "higher",
        "lower",
        "lower",
    )
    with pytest.raises(wb.ConfigError, match="cannot rank by"):
        better("decode")
    assert str(Limit("peak_bytes", "<", 2**30)).startswith("peak_bytes < 1")
