"""The longest suite: every token of it is run, and of its reference only the most likely tokens are stored."""

from pathlib import Path

import pytest

import workbench as wb
from workbench.runs.references import MOST_BYTES
from workbench.suites import suite

pytestmark = [pytest.mark.model, pytest.mark.slow, pytest.mark.timeout(1200)]


def test_the_long_suite_is_run_whole_and_its_reference_stays_within_bounds(own_demo_home: Path) -> None:
    long = suite("long")
    with wb.Session(
        "random:deepseek-llm-7b-base?scale=tiny", host="inline", config=wb.Config(dtype="float32")
    ) as session:
        assert session.facts.context_length >= max(passage.tokens for passage in long.passages)
        cost = session.quality_cost(suite="long")
        found = session.quality(suite="long")
    expected = {passage.domain: passage.tokens - passage.skip - 1 for passage in long.passages}
    assert {domain: block.positions for domain, block in found.by_domain.items()} == expected
    assert found.suite_hash == long.hash
    assert found.verdict.code == "quality.no_difference"  # thousands of positions have a narrow interval
    assert found.kld_mean < 1e-5
    assert found.same_top == 1
    assert cost.disk_bytes <= MOST_BYTES
    assert "quality.tail" in {flag.code for flag in found.flags}  # all tokens of these positions would not fit
