"""Stutters planted into made series: which are found, what is put beside them, and what is not."""

import random
from typing import Any

import pytest

from workbench.results import DeviceWindow, GpuWindow, Incident, SteadyRequest, Stutter, StutterCause
from workbench.stutters import FEWEST, KEPT, OTHERS_CORES, Step, Usual, explained, find, shares

STEP_S = 0.010


def request(began_s: float, steps_s: list[float], **changes: Any) -> SteadyRequest:
    values: dict[str, Any] = {
        "due_s": began_s,
        "began_s": began_s,
        "prompt_tokens": 8,
        "new_tokens": len(steps_s),
        "steps_s": tuple(steps_s),
        "off_cpu_s": (0.0,) * len(steps_s),
        "decode_tokens": len(steps_s) - 1,
        **changes,
    }
    return SteadyRequest(**values)


def run(count: int = 20, noise: float = 0.0005, **planted: Any) -> list[SteadyRequest]:
    """Requests of 0.02 s prefill and five gaps, one after another. planted: {place: {step: seconds}}, pauses before."""
    drawn, at, made = random.Random(3), 100.0, []
    for place in range(count):
        at += planted.get("pauses", {}).get(place, 0.0001)
        steps = [2 * STEP_S, *[STEP_S] * 5]
        steps = [each + drawn.uniform(0, noise) for each in steps]
        for step, seconds in planted.get("steps", {}).get(place, {}).items():
            steps[step] = seconds
        made.append(request(at, steps))
        at += sum(steps)
    return made


def step(**changes: Any) -> Step:
    values: dict[str, Any] = {
        "request": 0,
        "phase": "decode",
        "start_s": 10.0,
        "seconds": 0.51,
        "off_cpu_s": 0.0,
        "usual": Usual(0.01, 0.0, 0.02),
        **changes,
    }
    return Step(**values)


def incident(cause: str, start_s: float, end_s: float, **more: Any) -> Incident:
    return Incident(cause=cause, start_s=start_s, end_s=end_s, **more)


def beside(found: tuple[StutterCause, ...]) -> list[str]:
    return [each.cause for each in found]


def test_a_steady_run_has_none() -> None:
    assert find(run()).count == 0


def test_planted_ones_are_found_where_they_are() -> None:
    requests = run(steps={4: {3: 0.2}, 9: {0: 0.3}})
    found = find(requests)
    assert [(each.request, each.phase) for each in found.kept] == [(4, "decode"), (9, "prefill")]
    first, second = found.kept
    assert first.start_s == pytest.approx(requests[4].began_s + sum(requests[4].steps_s[:3]))
    assert second.start_s == requests[9].began_s
    assert first.excess_s == pytest.approx(0.19, abs=0.001)
    assert found.excess_s == pytest.approx(0.47, abs=0.002)
    assert found.from_s["decode"] == pytest.approx(2 * STEP_S, rel=0.1)


def test_a_pause_between_two_requests_is_one_and_the_own_time_is_none() -> None:
    found = find(run(pauses={7: 0.4, 8: 0.005}))
    (between,) = found.kept
    assert (between.request, between.phase) == (7, "between")
    assert between.seconds == pytest.approx(0.4)


def test_waiting_for_an_arrival_is_no_pause() -> None:
    first, second, *rest = run(40)
    at_rate = [first, second.model_copy(update={"began_s": second.began_s + 0.3, "due_s": second.began_s + 0.2999})]
    assert find([*at_rate, *rest]).count == 0


def test_wide_noise_takes_more_than_twice_the_median() -> None:
    calm, wild = find(run(noise=0.0005, steps={4: {3: 0.03}})), find(run(noise=0.02, steps={4: {3: 0.06}}))
    assert (calm.count, wild.count) == (1, 0)
    assert wild.from_s["decode"] > 0.06


def test_too_few_have_no_usual() -> None:
    assert find(run(FEWEST - 1, steps={2: {0: 5.0}})).from_s.keys() == {"decode"}
    assert find([]).count == 0


def test_like_is_compared_with_like() -> None:
    short, long = run(10), [each.model_copy(update={"prompt_tokens": 80}) for each in run(10)]
    long = [each.model_copy(update={"steps_s": (0.2, *each.steps_s[1:])}) for each in long]
    found = find([*short, *long])
    assert (found.count, "prefill" in found.from_s) == (0, False)


def test_the_longest_are_kept_and_all_are_counted() -> None:
    planted = {place: {1: 0.1 + place / 1000} for place in range(KEPT + 50)}
    found = find(run(10 * KEPT, steps=planted))
    assert found.count == KEPT + 50
    assert [each.request for each in found.kept] == list(range(50, KEPT + 50))


def test_what_fell_into_it_stands_beside_it() -> None:
    pause = incident("gc", 10.1, 10.5, seconds=0.4, amount=2)
    other = incident("gc", 11.0, 11.4, seconds=0.4, amount=2)
    assert explained(step(), [pause, other], None, on_cpu=True, waits=True) == (
        StutterCause(cause="gc", seconds=0.4, amount=2),
    )


def test_many_short_pauses_count_together_and_one_alone_does_not() -> None:
    pauses = [incident("gc", 10 + at / 20, 10.02 + at / 20, seconds=0.02, amount=at % 3) for at in range(10)]
    assert explained(step(), pauses, None, on_cpu=True, waits=True)[0].seconds == pytest.approx(0.2)
    assert beside(explained(step(), pauses[:1], None, on_cpu=True, waits=True)) == ["unseen"]


def test_the_neighbouring_step_has_its_own() -> None:
    earlier = incident("page_in", 9.5, 10.00001, amount=3)
    assert beside(explained(step(), [earlier], None, on_cpu=True, waits=True)) == ["unseen"]
    own = incident("page_in", 10.0, 10.51, amount=3)
    assert beside(explained(step(), [own], None, on_cpu=True, waits=True)) == ["page_in"]


def test_what_is_known_of_the_request_alone_comes_last() -> None:
    grown = incident("allocator", 9.0, 12.0, amount=1 << 20, whole=True)
    assert beside(explained(step(), [grown], None, on_cpu=True, waits=True)) == ["allocator"]
    compiled = incident("compile", 10.0, 10.51, amount=1)
    assert beside(explained(step(), [grown, compiled], None, on_cpu=True, waits=True)) == ["compile"]
    quota = incident("quota", 9.0, 12.0, seconds=0.3, whole=True)
    assert beside(explained(step(), [quota], None, on_cpu=True, waits=True)) == ["quota"]
    assert beside(explained(step(), [quota.model_copy(update={"seconds": 0.01})], None, on_cpu=True, waits=True)) == [
        "unseen"
    ]


def test_standing_still_is_said_of_a_processor_alone() -> None:
    still = step(off_cpu_s=0.45)
    assert explained(still, [], None, on_cpu=True, waits=True) == (StutterCause(cause="not_running", seconds=0.45),)
    assert beside(explained(still, [], None, on_cpu=False, waits=True)) == ["unseen"]
    usual = step(off_cpu_s=0.45, usual=Usual(0.01, 0.4, 0.02))
    assert beside(explained(usual, [], None, on_cpu=True, waits=True)) == ["unseen"]


def test_others_are_named_by_the_wait_or_where_no_wait_is_counted_by_a_full_machine() -> None:
    full = DeviceWindow(seconds=0.8, looks=8, others_cores=OTHERS_CORES + 1, cpu_busy_share=0.95)
    roomy = full.model_copy(update={"cpu_busy_share": 0.5})
    assert beside(explained(step(), [], full, on_cpu=True, waits=False)) == ["others"]
    assert beside(explained(step(), [], roomy, on_cpu=True, waits=False)) == ["unseen"]
    assert beside(explained(step(), [], full, on_cpu=True, waits=True)) == ["unseen"]
    waited = incident("others", 10.0, 10.51, seconds=0.45)
    assert beside(explained(step(), [waited], roomy, on_cpu=True, waits=True)) == ["others"]


def test_a_throttled_gpu_is_named_and_a_power_cap_is_not() -> None:
    def looked(reason: str) -> DeviceWindow:
        return DeviceWindow(seconds=0.8, looks=8, gpus=(GpuWindow(index=0, throttle={reason: 0.5}),))

    assert beside(explained(step(), [], looked("hw_thermal_slowdown"), on_cpu=False, waits=True)) == ["throttle"]
    assert beside(explained(step(), [], looked("sw_power_cap"), on_cpu=False, waits=True)) == ["unseen"]


def test_shares_are_of_the_excess_and_may_overlap() -> None:
    def stutter(excess_s: float, *causes: str) -> Stutter:
        beside = tuple(StutterCause(cause=each) for each in causes)
        return Stutter(at_s=1.0, seconds=1.0, excess_s=excess_s, request=0, phase="decode", causes=beside)

    found = shares([stutter(3.0, "gc", "page_in"), stutter(1.0, "unseen")])
    assert [(each.cause, each.share, each.stutters) for each in found] == [
        ("gc", 0.75, 1),
        ("page_in", 0.75, 1),
        ("unseen", 0.25, 1),
    ]
    assert shares([]) == ()
