"""Summing events: nesting, marks, phases, and the kernels of a GPU, from events written by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from workbench.probes.trace_events import Event, events_of, phases_of

DRIVER = 7


def op(name: str, start: int, end: int, number: int = 0) -> Event:
    return Event(name, "op", start, end, DRIVER, number)


def mark(name: str, start: int, end: int | None = None) -> Event:
    return Event("workbench::" + name, "mark", start, end if end is not None else start + 1, DRIVER)


def kernel(name: str, start: int, end: int, launched_by: int = 0) -> Event:
    return Event(name, "kernel", start, end, 0, 0, launched_by)


def launch(start: int, name: str = "cudaLaunchKernel") -> Event:
    return Event(name, "runtime", start, start + 1, DRIVER)


def within(*events: Event) -> list[Event]:
    """A prefill from 1 to 1000 and two decode steps to 3000; `events` are put between."""
    return [mark("begin", 0), mark("token", 1000), mark("token", 2000), mark("token", 3000), *events]


def ns(times: dict[str, float]) -> dict[str, int]:
    return {category: round(seconds * 1e9) for category, seconds in times.items()}


def test_own_time_is_what_the_inner_operations_leave() -> None:
    prefill, _ = phases_of(within(op("aten::linear", 100, 200), op("aten::t", 100, 110), op("aten::mm", 120, 180)))
    assert ns(prefill.time_by_category) == {"linear": 100, "python": 899}
    assert {use.name: round(use.seconds * 1e9) for use in prefill.top} == {
        "aten::mm": 60,
        "aten::linear": 30,
        "aten::t": 10,
    }


def test_phases_end_at_the_tokens_and_steps_are_counted() -> None:
    prefill, decode = phases_of(within(op("aten::mm", 10, 20), op("aten::mm", 1500, 1530), op("aten::mm", 2500, 2540)))
    assert (prefill.steps, decode.steps) == (1, 2)
    assert (prefill.launches, decode.launches) == (1, 2)
    assert ns(decode.time_by_category) == {"linear": 70, "python": 1930}
    assert ns(decode.per_step)["linear"] == 35


class Kineto:
    """One of the profiler's own events."""

    def __init__(self, name: str, start: int, end: int, on_host: bool = True) -> None:
        self._name, self._start, self._end, self._on_host = name, start, end, on_host

    def __getattr__(self, method: str) -> Callable[[], Any]:
        values = {
            "name": self._name,
            "device_type": "cpu" if self._on_host else "cuda",
            "is_user_annotation": not self._on_host,
            "start_ns": self._start,
            "duration_ns": self._end - self._start,
        }
        return lambda: values.get(method, 0)


def test_ranges_for_people_count_nothing() -> None:
    ran = [
        Kineto("workbench::begin", 0, 1),
        Kineto("aten::mm", 10, 20),
        *(Kineto("workbench::token", at, at + 1) for at in (1000, 2000)),
    ]
    shown = [Kineto("workbench.prefill", 5, 900), Kineto("workbench.sampling", 800, 900)]
    shown.append(Kineto("workbench.prefill", 8, 600, on_host=False))
    assert phases_of(events_of([*ran, *shown], "cpu")) == phases_of(events_of(ran, "cpu"))


def test_what_is_outside_the_run_does_not_count() -> None:
    prefill, decode = phases_of(within(op("aten::mm", 3100, 3200)))
    assert prefill.launches == decode.launches == 0


def test_a_mark_gives_its_meaning_to_what_it_holds() -> None:
    marked = [mark("forward", 10, 900), mark("norm", 100, 200), mark("attention[eager]", 300, 500)]
    prefill, _ = phases_of(
        within(
            *marked,
            op("aten::mul", 110, 150),
            op("aten::bmm", 310, 350),
            op("aten::_softmax", 360, 380),
            op("aten::mul", 600, 640),
            op("aten::mul", 910, 920),
        )
    )
    assert ns(prefill.time_by_category) == {
        "norm": 40,
        "attention": 60,
        "elementwise": 40,
        "sampling": 10,
        "python": 849,
    }
    assert prefill.backend == "eager"
    assert prefill.attention_kernels == ("aten::bmm", "aten::_softmax")


def test_a_matmul_without_a_softmax_is_no_attention() -> None:
    prefill, _ = phases_of(within(mark("attention[new]", 300, 500), op("aten::bmm", 310, 350)))
    assert prefill.backend is None


def test_an_unknown_name_is_told_with_its_time() -> None:
    prefill, _ = phases_of(within(op("my::op", 100, 150)))
    assert {name: round(seconds * 1e9) for name, seconds in prefill.unrecognised.items()} == {"my::op": 50}
    assert ns(prefill.time_by_category)["other"] == 50


def test_kernels_of_a_gpu_count_as_what_launched_them() -> None:
    prefill, decode = phases_of(
        within(
            op("aten::linear", 100, 130, 1),
            op("aten::mm", 110, 120, 2),
            launch(112),
            kernel("nvjet_tst_64x8", 150, 250, 2),
            mark("norm", 300, 350),
            op("aten::mul", 310, 320, 3),
            launch(312, "cuLaunchKernelEx"),
            kernel("void at::native::vectorized_elementwise_kernel<4>(int)", 340, 360, 3),
            op("aten::scaled_dot_product_attention", 400, 440, 4),
            op("aten::_scaled_dot_product_flash_attention", 402, 438, 5),
            op("aten::_flash_attention_forward", 404, 436, 6),
            launch(410),
            kernel("void pytorch_flash::flash_fwd_kernel<Traits>(Params)", 440, 540, 6),
            kernel("Memcpy DtoH (Device -> Pageable)", 700, 710),
            launch(1100, "cudaGraphLaunch"),
            kernel("void flash::flash_fwd_splitkv_kernel<Traits>(Params)", 1200, 1300),
            kernel("nvjet_tst_64x8", 1250, 1400),
        )
    )
    assert ns(prefill.time_by_category) == {"linear": 100, "norm": 20, "attention": 100, "memory": 10, "idle": 769}
    assert prefill.attention_kernels == ("pytorch_flash::flash_fwd_kernel",)
    assert (prefill.backend, prefill.launches) == ("sdpa flash", 3)
    assert prefill.gpu_idle_fraction == pytest.approx(769 / 999)
    # two kernels at once are busy once
    assert ns(decode.time_by_category)["idle"] == 2000 - 200
    assert (decode.backend, decode.launches) == ("FlashAttention 2", 1)
    assert (prefill.graph_launches, decode.graph_launches) == (0, 1)  # proof that CUDA graphs ran


def test_eager_attention_on_a_gpu_is_its_matmuls_and_softmax() -> None:
    prefill, _ = phases_of(
        within(
            mark("attention[eager]", 100, 400),
            op("aten::bmm", 110, 120, 1),
            kernel("nvjet_tst_64x8", 150, 250, 1),
            op("aten::_softmax", 130, 140, 2),
            kernel("void (anonymous namespace)::softmax_warp_forward<float>(float*)", 260, 280, 2),
        )
    )
    assert prefill.backend == "eager"
    assert prefill.attention_kernels == ("nvjet_tst_64x8", "softmax_warp_forward")
    assert ns(prefill.time_by_category)["attention"] == 120


def test_compiled_code_is_counted_each_time_it_is_entered() -> None:
    _, decode = phases_of(
        within(op("Torch-Compiled Region: 0/0", 1100, 1900), op("Torch-Compiled Region: 0/0", 2100, 2900))
    )
    assert decode.compiled_regions == 2
    assert ns(decode.time_by_category)["compiled"] == 1600


def test_flex_is_known_by_the_compiled_code_that_its_function_enters() -> None:
    region = op("Torch-Compiled Region: 1/2", 310, 390)
    prefill, _ = phases_of(within(mark("attention[flex_attention]", 300, 400), region))
    assert (prefill.backend, prefill.attention_kernels) == ("flex", ("Torch-Compiled Region: 1/2",))
    other, _ = phases_of(within(mark("attention[sdpa]", 300, 400), region))
    assert other.backend is None


def test_another_thread_does_not_count_on_the_host() -> None:
    prefill, _ = phases_of(within(Event("aten::mm", "op", 100, 200, DRIVER + 1)))
    assert prefill.launches == 0


def test_without_marks_there_is_nothing_to_sum() -> None:
    with pytest.raises(ValueError, match="0 begins and 0 tokens"):
        phases_of([op("aten::mm", 0, 1)])
