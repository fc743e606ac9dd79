"""Where a sentence ends, on texts made by hand; the criterion on real tokens, row by row."""

from typing import Any

import pytest
import torch

from workbench.catalog.random_names import parse
from workbench.engine import random_model
from workbench.probes.sentence_end import SentenceEnd, ends_sentence


@pytest.mark.parametrize(
    "text",
    [
        "The sea is deep.",
        "Is it deep?",
        "Stop! ",
        "He said “It is deep.”",
        'She said "no."',
        "It was (so they say) deep.",
        "It is deep.\n\n",
        "It has been so since 1999.\n",
        "So do I.",
        "Wait...",
        "**Bold.**",
        "春天来了。",
        "春天来了！",
        "真的吗？\n",
        "他说：“春天来了。”",
        "（见下文。）",
        "春天……",
        "```\na = 1.\n```\nThat is all.",
        "a stray ( here\nThat is all.",
    ],
)
def test_a_sentence_ends(text: str) -> None:
    assert ends_sentence(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "The sea",
        "The sea,",
        "It costs 3.",
        "1.",
        "List:\n1.",
        "List:\n1.\n",
        "As J.",
        "Dr.",
        "for example, e.g.",
        "in the U.S.",
        "He said “It is deep.",
        'She said "no.',
        "It was (so they say.",
        "他说：“春天来了。",
        "春天，",
        "```python\nprint(x).",
    ],
)
def test_no_sentence_ends(text: str) -> None:
    assert not ends_sentence(text)


@pytest.fixture(scope="module")
def tokenizer(demo_home: Any) -> Any:
    spec = parse("random:deepseek-llm-7b-base?scale=tiny")
    return random_model.build(spec, torch.float32, torch.device("cpu"))[1]


def ended_at(tokenizer: Any, texts: list[str], after: int) -> list[int | None]:
    """By row of one batch: the new tokens at which it was met first. Texts are padded with spaces on the right."""
    prompts = [tokenizer("Tell me. Now!", add_special_tokens=False)["input_ids"]] * len(texts)
    answers = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    longest = max(map(len, answers))
    space = tokenizer(" x", add_special_tokens=False)["input_ids"][-1:]
    rows = [prompt + answer + space * (longest - len(answer)) for prompt, answer in zip(prompts, answers, strict=True)]
    ids = torch.tensor(rows)
    start = len(prompts[0])
    criterion = SentenceEnd(tokenizer, start, after)
    found: list[int | None] = [None] * len(texts)
    for new in range(1, longest + 1):
        for row, met in enumerate(criterion(ids[:, : start + new], None).tolist()):
            if met and found[row] is None:
                found[row] = new
    return found


def test_each_row_of_a_batch_ends_at_its_own_sentence(tokenizer: Any) -> None:
    texts = ["One two. Three four.", "春天来了。花开了。", "no end here at all"]
    lengths = [len(tokenizer(part, add_special_tokens=False)["input_ids"]) for part in ("One two.", "春天来了。")]
    assert ended_at(tokenizer, texts, 1) == [*lengths, None]


def test_nothing_ends_before_enough_tokens_and_the_prompt_does_not_count(tokenizer: Any) -> None:
    text = "One two. Three four."
    whole = len(tokenizer(text, add_special_tokens=False)["input_ids"])
    first = len(tokenizer("One two.", add_special_tokens=False)["input_ids"])
    assert ended_at(tokenizer, [text], first) == [first]
    assert ended_at(tokenizer, [text], first + 1) == [whole]
    assert ended_at(tokenizer, [text], whole + 1) == [None]


def test_a_mark_whose_bytes_are_split_over_tokens_ends_a_sentence(tokenizer: Any) -> None:
    ids = tokenizer("春天来了！", add_special_tokens=False)["input_ids"]
    assert "\ufffd" in tokenizer.decode(ids[-1:]), "this tokenizer writes the mark as one token: choose another"
    assert ended_at(tokenizer, ["春天来了！"], 1) == [len(ids)]
