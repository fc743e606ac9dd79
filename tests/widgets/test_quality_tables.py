"""Tables of quality, bytes, sensitivity and the decision: intervals beside numbers, reasons in words."""

from tests.charts.quality_samples import NF4, census, facts, judged, quality, sensitivity, timed
from tests.charts.samples import HOSTILE
from workbench.decisions import decision_from
from workbench.results import Left
from workbench.widgets.tables import show
from workbench.words import say


def cells(table: object) -> dict[str, tuple[str, ...]]:
    return {row[0]: tuple(cell.replace("\u2009", " ") for cell in row[1:]) for row in table.rows}  # type: ignore[attr-defined]


def test_quality_by_domain_with_intervals_over_its_floor() -> None:
    table = show(quality(0.3))
    rows = cells(table)
    assert next(iter(rows)) == "Chinese, full-width punctuation"
    assert rows["English"] == ("0.240 [0.216, 0.264]", "1.92", "72.0 % [70.0, 74.0]", "1.07× [1.05, 1.08]", "255")
    assert rows["noise floor (attention)"] == ("0.000200", "", "99.5 %", "", "")
    assert {"all text", "decode path"} <= set(rows)


def test_what_the_answers_show_stands_in_words() -> None:
    said = [each.replace("\u2009", " ") for each in show(quality(flags=(say("capability.no_gpu"),))).remarks]
    assert said[0] == str(quality().verdict)
    assert "first different word of an answer: token 2 of prompt “Name a colour.”" in said
    assert "multiple choice: 4 of 20 answers changed [8.00 %, 42.0 %]; right 60.0 % → 50.0 %" in said
    assert any(
        each.startswith("answers that loop 0 % → 50.0 %; that end by themselves 100 % → 50.0 %") for each in said
    )
    assert said[-1] == str(say("capability.no_gpu"))


def test_what_was_not_judged_is_not_told() -> None:
    bare = show(quality(decode_path=None, answers=(), degeneration=None, choices=None))
    assert "decode path" not in cells(bare)
    assert len(bare.remarks) == 1


def test_a_calibrated_format_says_by_what() -> None:
    assert "calibrated by calibration text 1" in show(quality(calibrated_by="calibration text 1")).remarks


def test_a_census_has_bits_a_weight_and_says_why_something_was_left() -> None:
    rows = cells(show(census()))
    assert rows["attention"] == ("nf4", "8 000 000", "4.29 MiB", "488 KiB", "4.50")
    assert rows["experts"] == ("bfloat16", "200 000 000", "381 MiB", "–", "16.0")
    assert [each for each in show(census()).remarks if "experts in bfloat16, though bnb-nf4 was asked" in each]


def test_sensitivity_says_what_each_group_costs_and_gives() -> None:
    rows = cells(show(sensitivity()))
    assert rows["down_proj"] == ("21.0 %", "0.120", "+40.0 MiB")
    assert rows["q_proj"] == ("9.00 %", "not measured", "+15.0 MiB")


def test_the_decision_ranks_by_kld_and_compares_memory_with_the_reference() -> None:
    made = decision_from([judged(1, NF4, 0.3, "bnb-nf4")], [timed(1, NF4, 18.0)], facts())
    table = show(made)
    rows = cells(table)
    assert rows["float32 (reference)"] == ("0, the reference", "not measured", "513 MiB", "1.00×")
    assert rows["bnb-nf4"] == ("0.300 [0.270, 0.330]", "18.0 tok/s [17.5, 18.8]", "110 MiB", "0.214×")
    assert any("than on a 7B" in remark for remark in table.remarks)


def test_foreign_names_stay_text() -> None:
    left = Left(role="mlp", format=HOSTILE, values=1, bytes=1, count=1, names=(HOSTILE,), why=say("capability.no_gpu"))
    for made in (census(left=(left,), asked=HOSTILE), quality(by_domain={HOSTILE: quality().overall})):
        assert "<img" not in show(made)._repr_html_()
