"""The numbers of a load: vLLM's definitions over known moments, percentiles and their intervals, the target."""

import pytest

from tests.endpoint.serving import Server
from workbench.endpoint import check, checking, levels, load
from workbench.endpoint.client import Timed
from workbench.endpoint.replies import Reply
from workbench.results import EndpointTarget
from workbench.stats import quantile_interval

PLAN = load.Plan(concurrency=1, rate=None, requests=10, budget_s=10, new_tokens=8, seed=0)


def answered(*stamps: float, tokens: int | None = None, began: float = 100.0) -> Timed:
    reply = Reply(text="x" * len(stamps), finish="stop", new_tokens=tokens, streamed=True)
    return Timed(began=began, ended=began + stamps[-1] + 0.5, reply=reply, stamps=[began + each for each in stamps])


def tally(*answers: Timed, seconds: float = 10.0) -> load.Tally:
    return load.Tally(PLAN, began=100.0, last=100.0 + seconds, begun=len(answers), answers=list(answers))


def test_the_numbers_are_defined_as_vllm_defines_them() -> None:
    found = levels.level(tally(answered(0.5, 0.6, 0.8, tokens=5), answered(0.7, 1.1, tokens=3)), EndpointTarget(), None)
    assert found.ttft is not None
    assert found.ttft.mean == pytest.approx(0.6)
    assert found.tpot is not None  # (E2E − TTFT) ÷ (new tokens − 1): 0.3 ÷ 4 and 0.4 ÷ 2
    assert found.tpot.mean == pytest.approx((0.075 + 0.2) / 2)
    assert found.itl is not None
    assert (found.itl.n, found.itl.mean) == (3, pytest.approx(0.7 / 3))
    assert found.e2e is not None  # to the last token, not to the end of the stream
    assert found.e2e.mean == pytest.approx((0.8 + 1.1) / 2)
    assert (found.rps, found.output_tps) == (pytest.approx(0.2), pytest.approx(0.8))
    assert found.per_chunk == pytest.approx(8 / 5)
    assert found.counted == "usage"


def test_chunks_are_never_called_tokens() -> None:
    bare = tally(answered(0.5, 0.6, 0.8), answered(0.7, 1.1))
    found = levels.level(bare, EndpointTarget(tpot_s=1.0), None)
    assert (found.counted, found.tpot, found.output_tps, found.new_tokens) == ("chunks", None, None, None)
    assert found.good is None
    assert found.itl is not None
    by_bench = levels.level(bare, EndpointTarget(tpot_s=0.2), lambda texts: [len(each) for each in texts])
    assert (by_bench.counted, by_bench.new_tokens, by_bench.good) == ("tokenizer", 2.5, 1)


@pytest.mark.parametrize(("count", "told"), [(2, ()), (3, ("p50",)), (20, ("p50", "p95")), (99, ("p50", "p95"))])
def test_no_percentile_of_too_few_samples(count: int, told: tuple[str, ...]) -> None:
    found = levels.latency([0.1 * each for each in range(count)])
    assert found is not None
    assert tuple(name for name in ("p50", "p95", "p99") if getattr(found, name) is not None) == told
    hundred = levels.latency([0.1 * each for each in range(100)])
    assert hundred is not None
    assert hundred.p99 == pytest.approx(9.801)
    assert hundred.p95_ci95 is not None


def test_the_interval_of_a_percentile_covers_it_as_often_as_it_says() -> None:
    import random

    draw = random.Random(1)
    hits = 0
    for _trial in range(400):
        low, high = quantile_interval([draw.expovariate(1) for _ in range(30)], 0.5)
        hits += low <= 0.6931 <= high
    assert 0.93 <= hits / 400 <= 0.995  # conservative, as order statistics are
    assert quantile_interval([1.0, 2.0, 3.0], 0.95)[1] == float("inf")
    assert quantile_interval([float(each) for each in range(5000)], 0.5)[0] == pytest.approx(2430, abs=3)


def test_goodput_counts_what_met_every_limit() -> None:
    some = tally(answered(0.5, 0.6, tokens=2), answered(0.5, 0.9, tokens=2), answered(1.5, 1.6, tokens=2))
    found = levels.level(some, EndpointTarget(ttft_s=1.0, tpot_s=0.2), None)
    assert (found.good, found.goodput_rps) == (1, pytest.approx(0.1))
    assert found.goodput_ci95 is not None
    assert 0 < found.goodput_ci95[0] < 0.1 < found.goodput_ci95[1] < 0.3


def test_what_the_load_generator_takes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = tally(answered(0.5, 0.6))
    busy.cpu_s = 4.0
    assert levels.level(busy, EndpointTarget(), None).own_share == pytest.approx(0.4)
    monkeypatch.setattr(checking, "BUSY", 1e-6)
    with Server() as server:
        found = check(server.url, concurrency=(1,), requests=3)
    assert 0 < found.levels[0].own_share < 1
    assert "endpoint.flag.busy" in {flag.code for flag in found.flags}
