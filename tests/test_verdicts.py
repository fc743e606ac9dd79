"""The sentence that a quality diff comes down to, and the flags beside it."""

from typing import Any

import pytest

import workbench as wb
from workbench.results import Kld, ModelFacts, Perplexity, QualityDiff, QualityFloor, Reference, ReferenceText, Resolved
from workbench.results import Statistics as Block
from workbench.results.base import Interval
from workbench.verdicts import judged
from workbench.words import say

PLAIN = wb.Config(attention="eager", dtype="float32", quantization="none")
WEIGHTS = 4_000_000_000


def block(kld: float, *, ci95: Interval | None = None, same: float = 0.9, ratio: float = 1.1, **more: Any) -> Block:
    low, high = ci95 or (0.9 * kld, 1.1 * kld)
    perplexity = Perplexity(
        value=10 * ratio,
        reference=10.0,
        correlation=0.9,
        ln_ratio=0.1,
        ln_ratio_ci95=(0.0, 0.2),
        ratio=ratio,
        ratio_ci95=(ratio, ratio),
        difference=1.0,
        difference_ci95=(0.0, 2.0),
    )
    return Block(
        positions=256,
        blocks=16,
        perplexity=perplexity,
        kld=Kld(mean=kld, mean_ci95=(low, high), percentiles={}),
        same_top=same,
        same_top_ci95=(same, same),
        **more,
    )


def reference(**changed: Any) -> Reference:
    texts = [ReferenceText(domain=domain, tokens=(1, 2), skip=0, start=0) for domain in ("english", "chinese")]
    values: dict[str, Any] = {
        "name": "r",
        "config": PLAIN.to_dict(),
        "weight_bytes": WEIGHTS,
        "dtype": "float32",
        "quantization": "none",
        "suite": "default",
        "suite_hash": "0",
        "vocabulary": 100,
        "kept": 0,
        "tail": 0.0,
        "texts": tuple(texts),
        "answers": (),
        "floor": QualityFloor(kld_mean=1e-6, same_top=1.0, by={}),
        "bytes": 1,
        "sha256": "0",
        "seconds": 1.0,
    }
    return Reference(**{**values, **changed})


def verdict_of(
    overall: Block,
    *,
    config: wb.Config | None = None,
    ran: str = "none",
    parameters: int = 7_000_000_000,
    against: Reference | None = None,
    facts: dict[str, Any] | None = None,
    calibrating: dict[str, float] | None = None,
    suite: str = "default",
    **more: Any,
) -> QualityDiff:
    against = against or reference()
    candidate = config or wb.Config(dtype="bfloat16")
    found = QualityDiff(
        reference=against.config,
        candidate=candidate.to_dict(),
        suite=suite,
        suite_hash="0",
        overall=overall,
        by_domain=more.pop("by_domain", {"english": overall, "chinese": overall}),
        noise_floor=against.floor,
        weight_bytes=more.pop("weight_bytes", WEIGHTS // 2),
        reference_bytes=against.weight_bytes,
        verdict=say("quality.unjudged"),
        seconds=1.0,
        reference_seconds=0.0,
        **more,
    )
    resolved = Resolved.model_construct(quantization=ran, dtype=candidate["dtype"])
    known = {"parameters": parameters, "notes": (), "calibrated_by": None, "calibration_leaked": (), **(facts or {})}
    return judged(found, resolved, against, ModelFacts.model_construct(**known), calibrating)


def codes(found: QualityDiff) -> list[str]:
    return [flag.code for flag in found.flags]


def test_the_issue_s_own_sentence() -> None:
    hurt = {"english": block(0.02), "chinese_punctuation": block(0.09)}
    overall = block(0.041, ci95=(0.036, 0.047), same=0.91)
    found = verdict_of(
        overall, config=wb.Config(quantization="bnb-nf4"), ran="bnb-nf4", by_domain=hurt, weight_bytes=720_000_000
    )
    assert str(found.verdict) == (
        "bnb-nf4: 0.360× the memory of 16 bits, KLD 0.0410 [0.0360, 0.0470], 91.0\u2009% same top token; "
        "Chinese, full-width punctuation is hit hardest"
    )
    assert "quality.bad_domain" in codes(found)  # "chinese" of the reference's text is missing here


def test_no_kind_of_text_stands_out_where_intervals_hold_the_mean() -> None:
    found = verdict_of(block(0.04), by_domain={"english": block(0.039), "chinese": block(0.042)})
    assert found.verdict.code == "quality.lossy"


def test_inside_the_floor_no_difference_is_seen() -> None:
    found = verdict_of(block(2e-6, ci95=(0.9e-6, 4e-6)))
    assert found.verdict.code == "quality.no_difference"
    assert "no difference seen" in str(found.verdict)


def test_the_floor_reaches_as_far_as_its_own_interval() -> None:
    """Of thousands of positions the candidate's interval is narrow; the floor was seen at fewer of them."""
    narrow = block(1.2e-6, ci95=(1.1e-6, 1.3e-6))
    for high, code in (
        (1.5e-6, "quality.no_difference"),
        (1.05e-6, "quality.nearly_lossless"),
        (0.0, "quality.nearly_lossless"),
    ):
        floor = QualityFloor(kld_mean=1e-6, kld_high=high, same_top=1.0, by={})
        assert verdict_of(narrow, against=reference(floor=floor)).verdict.code == code


def test_one_block_has_no_interval_and_earns_no_acquittal() -> None:
    alone = block(0.5, ci95=(float("-inf"), float("inf"))).model_copy(update={"blocks": 1})
    assert verdict_of(alone).verdict.code != "quality.no_difference"


def test_a_decode_path_alone_that_differs_is_named() -> None:
    found = verdict_of(block(1e-7), decode_path=block(0.2), config=wb.Config(dtype="float32", cache="quantized"))
    assert found.verdict.code == "quality.decode_only"
    assert "cache quantized" in str(found.verdict)
    assert "0.200" in str(found.verdict)


def test_nearly_lossless_is_so_along_the_decode_path_too() -> None:
    assert verdict_of(block(0.005), decode_path=block(0.008)).verdict.code == "quality.nearly_lossless"
    found = verdict_of(block(0.005), decode_path=block(0.4), config=wb.Config(dtype="bfloat16", cache="quantized"))
    assert found.verdict.code == "quality.decode_worse"
    assert "KLD 0.400 [0.360, 0.440]" in str(found.verdict)


def test_a_perplexity_that_falls_while_the_answers_move_away_is_named() -> None:
    assert "quality.better_perplexity" in codes(verdict_of(block(0.3, ratio=0.97)))
    assert "quality.better_perplexity" not in codes(verdict_of(block(0.02, ratio=1.05)))


@pytest.mark.parametrize(
    ("ran", "parameters", "told"),
    [
        ("bnb-nf4", 135_000_000, True),
        ("bnb-nf4", 7_000_000_000, False),
        ("bnb-int8", 135_000_000, False),
        ("none", 135_000_000, False),
    ],
)
def test_four_bits_on_a_small_model_are_no_measure_of_a_large_one(ran: str, parameters: int, told: bool) -> None:
    found = verdict_of(block(0.2), ran=ran, parameters=parameters)
    assert ("quality.small_model" in codes(found)) is told


def test_what_calibrated_the_weights_is_said() -> None:
    unknown = verdict_of(block(0.2), ran="gptq")
    assert "quality.calibration_unknown" in codes(unknown)
    known = verdict_of(block(0.2), ran="gptq", facts={"calibrated_by": "licences"})
    assert known.calibrated_by == "licences"
    assert "quality.calibration_unknown" not in codes(known)


@pytest.mark.parametrize(
    ("suite", "calibrating", "leaked", "told"),
    [
        ("file", {"own_text": 0.5}, (), ["quality.leaked"]),
        ("file", {"own_text": 0.0}, ("english",), []),
        ("file", None, ("english",), ["quality.calibration_unmarked"]),
        ("default", None, ("english",), ["quality.leaked"]),
        ("default", None, ("code",), []),
        ("default", {"english": 0.0}, ("english",), []),
    ],
    ids=[
        "its text",
        "another text",
        "no marks",
        "no marks, our suite",
        "no marks, a domain not judged",
        "marks decide",
    ],
)
def test_only_a_text_that_is_judged_is_called_leaked(
    suite: str, calibrating: dict[str, float] | None, leaked: tuple[str, ...], told: list[str]
) -> None:
    known = {"calibrated_by": "own.txt", "calibration_leaked": leaked}
    found = verdict_of(block(0.2), ran="gptq", facts=known, calibrating=calibrating, suite=suite)
    assert [code for code in codes(found) if code.startswith(("quality.leaked", "quality.calibration"))] == told


def test_memory_is_told_against_16_bits_or_against_a_reference_that_is_quantised_itself() -> None:
    assert "1.00× the memory of 16 bits" in str(verdict_of(block(0.2)).verdict)
    found = verdict_of(block(0.2), against=reference(quantization="gptq", dtype="float16"))
    assert "0.500× the memory of the reference" in str(found.verdict)
    assert "quality.reference_quantised" in codes(found)


def test_what_is_not_finite_is_named() -> None:
    found = verdict_of(block(0.2, bad_positions=3), decode_path=block(0.2, bad_positions=1))
    assert codes(found).count("quality.bad_positions") == 2


def test_what_was_not_stored_is_bounded_in_words() -> None:
    found = verdict_of(block(0.2, tail_bound=1e-3), against=reference(kept=64))
    assert "quality.tail" in codes(found)
