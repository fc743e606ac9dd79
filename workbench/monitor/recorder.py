"""From a session's events to counts: answers by their tokens, measurements, jobs, errors."""

from dataclasses import dataclass, field

from workbench.errors import KINDS
from workbench.metrics.exported import SERIES
from workbench.metrics.series import OTHER
from workbench.monitor.tally import Tally
from workbench.results import DOING, Chunk, Completion, Event, Measurement

GENERATE, MEASURE = SERIES["generated_tokens"].labels["origin"]
FAILED = "failed"


@dataclass
class Answer:
    """One row of a call while it grows; seconds since the call. `whole`: seen from its first token on."""

    whole: bool = True
    tokens: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    ended: bool = False


@dataclass
class Recorder:
    """Called with every event, on the session's dispatcher thread. Texts and token ids are not looked at."""

    tally: Tally = field(default_factory=Tally)
    _answers: dict[int, dict[int, Answer]] = field(default_factory=dict)  # job -> row -> its answer

    def __post_init__(self) -> None:
        # a counter that appears with its first event hides that event from rate() and increase()
        for reason in SERIES["requests"].labels["finish_reason"]:
            self.tally.add("requests", reason, by=0)
        for name in SERIES["errors"].labels["class"]:
            self.tally.add("errors", name, by=0)
        for series in ("generated_tokens", "prompt_tokens"):
            self.tally.add(series, GENERATE, by=0)
        for series in ("ttft_s", "itl_s", "tpot_s", "e2e_s"):
            self.tally.begin(series, GENERATE)

    def on_token(self, event: Event) -> None:
        chunk: Chunk = event.data
        answer = self._answers.setdefault(event.job, {}).setdefault(chunk.row, Answer())
        with self.tally.at_once():
            if chunk.token_id is not None:
                self._token(answer, chunk)
            if chunk.finish_reason is not None and not answer.ended:
                answer.ended = True
                self.tally.add("requests", chunk.finish_reason)
                if chunk.finish_reason != "stopped" and answer.whole:
                    self._whole(answer)

    def _token(self, answer: Answer, chunk: Chunk) -> None:
        self.tally.add("generated_tokens", GENERATE)
        if answer.tokens:
            self.tally.observe("itl_s", GENERATE, value=chunk.elapsed_s - answer.last_s)
        else:
            answer.first_s = chunk.elapsed_s
            answer.whole = chunk.index == 0  # else the monitor came in the middle of it
            if answer.whole:
                self.tally.observe("ttft_s", GENERATE, value=chunk.elapsed_s)
        answer.tokens += 1
        answer.last_s = chunk.elapsed_s

    def _whole(self, answer: Answer) -> None:
        self.tally.observe("e2e_s", GENERATE, value=answer.last_s)
        if answer.tokens > 1:
            self.tally.observe("tpot_s", GENERATE, value=(answer.last_s - answer.first_s) / (answer.tokens - 1))

    def on_result(self, event: Event) -> None:
        match event.data:
            case {"kind": "completions", "value": completions}:
                self._completions(completions)
            case {"kind": "measurement", "value": measurement}:
                self._measurement(measurement)

    def _completions(self, completions: list[Completion]) -> None:
        self.tally.add("prompt_tokens", GENERATE, by=sum(each.prompt_tokens for each in completions))

    def _measurement(self, measurement: Measurement) -> None:
        rows = measurement.repeats * measurement.workload.batch_size
        with self.tally.at_once():
            self.tally.add("generated_tokens", MEASURE, by=rows * measurement.workload.new_tokens)
            self.tally.add("prompt_tokens", MEASURE, by=rows * measurement.workload.prompt_tokens)
            self.tally.set("decode_tps", MEASURE, to=measurement.decode_tps)
            for key in ("ttft_s", "tpot_s", "e2e_s"):
                for value in measurement.samples.get(key, ()):
                    self.tally.observe(key, MEASURE, value=value)

    def on_error(self, event: Event) -> None:
        name = type(event.data).__name__
        self.tally.add("errors", name if name in KINDS else OTHER)

    def on_state(self, event: Event) -> None:
        """A job's beginning and its end; what it generated ends with it."""
        if "operation" not in event.data:
            return
        operation = event.data["operation"] if event.data["operation"] in DOING else OTHER
        with self.tally.at_once():
            for outcome in SERIES["jobs"].labels["outcome"]:
                self.tally.add("jobs", operation, outcome, by=0)
            if "ended" in event.data:
                self.tally.add("jobs", operation, event.data["ended"])
                self._end(list(self._answers.pop(event.job, {}).values()))

    def _end(self, answers: list[Answer]) -> None:
        for answer in answers:
            if not answer.ended:
                self.tally.add("requests", FAILED)
        gaps = sum(max(answer.tokens - 1, 0) for answer in answers)
        seconds = max((answer.last_s for answer in answers), default=0.0) - min(
            (answer.first_s for answer in answers if answer.tokens), default=0.0
        )
        if gaps and seconds > 0:
            self.tally.set("decode_tps", GENERATE, to=gaps / seconds)
