"""Checkable questions answered by sampling: sums by hand, and both models really run."""

import math
import queue
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import workbench as wb
from workbench.errors import CapabilityError, Stopped
from workbench.probes.context import Context
from workbench.probes.quality.reasoning import RECOMMENDED, attempt, own_sampling, run, thinks
from workbench.reasoning import _spread, summed_up
from workbench.results import Attempt, Attempts, Reasoning
from workbench.stats import clustered, wilson
from workbench.suites import Question, questions


def attempts(rights: list[list[bool]], **more: Any) -> Attempts:
    """rights: question -> seed -> right."""
    made = [
        Attempt(
            question=f"q{number}",
            seed=seed,
            given="1",
            right=right,
            finished=True,
            looping=False,
            thinking_tokens=10 * number,
            tokens=20,
        )
        for number, seeds in enumerate(rights)
        for seed, right in enumerate(seeds)
    ]
    return Attempts(thinks=True, sampling={"temperature": 0.6}, max_new_tokens=100, attempts=tuple(made), **more)


def asked(count: int) -> tuple[Question, ...]:
    return tuple(Question(id=f"q{number}", domain="english", question="?", answer="1") for number in range(count))


def summary(candidate: list[list[bool]], reference: list[list[bool]] | None = None) -> Reasoning:
    ran = {"candidate": attempts(candidate)} | ({"reference": attempts(reference)} if reference else {})
    return summed_up(ran, asked(len(candidate)), len(candidate[0]), 1.0)


def test_the_unit_is_the_question_not_the_answer() -> None:
    once = summary([[True]] * 5 + [[False]] * 5)
    eight_times = summary([[True] * 8] * 5 + [[False] * 8] * 5)
    assert once.accuracy["candidate"][0] == eight_times.accuracy["candidate"][0] == 0.5
    low, high = eight_times.accuracy["candidate"][1]
    assert high - low > 0.5  # eighty answers, and still ten questions
    assert once.accuracy["candidate"][1] == wilson(5, 10)


def test_all_right_is_not_certain() -> None:
    found = summary([[True, True]] * 10)
    assert found.accuracy["candidate"] == (1.0, wilson(10, 10))
    assert found.finished["candidate"][0] == 1.0
    assert found.looping["candidate"] == (0.0, wilson(0, 10))
    assert found.thinking_tokens["candidate"][0] == 45


def test_a_difference_is_paired_by_question() -> None:
    hard = [[False, False]] * 10
    easy = [[True, True]] * 10
    same = summary(hard + easy, hard + easy)
    assert same.difference == (0.0, (0.0, 0.0))
    assert same.sentence.code == "reasoning.same"
    worse = summary(hard + [[False, False]] * 8 + easy[:2], hard + easy)
    assert worse.difference is not None
    assert worse.difference[0] == -0.4
    assert worse.difference[1][1] < 0
    assert worse.sentence.code == "reasoning.worse"
    assert "worse by" in str(worse.sentence)
    assert summary(hard + easy, hard + [[False, False]] * 8 + easy[:2]).sentence.code == "reasoning.better"


def test_clusters_that_differ_give_a_wider_interval() -> None:
    # 12 values of standard deviation 0.5222: Student's half width is 0.3318
    low, high = clustered([0.0] * 6 + [1.0] * 6)
    assert (low + high) / 2 == pytest.approx(0.5, abs=0.03)
    assert (high - low) / 2 == pytest.approx(0.3318, abs=0.05)
    assert clustered([0.3], 0.0, 1.0) == (0.0, 1.0)
    assert clustered([]) == (-math.inf, math.inf)


@pytest.mark.parametrize("clusters", [2, 3, 4, 5, 6, 9])
def test_an_interval_of_few_clusters_misses_as_rarely_as_it_says(clusters: int) -> None:
    generator = random.Random(clusters)
    rounds = 300
    missed = sum(
        low > 0 or high < 0
        for low, high in (clustered([generator.gauss(0, 1) for _ in range(clusters)]) for _ in range(rounds))
    )
    assert missed / rounds < 0.09  # of 5 %, with three standard errors and what is left of the bootstrap's bias


def test_sampling_is_the_checkpoint_s_own() -> None:
    own = SimpleNamespace(do_sample=True, temperature=0.7, top_p=0.9, top_k=None)
    assert own_sampling(own) == ({"temperature": 0.7, "top_p": 0.9, "top_k": 50}, ())
    values, flags = own_sampling(SimpleNamespace(temperature=None, top_p=None, top_k=None))
    assert values == {**RECOMMENDED, "top_k": 50}
    assert [flag.code for flag in flags] == ["reasoning.no_sampling"]


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session("random:deepseek-llm-7b-base?scale=tiny", config=wb.Config(threads=1), host="inline") as session:
        yield session


class Thinking:
    """The tokenizer with R1's template around it."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.chat_template = "{{ messages[0].content }}<think>\n"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self._tokenizer(*given, **named)


@pytest.mark.model
def test_an_answer_without_the_end_of_its_thinking_is_wrong(session: wb.Session) -> None:
    tokenizer = Thinking(session.tokenizer)
    tokenizer.chat_template += "</think>"
    assert thinks(tokenizer)
    assert not thinks(session.tokenizer)
    question = Question(id="q", domain="english", question="6 × 2?", answer="12")

    def judged(text: str, ended: bool, model_thinks: bool = True) -> Attempt:
        ids = [*session.tokenizer(text, add_special_tokens=False)["input_ids"], *([2] if ended else [])]
        return attempt(session.tokenizer, question, 0, ids, ended, model_thinks)

    whole = judged("six twos are twelve</think>\\boxed{12}", True)
    assert (whole.right, whole.finished, whole.given) == (True, True, "12")
    assert whole.thinking_tokens == len(session.tokenizer("six twos are twelve")["input_ids"])
    never = judged("it is \\boxed{12} or is it", False)
    assert (never.right, never.finished, never.given) == (False, False, None)
    assert judged("it is \\boxed{12}", True, model_thinks=False).right
    assert not judged("wait." + " wait." * 40, False).finished
    assert judged("wait." + " wait." * 40, False).looping


@pytest.mark.model
def test_both_configurations_answer_and_the_first_is_back(session: wb.Session) -> None:
    before = session.config
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    session.on("result", lambda event: told.put(event.data["kind"]))
    found = session.reasoning({"dtype": "float32"}, seeds=2, limit=4, max_new_tokens=8)
    assert session.config == before
    assert session.last["reasoning"] is found
    assert set(found.accuracy) == {"candidate", "reference"}
    assert found.questions == 4
    assert found.sampling == {**RECOMMENDED, "top_k": 50}
    assert set(found.given["candidate"]) == {"en-01", "en-07", "zh-01", "zh-07"}
    assert all(len(given) == 2 for given in found.given["candidate"].values())
    assert found.finished["candidate"][0] == 0.0  # random weights do not stop within eight tokens
    assert found.thinking_tokens["candidate"][0] == 8
    assert any(flag.code == "reasoning.cut" for flag in found.flags)
    assert Reasoning.from_json(found.to_json()) == found
    assert told.get(timeout=10) == "reasoning"  # events come on a thread of their own
    assert told.empty()


@pytest.mark.model
def test_a_seed_gives_the_same_answers_again_and_another_gives_others(
    session: wb.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine: Any = session._bench.host.engine  # type: ignore[union-attr]
    produce, seen = engine.produce, []

    def spy(*given: Any, **named: Any) -> Any:
        output = produce(*given, **named)
        seen.append(output.sequences.tolist())
        return output

    monkeypatch.setattr(engine, "produce", spy)
    first, second = (session.reasoning(seeds=2, limit=2, max_new_tokens=6) for _ in range(2))
    assert seen[:2] == seen[2:]
    assert seen[0] != seen[1]
    assert first.given == second.given
    assert first.accuracy == second.accuracy
    assert first.difference is None


@pytest.mark.model
def test_the_probe_leaves_the_sampling_as_it_was(session: wb.Session) -> None:
    engine: Any = session._bench.host.engine  # type: ignore[union-attr]
    before, stop = engine.config, threading.Event()
    params = {"questions": [questions()[0].to_dict()], "seeds": 1, "max_new_tokens": 4, "rows": 8}
    assert run(engine, params, Context(lambda _name, _data: None)).sampling["temperature"] == 0.6
    assert engine.config == before
    stop.set()
    with pytest.raises(Stopped):
        run(engine, params, Context(lambda _name, _data: None, stop))
    assert engine.config == before
    assert not engine.model.generation_config.do_sample


@pytest.mark.model
def test_a_reference_that_cannot_be_is_refused_before_anything_runs(session: wb.Session) -> None:
    with pytest.raises(CapabilityError):
        session.reasoning({"attention": "flash_attention_2"}, limit=1, max_new_tokens=4)


def test_limits_spread_over_both_languages() -> None:
    assert {question.domain for question in _spread(questions(), 2)} == {"english", "chinese"}
    assert len(_spread(questions(), 1000)) == len(questions())
