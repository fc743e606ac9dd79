"""What a decision ranks by, and whom it does not tell apart."""

from typing import Any

import pytest

from tests.charts.quality_samples import NF4, REFERENCE, facts, judged, statistics
from workbench.charts import LIGHT, decision
from workbench.config import Config
from workbench.decisions import Decision, decision_from
from workbench.export import judged as tables
from workbench.words import say

HALF = Config(dtype="bfloat16")
CACHE = HALF.replace(cache="quantized")
INT8 = HALF.replace(quantization="bnb-int8")


def made(*records: dict[str, Any]) -> Decision:
    return decision_from(records, [], facts())


def order(found: Decision) -> list[Config]:
    return [each.config for each in found.candidates if not each.reference]


def remarks(found: Decision) -> dict[str, str]:
    return {each.code: str(each) for each in found.remarks}


def test_a_configuration_that_is_broken_along_the_decode_path_alone_ranks_by_it() -> None:
    found = made(
        judged(2, CACHE, 1e-7, decode_path=statistics(0.4, 0.6)),
        judged(1, NF4, 0.3, "bnb-nf4", decode_path=statistics(0.1, 0.8)),
    )
    assert order(found) == [NF4, CACHE]
    text, path = found.candidates[1:]
    assert (text.kld, text.kld_ci95, text.same_top, text.along) == (0.3, pytest.approx((0.27, 0.33)), 0.7, False)
    assert (path.kld, path.kld_ci95, path.same_top, path.along) == (0.4, pytest.approx((0.36, 0.44)), 0.6, True)
    assert not path.same


def test_table_and_chart_say_that_a_loss_is_that_of_the_decode_path() -> None:
    found = made(
        judged(2, CACHE, 1e-7, decode_path=statistics(0.4, 0.6)), judged(1, NF4, 0.3, "bnb-nf4", decode_path=None)
    )
    heading, rows, _remarks = tables.decision(found)
    assert "text or decode path, the larger" in heading[0]
    assert [row[1] for row in rows[1:]] == ["0.300 [0.270, 0.330]", "0.400 [0.360, 0.440], the decode path"]
    spec = decision(found, LIGHT)
    assert "text or decode path, the larger" in spec["layout"]["yaxis"]["title"]["text"]
    hovers = {words for trace in spec["data"][2:] for words in trace["hovertext"]}
    assert any("KLD 0.400 [0.360, 0.440], the decode path" in words for words in hovers)
    assert any("KLD 0.300 [0.270, 0.330], the text" in words for words in hovers)
    assert 0.4 in [y for trace in spec["data"][2:] for y in trace["y"]]


def test_candidates_are_ranked_by_kld_although_perplexity_says_otherwise() -> None:
    better = statistics(0.3).perplexity
    assert better is not None
    bad = statistics(0.3, perplexity=better.model_copy(update={"ratio": 0.97}))
    found = made(judged(2, NF4, 0.3, "bnb-nf4", overall=bad), judged(1, INT8, 0.02, "bnb-int8"))
    assert order(found) == [INT8, NF4]
    assert "decision.alike" not in remarks(found)


@pytest.mark.parametrize(
    ("a", "b", "alike"),
    [
        (statistics(0.001), statistics(0.005), True),
        (statistics(0.02), statistics(0.023), True),
        (statistics(0.02), statistics(0.03), False),
        (statistics(0.008), statistics(0.012), False),
    ],
    ids=["both nearly lossless", "intervals meet", "apart", "one nearly lossless"],
)
def test_neighbours_that_are_not_told_apart_are_named(a: Any, b: Any, alike: bool) -> None:
    found = made(
        judged(2, HALF, 0.0, overall=a, decode_path=None), judged(1, INT8, 0.0, "bnb-int8", overall=b, decode_path=None)
    )
    assert order(found) == [HALF, INT8]
    assert ("decision.alike" in remarks(found)) is alike
    if alike:
        assert "no difference seen between bfloat16 and bnb-int8" in remarks(found)["decision.alike"]


def test_what_is_nearly_lossless_over_the_text_alone_is_told_apart() -> None:
    cache = judged(1, CACHE, 0.001, decode_path=statistics(0.4, 0.6))
    found = made(judged(2, HALF, 0.001), cache, judged(0, NF4, 0.6, "bnb-nf4"))
    assert order(found) == [HALF, CACHE, NF4]
    assert "decision.alike" not in remarks(found)


def test_a_decode_path_without_a_number_is_not_ranked_by_its_text() -> None:
    lost = {"decode_path": None, "flags": (say("quality.bad_path"),)}
    found = made(judged(3, CACHE, 1e-7, **lost), judged(2, NF4, 0.3, "bnb-nf4"), judged(1, REFERENCE, 1e-9, **lost))
    assert order(found) == [NF4]
    assert found.reference is not None
    assert remarks(found)["decision.bad_path"].endswith(": bfloat16")
