"""What becomes of the attention mask: a spy in place of sdpa, on the demo model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

import workbench as wb

pytestmark = pytest.mark.model

NAME = "spy_attention"
SAME = ["The sea is wide", "The sea is calm"]
UNEVEN = ["The sea", "The sea is wide and the wind is cold"]


@pytest.fixture(scope="module")
def demo(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session("demo", config=wb.Config(threads=1, dtype="float32"), host="inline") as session:
        yield session


@pytest.fixture
def masks(demo: wb.Session) -> Iterator[list[torch.Tensor | None]]:
    """What every layer's attention is given as a mask, in order."""
    seen: list[torch.Tensor | None] = []

    def spy(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **options: Any) -> Any:
        seen.append(attention_mask)
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)

    AttentionInterface.register(NAME, spy)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    demo.model.set_attn_implementation(NAME)
    yield seen
    demo.model.set_attn_implementation("sdpa")
    demo.apply(attention_mask="tokenizer")
    del AttentionInterface._global_mapping[NAME]
    del AttentionMaskInterface._global_mapping[NAME]


def test_a_mask_of_ones_is_dropped_in_prefill_and_in_decode(demo: wb.Session, masks: list[Any]) -> None:
    demo.generate(SAME, 3, chat=False)
    assert len(masks) == 3 * demo.facts.layers
    assert all(mask is None for mask in masks)


def test_a_zero_is_not(demo: wb.Session, masks: list[Any]) -> None:
    demo.generate(UNEVEN, 3, chat=False)
    assert len(masks) == 3 * demo.facts.layers
    assert all(mask is not None and mask.dtype is torch.bool for mask in masks)
    batch, _, queries, keys = masks[0].shape  # of prefill
    assert (batch, queries) == (2, keys)
    last = masks[-1][:, 0, -1]  # of the last step: [batch, keys]
    assert not last[0, 0]  # the short row's padding, on the left
    assert last[1].all()


def test_the_knob_makes_it_ones_and_then_it_is_dropped_too(demo: wb.Session, masks: list[Any]) -> None:
    demo.apply(attention_mask="ones")
    masks.clear()
    demo.generate(UNEVEN, 2, chat=False)
    assert masks
    assert all(mask is None for mask in masks)
