"""Windows over a long input: every token scored once, and as one pass would where it sees as much."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workbench.charts import figure
from workbench.config import Config
from workbench.errors import ConfigError
from workbench.session import Session
from workbench.spans import spans
from workbench.widgets import tables


@st.composite
def asked(draw: st.DrawFn) -> tuple[int, int, int]:
    size = draw(st.integers(2, 300))
    return draw(st.integers(2, 5000)), size, draw(st.integers(1, size - 1))


@given(asked())
def test_every_token_but_the_first_is_scored_once_with_the_overlap_before_it(work: tuple[int, int, int]) -> None:
    tokens, size, overlap = work
    found = spans(tokens, size, overlap)
    assert [token for span in found for token in range(span.first, span.stop)] == list(range(1, tokens))
    for index, span in enumerate(found):
        assert 0 < span.stop - span.start <= size
        assert span.start < span.first < span.stop
        if index:
            assert span.first - span.start == overlap
    stride = size - overlap
    assert len(found) == 1 + max(0, -(-(tokens - size) // stride))
    assert sum(span.stop - span.start for span in found) == tokens + overlap * (len(found) - 1)


@pytest.mark.parametrize(("size", "overlap"), [(1, 1), (8, 0), (8, 8), (8, 9), (0, 0)])
def test_windows_that_cannot_be_are_refused(size: int, overlap: int) -> None:
    with pytest.raises(ConfigError, match="not possible"):
        spans(100, size, overlap)


@pytest.fixture(scope="module")
def session(demo_home: Any) -> Iterator[Session]:
    with Session("random:deepseek-llm-7b-base?scale=tiny", config=Config(dtype="float32"), host="inline") as opened:
        yield opened


def test_losses_are_those_of_a_plain_forward_pass(session: Session) -> None:
    found = session.windows(tokens=96, size=32, overlap=8, rounds=2)
    ids = session.tokenizer(_built_in())["input_ids"][:96]

    def loss(start: int, stop: int) -> torch.Tensor:
        part = torch.tensor([ids[start:stop]])
        with torch.no_grad():
            logp = session.model(part).logits[0, :-1].float().log_softmax(-1)
        return -logp.gather(1, part[0, 1:, None])[:, 0].double()

    whole = loss(0, 96)
    pieces = [loss(0, 32), loss(24, 56)[7:], loss(48, 80)[7:], loss(72, 96)[7:]]
    assert found.one_pass is not None
    assert found.one_pass.nll == pytest.approx(whole.mean().item(), rel=1e-4)
    assert found.windows.nll == pytest.approx(torch.cat(pieces).mean().item(), rel=1e-4)
    assert found.last_tokens == 16
    assert found.windows.last_nll == pytest.approx(pieces[-1].mean().item(), rel=1e-4)
    assert found.one_pass.last_nll == pytest.approx(whole[-16:].mean().item(), rel=1e-4)
    assert found.last_difference == pytest.approx((pieces[-1] - whole[-16:]).mean().item(), abs=1e-3)
    assert (found.windows.passes, found.windows.tokens) == (4, 96 + 3 * 8)
    assert (found.one_pass.passes, found.one_pass.tokens) == (1, 96)
    assert found.windows.peak_bytes > 0
    assert session.last["windows"] == found
    assert len(figure(found).data[0].x) == 5
    assert "windows of 32, overlap 8" in str(tables.show(found))


def test_one_window_as_long_as_the_text_is_one_pass(session: Session) -> None:
    found = session.windows(tokens=48, size=48, overlap=1, rounds=2)
    assert found.windows.passes == 1
    assert found.nll_difference == pytest.approx(0.0, abs=1e-6)
    assert found.last_difference == pytest.approx(0.0, abs=1e-6)


def test_a_text_beyond_the_context_is_read_by_windows_alone(session: Session) -> None:
    limit = session.facts.context_length
    found = session.windows(
        "one two three four " * limit, size=min(limit, 256), overlap=16, tokens=limit + 10, rounds=1
    )
    assert found.tokens == limit + 10
    assert found.one_pass is None
    assert found.time_ratio is None
    assert found.verdict.code == "windows.only"
    assert str(limit) in str(found.verdict)
    assert figure(found)


@pytest.mark.parametrize(
    "options",
    [
        {"text": " "},
        {"text": 3},
        {"overlap": 0.0},
        {"overlap": 1.0},
        {"overlap": 0},
        {"overlap": "a"},
        {"size": 1},
        {"size": 10**9},
        {"tokens": 0},
        {"rounds": 0},
        {"text": "a"},
    ],
)
def test_what_cannot_be_asked_is_refused(session: Session, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        session.windows(**options)


def _built_in() -> str:
    from workbench.decoding.windows import _built_in as text

    return text()
