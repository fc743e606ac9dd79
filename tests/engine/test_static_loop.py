"""The compiled decode loop gives the tokens of transformers' own, whatever the model, the batch and the stop."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch._dynamo import eval_frame
from torch._dynamo.utils import counters
from transformers import StopStringCriteria
from transformers.generation.streamers import BaseStreamer

from workbench.catalog.random_names import parse
from workbench.engine import random_model, static_loop
from workbench.engine.static_loop import StaticLoop
from workbench.errors import Stopped

FAMILY = ("deepseek-llm-7b-base", "deepseek-r1-distill-qwen-1.5b", "deepseek-v2-lite", "deepseek-v3")
Made = Callable[..., Any]


@pytest.fixture(scope="module")
def made(demo_home: Any) -> Iterator[Made]:
    """(model, tokenizer) of a slug with random weights, two layers or so, made once."""
    kept: dict[tuple[str, str], Any] = {}

    def make(slug: str, dtype: str = "float32", attention: str = "sdpa") -> Any:
        key = (slug, dtype)
        if key not in kept:
            spec = parse(f"random:{slug}?scale=tiny")
            kept[key] = random_model.build(spec, getattr(torch, dtype), torch.device("cpu"))
        kept[key][0].set_attn_implementation(attention)
        return kept[key]

    yield make
    torch.compiler.reset()


def batch(rows: int = 3, length: int = 11, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random ids, each row but the first padded on the left by some."""
    drawn = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, 200, (rows, length), generator=drawn)
    mask = torch.ones_like(ids)
    for row in range(1, rows):
        mask[row, : 2 * row - 1] = 0
    return {"input_ids": ids, "attention_mask": mask}


def both(model: Any, loop: StaticLoop, inputs: dict[str, torch.Tensor], **options: Any) -> tuple[Any, Any]:
    """Tokens of transformers' loop and of ours, for the same seed."""
    produced = []
    for arguments in ({}, loop.arguments()):
        torch.manual_seed(7)
        with torch.inference_mode():
            produced.append(model.generate(**inputs, pad_token_id=2, **{"do_sample": False, **options}, **arguments))
    return produced[0], produced[1]


def graphs() -> int:
    return int(counters["stats"]["unique_graphs"])


@pytest.mark.parametrize("slug", FAMILY)
def test_greedy_tokens_of_a_padded_batch_are_those_of_transformers(made: Made, slug: str) -> None:
    model, _ = made(slug)
    loop = StaticLoop(model, 3, 64, backend="eager")
    before, breaks = graphs(), sum(counters["graph_break"].values())
    for length in (11, 7, 23):
        expected, ours = both(model, loop, batch(length=length), max_new_tokens=12, eos_token_id=None)
        assert ours.tolist() == expected.tolist()
    assert graphs() == before + 1, "another prompt length compiled again"
    assert sum(counters["graph_break"].values()) == breaks


@pytest.mark.parametrize("slug", FAMILY)
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_sampled_tokens_follow_the_seed_as_in_transformers(made: Made, slug: str, attention: str) -> None:
    model, _ = made(slug, attention=attention)
    loop = StaticLoop(model, 2, 40, backend="eager")
    options = {"do_sample": True, "temperature": 0.8, "top_k": 50, "top_p": 0.9, "repetition_penalty": 1.2}
    expected, ours = both(model, loop, batch(2), max_new_tokens=16, **options)
    assert ours.tolist() == expected.tolist()


def test_scores_are_those_of_transformers(made: Made) -> None:
    model, _ = made(FAMILY[0])
    loop = StaticLoop(model, 1, 32, backend="eager")
    wanted = {"return_dict_in_generate": True, "output_scores": True, "output_logits": True}
    expected, ours = both(model, loop, batch(1), max_new_tokens=6, **wanted)
    assert type(ours) is type(expected)
    assert ours.past_key_values is loop.cache
    assert len(ours.scores) == len(ours.logits) == 6
    for theirs, found in zip(expected.logits + expected.scores, ours.logits + ours.scores, strict=True):
        torch.testing.assert_close(found, theirs)


def test_rows_end_at_their_end_token_and_are_filled_with_pad(made: Made) -> None:
    model, _ = made(FAMILY[0])
    loop = StaticLoop(model, 3, 64, backend="eager")
    free, _ = both(model, loop, batch(), max_new_tokens=20, eos_token_id=None)
    end = int(free[1, 11 + 4])  # what the second row says fifth
    expected, ours = both(model, loop, batch(), max_new_tokens=20, eos_token_id=end)
    assert ours.tolist() == expected.tolist()
    assert 2 in ours[1, 11:].tolist() or ours.shape[1] < 31, "no row ended early: the test shows nothing"


def test_stop_strings_and_the_longest_length_end_a_run(made: Made) -> None:
    model, tokenizer = made(FAMILY[0])
    loop = StaticLoop(model, 1, 64, backend="eager")
    free, _ = both(model, loop, batch(1), max_new_tokens=20, eos_token_id=None)
    word = tokenizer.decode(free[0, 11 + 5])
    criteria = [StopStringCriteria(tokenizer, [word])]
    expected, ours = both(model, loop, batch(1), max_new_tokens=20, eos_token_id=None, stopping_criteria=criteria)
    assert ours.tolist() == expected.tolist()
    assert ours.shape[1] <= 11 + 6
    _, ours = both(model, loop, batch(1), max_length=14, eos_token_id=None)
    assert ours.shape[1] == 14


class Watching(BaseStreamer):  # type: ignore[misc]
    """Notes at each token whether the guards of the compiled code are asked."""

    def __init__(self) -> None:
        self.asked: list[bool] = []

    def put(self, _value: torch.Tensor) -> None:
        self.asked.append(not eval_frame._stance.skip_guard_eval_unsafe)

    def end(self) -> None:
        pass


def test_guards_are_asked_until_a_step_compiled_nothing_and_anew_in_each_run(made: Made) -> None:
    model, _ = made("deepseek-llm-7b-base")
    loop = StaticLoop(model, 3, 64, backend="eager")
    for checked in (2, 1):  # the prompt's token, and that of a step that compiled
        watching = Watching()
        with torch.inference_mode():
            model.generate(
                **batch(),
                max_new_tokens=8,
                do_sample=False,
                pad_token_id=2,
                eos_token_id=None,
                **loop.arguments(watching),
            )
        assert watching.asked == [True] * checked + [False] * (8 - checked)
        assert not eval_frame._stance.skip_guard_eval_unsafe
    # a model that was changed between two runs is compiled again, not run as it was
    layer, before = model.model.layers[0].mlp, graphs()
    act, layer.act_fn = layer.act_fn, torch.nn.ReLU()
    try:
        expected, ours = both(model, loop, batch(), max_new_tokens=12, eos_token_id=None)
    finally:
        layer.act_fn = act
    assert ours.tolist() == expected.tolist()
    assert graphs() == before + 1


def test_a_step_that_is_compiled_in_pieces_is_asked_before_each_token(made: Made) -> None:
    """What lies between the pieces may compile again at any token, and must be let to."""
    model, _ = made("deepseek-llm-7b-base")
    loop, seen = StaticLoop(model, 3, 64, backend="eager"), []

    def noting(_module: Any, _inputs: Any, output: Any) -> None:
        torch._dynamo.graph_break()
        seen.append(len(seen))

    hook = model.model.layers[0].register_forward_hook(noting)
    watching = Watching()
    try:
        with torch.inference_mode():
            model.generate(
                **batch(),
                max_new_tokens=6,
                do_sample=False,
                pad_token_id=2,
                eos_token_id=None,
                **loop.arguments(watching),
            )
    finally:
        hook.remove()
    assert watching.asked == [True] * 6
    assert len(seen) == 6  # one of them the prompt's


def test_layers_that_may_take_another_branch_are_asked_before_each_token(made: Made) -> None:
    model, _ = made("deepseek-llm-7b-base")
    loop = StaticLoop(model, 3, 64, backend="eager")
    assert loop.plain
    loop.plain = False
    watching = Watching()
    with torch.inference_mode():
        model.generate(
            **batch(), max_new_tokens=6, do_sample=False, pad_token_id=2, eos_token_id=None, **loop.arguments(watching)
        )
    assert watching.asked == [True] * 6


class Stopping(BaseStreamer):  # type: ignore[misc]
    """Notes tokens, and raises as Stop does after `at` of them."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.tokens: list[int] = []
        self.ended = False

    def put(self, value: torch.Tensor) -> None:
        self.tokens.extend(value.flatten().tolist())
        if self.at and len(self.tokens) >= 11 + self.at:
            raise Stopped("session.stopped", phase="")

    def end(self) -> None:
        self.ended = True


def test_stop_ends_a_run_and_the_next_begins_with_an_empty_cache(made: Made) -> None:
    model, _ = made("deepseek-v2-lite")
    loop = StaticLoop(model, 1, 64, backend="eager")
    stopping = Stopping(at=3)
    with pytest.raises(Stopped), torch.inference_mode():
        model.generate(**batch(1), max_new_tokens=12, streamer=stopping, **loop.arguments(stopping))
    assert len(stopping.tokens) == 11 + 3
    streamer = Stopping()
    with torch.inference_mode():
        ours = model.generate(
            **batch(1), max_new_tokens=12, eos_token_id=None, streamer=streamer, **loop.arguments(streamer)
        )
    expected, _ = both(model, loop, batch(1), max_new_tokens=12, eos_token_id=None)
    assert ours.tolist() == expected.tolist()
    assert streamer.tokens == ours[0].tolist(), "prompt and every token pass the streamer"
    assert streamer.ended


def test_what_does_not_fit_is_refused_before_the_run(made: Made) -> None:
    model, _ = made(FAMILY[0])
    loop = StaticLoop(model, 1, 16, backend="eager")
    with pytest.raises(ValueError, match="1 rows of 23 tokens do not fit a loop made for 1 rows of 16"):
        both(model, loop, batch(1), max_new_tokens=12)
    with pytest.raises(ValueError, match="2 rows"):
        both(model, loop, batch(2), max_new_tokens=2)


def test_a_last_token_fills_the_cache(made: Made) -> None:
    model, _ = made(FAMILY[0])
    expected, ours = both(model, StaticLoop(model, 1, 16, backend="eager"), batch(1), max_new_tokens=5)
    assert ours.tolist() == expected.tolist()


def test_one_loop_does_not_pay_for_another(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch keeps compiled code by code object: loops with the same one would recompile each other to the limit."""
    monkeypatch.setattr(static_loop, "RECOMPILES", 2)
    model, _ = made(FAMILY[0])
    loops = [StaticLoop(model, 1, 32 + step, backend="eager") for step in range(4)]
    before = graphs()
    for _ in range(2):
        for loop in loops:
            both(model, loop, batch(1), max_new_tokens=3, eos_token_id=None)
    assert graphs() == before + len(loops)


def test_settings_of_the_compiler_are_as_before_after_a_run(made: Made) -> None:
    model, _ = made(FAMILY[0])
    before = (torch._inductor.config.freezing, torch._dynamo.config.recompile_limit)
    seen = []

    class Watching(StaticLoop):
        def decode(self, tokens: torch.Tensor, index: int) -> Any:
            seen.append((torch._inductor.config.freezing, torch.is_inference_mode_enabled()))
            return super().decode(tokens, index)

    both(model, Watching(model, 1, 32, freezing=True, backend="eager"), batch(1), max_new_tokens=3)
    assert set(seen) == {(True, False)}
    assert (torch._inductor.config.freezing, torch._dynamo.config.recompile_limit) == before
