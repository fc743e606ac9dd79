"""Multiple choice: the score of an option against one computed alone, and flips worked out by hand."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import workbench as wb
from workbench.probes.context import Context
from workbench.probes.quality import choices
from workbench.stats import wilson
from workbench.suites import Choice, suite

NOWHERE = Context(lambda _name, _data: None)
ITEMS = tuple(
    Choice(id=f"i{number}", domain="english", question="?", options=("a", "b", "c", "d"), answer=0)
    for number in range(4)
)


def test_flips_by_hand() -> None:
    reference = [[-1.0, -2.0, -3.0, -4.0]] * 3 + [[-9.0, -1.0, -3.0, -4.0]]
    candidate = [[-1.5, -2.0, -3.0, -4.0], [-2.0, -1.0, -3.0, -4.0], [math.nan] * 4, [-1.0, -2.0, -3.0, -4.0]]
    found = choices.flips(ITEMS, reference, candidate)
    assert (found.items, found.flips, found.changed) == (4, 3, ("i1", "i2", "i3"))
    assert found.accuracy == (0.75, 0.5)
    assert found.flip_share == 0.75
    assert found.flip_share_ci95 == pytest.approx((0.3006, 0.9544), abs=1e-4)


def test_nothing_flips_against_itself() -> None:
    scores = [[-1.0, -2.0, -3.0, -4.0]] * 4
    found = choices.flips(ITEMS, scores, scores)
    assert (found.flips, found.changed) == (0, ())
    assert found.flip_share_ci95[0] == 0.0
    assert 0.4 < found.flip_share_ci95[1] < 0.6  # four items prove little


def test_wilson() -> None:
    # Wilson's interval as tables of it have it: 8 of 10
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(10, 10)[1] == 1.0
    assert wilson(0, 6)[0] == 0.0


@pytest.fixture(scope="module")
def bench(demo_home: Path) -> Iterator[wb.Session]:
    name = "random:deepseek-llm-7b-base?scale=tiny"
    with wb.Session(name, config=wb.Config(dtype="float32", threads=1), host="inline") as session:
        yield session


def alone(session: wb.Session, question: str, option: str) -> float:
    """Mean ln p of the option's tokens, one row at a time through the model's own forward."""
    tokenizer = session.tokenizer
    start, whole = len(tokenizer(question)["input_ids"]), tokenizer(question + option)["input_ids"]
    with torch.inference_mode():
        logits = session.model(torch.tensor([whole])).logits[0].double().log_softmax(-1)
    return sum(logits[at - 1, whole[at]].item() for at in range(start, len(whole))) / (len(whole) - start)


@pytest.mark.model
def test_a_batch_scores_each_option_as_alone(bench: wb.Session) -> None:
    items = suite().choices
    found = choices.scores(bench._bench.host.engine, items, NOWHERE)  # type: ignore[union-attr]
    assert len(found) == len(items)
    for item, scores in list(zip(items, found, strict=True))[::7]:
        space = "" if item.domain == "chinese" else " "
        for option, score in zip(item.options, scores, strict=True):
            assert score == pytest.approx(alone(bench, item.question, space + option), abs=1e-4)


@pytest.mark.model
def test_a_logit_that_is_no_number_flips_its_item(bench: wb.Session) -> None:
    engine = bench._bench.host.engine  # type: ignore[union-attr]
    items = suite().choices[:2]
    sound = choices.scores(engine, items, NOWHERE)
    weight = bench.model.get_output_embeddings().weight
    kept = weight[0].clone()
    with torch.no_grad():
        weight[0] = math.nan
    try:
        damaged = choices.scores(engine, items, NOWHERE)
    finally:
        with torch.no_grad():
            weight[0] = kept
    assert choices.flips(items, sound, damaged).flips == 2
