"""Configurations to start from, by records that are known."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from tests.charts.samples import measurement
from tests.knobs.facts import machine, model
from workbench.presets import PRESETS, Known
from workbench.results import Workload, recorded
from workbench.words import say

WORK = Workload(prompt_tokens=256, new_tokens=64)


@pytest.fixture
def known(tmp_path: Path) -> Iterator[Known]:
    with wb.Runs(tmp_path / "runs.sqlite3") as runs:
        yield Known(wb.Config(threads=2), machine(), model(), runs, WORK)


def add(known: Known, decode_tps: float, config: wb.Config, **changes: Any) -> int:
    found = measurement(decode_tps, **changes)
    return known.runs.add(recorded(known.facts.name, known.machine, found, config=config))


def test_the_fastest_is_the_fastest_at_this_work_that_nobody_disturbed(known: Known) -> None:
    fast, slow = wb.Config(attention="eager"), wb.Config(attention="sdpa", threads=1)
    add(known, 20.0, slow)
    number = add(known, 30.0, fast)
    add(known, 25.0, slow)
    add(known, 90.0, slow, workload=Workload(prompt_tokens=16, new_tokens=8))
    add(known, 95.0, slow, flags=(say("flag.shared", cores="1.2"),))
    offer = PRESETS["fastest"].make(known)
    assert offer.config == fast
    assert f"run {number}" in str(offer.why)
    assert "30" in str(offer.why)


def test_without_a_measurement_or_a_judgement_there_is_none(known: Known) -> None:
    for name in ("fastest", "smallest"):
        offer = PRESETS[name].make(known)
        assert offer.config is None
        assert str(offer.why)


def test_the_default_leaves_the_device_and_its_threads(known: Known) -> None:
    offer = PRESETS["default"].make(known)
    assert offer.config == wb.Config(threads=2)


def test_the_guides_recipe_leaves_out_what_cannot_be_here(known: Known) -> None:
    offer = PRESETS["guides"].make(known)
    assert offer.config is not None
    assert offer.config.attention == "sdpa"  # no GPU: no flash_attention_2
    assert (offer.config.dtype, offer.config.pad_token) == ("bfloat16", "eos")
    assert "flash_attention_2" in str(offer.why)
