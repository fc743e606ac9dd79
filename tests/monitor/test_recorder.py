"""From events to counts: what Chunk, Completion, Measurement and errors add up to."""

from typing import Any

import pytest

from tests.charts.samples import measurement
from workbench.errors import OutOfMemory, Stopped
from workbench.monitor.recorder import Recorder
from workbench.monitor.tally import Histogram, Tally
from workbench.results import Chunk, Completion, Event, Workload


def event(name: str, data: Any, job: int = 1) -> Event:
    return Event(name, job, 0, 0.0, data)


def chunk(index: int, elapsed_s: float, finish: Any = None, row: int = 0, token_id: int | None = 7) -> Event:
    made = Chunk(
        row=row, text="x", token_id=token_id, index=index, elapsed_s=elapsed_s, decode_tps=None, finish_reason=finish
    )
    return event("token", made)


def ended(how: str, operation: str = "generate") -> Event:
    return event("state", {"state": "idle", "operation": operation, "ended": how})


def numbers(recorder: Recorder) -> dict[Any, float]:
    return recorder.tally.snapshot()[0]


def histogram(recorder: Recorder, series: str, origin: str = "generate") -> Histogram:
    return recorder.tally.snapshot()[1][series, (origin,)]


def test_an_answer_is_its_tokens() -> None:
    recorder = Recorder()
    for each in (chunk(0, 0.5), chunk(1, 0.6), chunk(2, 0.8, "eos")):
        recorder.on_token(each)
    recorder.on_state(ended("done"))
    assert sum(histogram(recorder, "ttft_s").counts) == 1
    assert histogram(recorder, "ttft_s").total == 0.5
    assert histogram(recorder, "itl_s").total == pytest.approx(0.3)
    assert histogram(recorder, "tpot_s").total == pytest.approx(0.15)
    assert histogram(recorder, "e2e_s").total == 0.8
    found = numbers(recorder)
    assert found["generated_tokens", ("generate",)] == 3
    assert found["requests", ("eos",)] == 1
    assert found["decode_tps", ("generate",)] == pytest.approx(2 / 0.3)
    assert found["jobs", ("generate", "done")] == 1
    assert found["jobs", ("generate", "failed")] == 0


def test_a_batch_decodes_all_its_rows_together() -> None:
    recorder = Recorder()
    for index, at in enumerate((1.0, 2.0, 3.0)):
        for row in (0, 1):
            recorder.on_token(chunk(index, at, "length" if index == 2 else None, row))
    recorder.on_state(ended("done"))
    assert numbers(recorder)["decode_tps", ("generate",)] == 2.0
    assert numbers(recorder)["requests", ("length",)] == 2


def test_a_stopped_answer_is_no_whole_one() -> None:
    recorder = Recorder()
    recorder.on_token(chunk(0, 0.5))
    recorder.on_token(chunk(0, 9.0, "stopped", token_id=None))
    recorder.on_error(event("error", Stopped("session.stopped", phase="x")))
    recorder.on_state(ended("stopped"))
    assert numbers(recorder)["generated_tokens", ("generate",)] == 1
    assert numbers(recorder)["requests", ("stopped",)] == 1
    assert numbers(recorder)["requests", ("failed",)] == 0
    assert sum(histogram(recorder, "e2e_s").counts) == 0
    assert ("decode_tps", ("generate",)) not in numbers(recorder)


def test_answers_of_a_call_that_broke_are_failed() -> None:
    recorder = Recorder()
    recorder.on_token(chunk(0, 0.5))
    recorder.on_token(chunk(0, 0.5, row=1))
    recorder.on_error(event("error", OutOfMemory("session.closed")))
    recorder.on_state(ended("failed"))
    recorder.on_state(ended("failed"))
    assert numbers(recorder)["requests", ("failed",)] == 2
    assert numbers(recorder)["errors", ("OutOfMemory",)] == 1
    assert numbers(recorder)["jobs", ("generate", "failed")] == 2


def test_a_monitor_that_came_late_makes_no_first_token_up() -> None:
    recorder = Recorder()
    for each in (chunk(5, 3.0), chunk(6, 3.1, "length")):
        recorder.on_token(each)
    assert sum(histogram(recorder, "ttft_s").counts) == 0
    assert sum(histogram(recorder, "tpot_s").counts) == 0
    assert histogram(recorder, "itl_s").total == pytest.approx(0.1)
    assert numbers(recorder)["generated_tokens", ("generate",)] == 2


def test_completions_and_measurements() -> None:
    recorder = Recorder()
    answer = Completion(
        text="a secret", token_ids=(1,), finish_reason="eos", prompt_tokens=5, ttft_s=0.1, decode_tps=None
    )
    recorder.on_result(event("result", {"kind": "completions", "value": [answer, answer]}))
    found = measurement(
        decode_tps=20.0,
        repeats=3,
        workload=Workload(prompt_tokens=10, new_tokens=4, batch_size=2),
        samples={"ttft_s": (0.5, 0.6, 0.7), "tpot_s": (0.1,) * 3, "e2e_s": (1.0,) * 3},
    )
    recorder.on_result(event("result", {"kind": "measurement", "value": found, "config": None}))
    recorder.on_result(event("result", {"kind": "trace", "value": object()}))
    assert numbers(recorder)["prompt_tokens", ("generate",)] == 10
    assert numbers(recorder)["prompt_tokens", ("measure",)] == 60
    assert numbers(recorder)["generated_tokens", ("measure",)] == 24
    assert numbers(recorder)["decode_tps", ("measure",)] == 20.0
    assert histogram(recorder, "ttft_s", "measure").total == pytest.approx(1.8)
    assert sum(histogram(recorder, "ttft_s").counts) == 0


def test_what_is_on_no_list_is_other() -> None:
    recorder = Recorder()
    recorder.on_error(event("error", type('Evil"}\n', (Exception,), {})()))
    recorder.on_state(ended("done", operation="a prompt"))
    assert numbers(recorder)["errors", ("other",)] == 1
    assert numbers(recorder)["jobs", ("other", "done")] == 1
    with pytest.raises(ValueError, match="no value"):
        Tally().add("requests", "a prompt")


def test_a_value_on_a_bound_belongs_below_it() -> None:
    found = Histogram((0.1, 0.5))
    for value in (0.1, 0.2, 0.5, 0.6):
        found.observe(value)
    assert found.counts == [1, 2, 1]
