"""Decoding choices on live tiny models: penalties, seeds, stop strings, the sentence end, a person's own processors."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from workbench.checks import as_processors
from workbench.config import Config
from workbench.errors import ConfigError, WorkbenchError
from workbench.results import Chunk, Completion
from workbench.session import Session

pytestmark = pytest.mark.model
PROMPTS = ["the sea is deep", "one two three four five"]


@pytest.fixture(scope="module")
def session(demo_home: Any) -> Iterator[Session]:
    with Session("random:deepseek-llm-7b-base?scale=tiny", host="inline") as opened:
        yield opened


@pytest.fixture(autouse=True)
def _plain(session: Session) -> Iterator[None]:
    yield
    session.apply(Config(device=session.config.device, dtype=session.config.dtype))


def ids(completions: list[Completion]) -> list[tuple[int, ...]]:
    return [completion.token_ids for completion in completions]


def text_of(session: Session, tokens: tuple[int, ...]) -> str:
    return str(session.tokenizer.decode(tokens, skip_special_tokens=True))


def test_every_setting_is_read_back_from_what_runs(session: Session) -> None:
    wanted = {
        "do_sample": True,
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 20,
        "min_p": 0.05,
        "repetition_penalty": 1.1,
        "no_repeat_ngram_size": 3,
        "stop_strings": ("END", "\n\n"),
        "stop_at_sentence": 8,
    }
    resolved = session.apply(**wanted).resolved
    assert {**resolved.sampling, "stop_strings": tuple(resolved.sampling["stop_strings"])} == wanted
    assert not resolved.differences(session.config)
    generation = session.model.generation_config
    assert (generation.repetition_penalty, generation.no_repeat_ngram_size, generation.min_p) == (1.1, 3, 0.05)
    assert generation.stop_strings is None, "a plain model.generate of the person's would ask for a tokenizer"


def test_penalties_change_greedy_answers_and_leave_fixed_work_alone(session: Session) -> None:
    plain = session.generate(PROMPTS[0], 24)[0].token_ids
    batch = session._bench.host.engine.inputs(PROMPTS[:1])  # type: ignore[union-attr]
    engine = session._bench.host.engine  # type: ignore[union-attr]
    fixed = engine.produce(batch, None, 24).sequences.tolist()
    session.apply(no_repeat_ngram_size=1, repetition_penalty=1.5, stop_strings=(text_of(session, plain[:2]),))
    penalised = session.generate(PROMPTS[0], 24)[0].token_ids
    assert penalised != plain
    assert len(set(penalised)) == len(penalised), "no_repeat_ngram_size=1: no token twice"
    assert engine.produce(batch, None, 24).sequences.tolist() == fixed


def test_a_seed_repeats_the_answer_and_the_result_names_the_one_that_was_drawn(session: Session) -> None:
    assert session.generate(PROMPTS, 8)[0].seed is None
    session.apply(do_sample=True)
    drawn = session.generate(PROMPTS, 12)
    assert drawn[0].seed is not None
    assert drawn[0].seed == drawn[1].seed
    assert ids(session.generate(PROMPTS, 12, seed=drawn[0].seed)) == ids(drawn)
    assert ids(session.generate(PROMPTS, 12, seed=drawn[0].seed ^ 1)) != ids(drawn)
    session.apply(seed=5)
    five = session.generate(PROMPTS, 12)
    assert five[0].seed == 5
    assert ids(session.generate(PROMPTS, 12, seed=5)) == ids(five)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, True, "7"])
def test_a_seed_out_of_range_is_refused_before_the_run(session: Session, seed: Any) -> None:
    with pytest.raises(ConfigError, match="is no seed"):
        session.generate(PROMPTS, 2, seed=seed)


def test_a_stop_string_ends_its_row_alone_and_is_not_part_of_the_text(session: Session) -> None:
    plain = session.generate(PROMPTS, 24)
    stop = text_of(session, plain[0].token_ids[5:8])
    before = plain[0].text[: plain[0].text.index(stop)]
    session.apply(stop_strings=(stop,))
    first, second = session.generate(PROMPTS, 24)
    assert first.finish_reason == "stop_string"
    assert len(first.token_ids) < 24
    assert first.token_ids == plain[0].token_ids[: len(first.token_ids)]
    assert first.text == before
    assert stop in text_of(session, first.token_ids)
    if stop not in plain[1].text:
        assert (second.finish_reason, second.token_ids) == ("length", plain[1].token_ids)


def test_a_stream_never_shows_the_beginning_of_a_stop_string_that_comes(session: Session) -> None:
    plain = session.generate(PROMPTS[0], 24)[0]
    stop = text_of(session, plain.token_ids[5:9])
    session.apply(stop_strings=(stop, "never this"))
    whole = session.generate(PROMPTS[0], 24)[0]
    chunks: list[Chunk] = list(session.stream(PROMPTS[0], 24))
    assert "".join(chunk.text for chunk in chunks) == whole.text == plain.text[: plain.text.index(stop)]
    assert [chunk.token_id for chunk in chunks] == list(whole.token_ids)
    assert chunks[-1].finish_reason == "stop_string"


def test_what_only_looked_like_a_stop_string_is_shown_after_all(session: Session) -> None:
    plain = session.generate(PROMPTS[0], 12)[0]
    looks = plain.text[4:7] + "\u2603"  # begins as the text goes on, and never ends
    session.apply(stop_strings=(looks, plain.text[-2:] + "\u2603"))
    chunks = list(session.stream(PROMPTS[0], 12))
    assert "".join(chunk.text for chunk in chunks) == plain.text
    assert chunks[-1].finish_reason == "length"


def test_an_answer_stops_at_a_sentence_end_and_no_token_comes_after(session: Session) -> None:
    word, point = session.tokenizer(" sea.", add_special_tokens=False)["input_ids"]

    def written(_input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """A full stop as the seventh and the tenth token of the first row, never in the second."""
        step[0] += 1
        only = torch.full_like(scores, -torch.inf)
        only[:, word] = 0.0
        if step[0] in (7, 10):
            only[0, point] = 1.0
        return only

    session.apply(stop_at_sentence=8)
    step = [0]
    first, second = session.generate(PROMPTS, 16, logits_processors=[written])
    assert (first.finish_reason, len(first.token_ids)) == ("sentence", 10)
    assert (second.finish_reason, len(second.token_ids)) == ("length", 16)
    session.apply(stop_at_sentence=7)
    step = [0]
    assert len(session.generate(PROMPTS[0], 16, logits_processors=[written])[0].token_ids) == 7


@pytest.mark.parametrize("stops", [{"stop_strings": ("x",)}, {"stop_at_sentence": 1}])
def test_the_compiled_loop_meets_the_same_stops(session: Session, stops: dict[str, Any]) -> None:
    session._bench.host.engine.decoder.loops._backend = "eager"  # type: ignore[union-attr]  # no compiler: the loop is meant
    plain = session.generate(PROMPTS, 12)
    changes = {"stop_strings": (plain[0].text[6:9],)} if "stop_strings" in stops else stops
    session.apply(**changes)
    point = session.tokenizer("x.", add_special_tokens=False)["input_ids"][-1]

    def full_stop(input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        lead = scores.clone()
        lead[0, point] = 1e4 if input_ids.shape[1] % 5 == 0 else -1e4
        return lead

    processors = [] if "stop_strings" in stops else [full_stop]
    own = session.generate(PROMPTS, 12, logits_processors=processors)
    session.apply(compile="default")
    compiled = session.generate(PROMPTS, 12, logits_processors=processors)
    assert session.resolved.loop == "compiled static-cache loop"
    assert [(row.token_ids, row.finish_reason, row.text) for row in compiled] == [
        (row.token_ids, row.finish_reason, row.text) for row in own
    ]
    assert own[0].finish_reason in ("stop_string", "sentence")


def test_what_is_ignored_or_harmful_stands_in_the_result(session: Session) -> None:
    session.apply(temperature=0.5, min_p=0.1, repetition_penalty=0.8)
    codes = [note.code for note in session.generate(PROMPTS[0], 2)[0].notes]
    assert codes == ["sampling.rewards_repetition", "sampling.ignored"]
    session.apply(do_sample=True, temperature=1e-6)
    notes = session.generate(PROMPTS[0], 2)[0].notes
    assert [note.code for note in notes] == ["sampling.cold", "sampling.rewards_repetition"]
    assert "1e-06" in str(notes[0])


def test_bad_prompts_and_lengths_are_refused_before_the_run(session: Session) -> None:
    limit = session.facts.context_length
    with pytest.raises(ConfigError, match="Prompt 1 is empty"):
        session.generate(["one", "  "], 2)
    with pytest.raises(ConfigError) as caught:
        session.generate(PROMPTS, limit)
    assert {caught.value.params["new"], caught.value.params["limit"]} == {limit}
    unequal = session.generate(["one", "one two three four five six seven"], 4)
    assert [len(each.token_ids) for each in unequal] == [4, 4]


@pytest.mark.parametrize(
    ("knobs", "code"),
    [
        ({"stop_strings": ("",)}, "config.unknown_value"),
        ({"stop_strings": "a" * 201}, "config.unknown_value"),
        ({"temperature": -0.1}, "config.unknown_value"),
        ({"do_sample": True, "temperature": 0.0}, "config.sampling_at_zero"),
        ({"stop_at_sentence": 0}, "config.unknown_value"),
        ({"seed": -1}, "config.unknown_value"),
        ({"repetition_penalty": 0.0}, "config.unknown_value"),
        ({"min_p": 1.5}, "config.unknown_value"),
    ],
)
def test_impossible_values_are_refused_by_name(session: Session, knobs: dict[str, Any], code: str) -> None:
    before = session.config
    with pytest.raises(ConfigError) as caught:
        session.apply(**knobs)
    assert caught.value.code == code
    assert session.config == before


# --- a person's own processors


def forbids_nothing(_input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    return scores


def only_seven() -> Any:
    """A factory: the token 7 alone."""

    def process(input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        assert input_ids.ndim == scores.ndim == 2
        only = torch.full_like(scores, -torch.inf)
        only[:, 7] = 0.0
        return only

    return process


def breaks() -> Any:
    raise RuntimeError("no luck")


def test_a_function_or_an_import_path_decides_the_tokens(session: Session) -> None:
    here = f"{__name__}:only_seven"
    plain = ids(session.generate(PROMPTS, 4))
    for given in ([only_seven()], [here], [forbids_nothing, here]):
        assert ids(session.generate(PROMPTS, 4, logits_processors=given)) == [(7,) * 4] * 2
    assert [chunk.token_id for chunk in session.stream(PROMPTS[0], 3, logits_processors=[here])] == [7, 7, 7]
    assert ids(session.generate(PROMPTS, 4)) == plain, "one call's processor stays with that call"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("only", "processors.not_a_list"),
        ([3], "processors.not_a_list"),
        (["os.system"], "processors.bad_path"),
        (["no_such_module_here:f"], "processors.no_module"),
        ([f"{__name__}:nothing"], "processors.no_factory"),
        ([f"{__name__}:breaks"], "processors.factory_failed"),
        (["os:getpid"], "processors.not_callable"),
        ([lambda _ids, _scores: 1 / 0], "processors.failed"),
        ([lambda _ids, scores: scores[:1]], "processors.wrong_shape"),
        ([lambda _ids, _scores: None], "processors.wrong_shape"),
        ([lambda _ids, scores: scores - torch.inf], "processors.nothing_left"),
        ([lambda _ids, scores: scores * torch.nan], "processors.nothing_left"),
    ],
)
def test_a_bad_processor_is_told_by_name(session: Session, given: Any, code: str) -> None:
    with pytest.raises(WorkbenchError) as caught:
        session.generate(PROMPTS, 2, logits_processors=given)
    assert caught.value.code == code
    assert session.generate(PROMPTS[0], 2)


def test_a_special_token_is_a_stop_string_by_its_tokens(session: Session) -> None:
    """transformers matches tokens: the text never shows what `skip_special_tokens` leaves out, and still it ends."""
    special = session.tokenizer.all_special_tokens[0]
    token_id = session.tokenizer.convert_tokens_to_ids(special)

    def always(_input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        lead = scores.clone()
        lead[:, token_id] = 1e4
        return lead

    session.apply(stop_strings=(special,), eos_token_ids=(9,))
    ended = session.generate(PROMPTS[0], 8, logits_processors=[always])[0]
    assert (ended.finish_reason, len(ended.token_ids), ended.text) == ("stop_string", 1, "")


def test_a_function_stays_in_its_process_and_a_path_may_leave_it() -> None:
    assert as_processors([forbids_nothing], here=True) == [forbids_nothing]
    assert as_processors(["package.module:factory"], here=False) == ["package.module:factory"]
    with pytest.raises(ConfigError) as caught:
        as_processors([forbids_nothing], here=False)
    assert caught.value.code == "processors.inline_only"
    assert caught.value.params["name"] == "forbids_nothing"
