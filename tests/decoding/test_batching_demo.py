"""The demo model serves prompts of unequal length for real, in 16 bits: near-ties are no error, a lost mask is one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import workbench as wb
from workbench.results.batching import WAYS

pytestmark = [pytest.mark.model, pytest.mark.slow]


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session("demo", config=wb.Config(dtype="bfloat16", threads=1)) as session:
        yield session


def test_every_way_answers_as_each_prompt_alone_up_to_near_ties(session: wb.Session) -> None:
    work = wb.Workload(prompt_tokens=96, new_tokens=12, batch_size=6)
    found = session.batching(work, budget_s=0.0, precision=0.9)
    assert [way.name for way in found.ways if way.why_not is None] == list(WAYS)
    for way in found.ways:
        assert way.tokens is not None
        assert way.tokens.ok, str(way.tokens)
    padded, packed = found.of("padded").shapes, found.of("packed").shapes
    assert padded is not None
    assert packed is not None
    assert padded.padding > 0.4
    assert packed.padding == 0


def test_a_lost_mask_is_no_near_tie(session: wb.Session) -> None:
    session.apply(attention_mask="ones")
    try:
        work = wb.Workload(prompt_tokens=96, new_tokens=12, batch_size=6)
        same = session.batching(work, ways=("padded",), budget_s=0.0, precision=0.9).of("padded").tokens
        assert same is not None
        assert not same.ok
    finally:
        session.apply(attention_mask="tokenizer")
