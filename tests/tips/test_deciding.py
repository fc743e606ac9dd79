"""From numbers to verdicts: bounds, intervals, situations, what is said."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.results import Quantities, Quantity, TipRun, Verdict
from workbench.tips import TIPS, Limit
from workbench.tips.deciding import cell_of, met, sentence, verdict_of
from workbench.tips.stand import Cell

FASTER = Limit("decode_tps", low=1.05)


def found(value: object, low: float | None = None, high: float | None = None) -> Quantity:
    bounds = None if low is None or high is None else (low, high)
    return Quantity.model_validate({"value": value, "ci95": bounds})


@pytest.mark.parametrize(
    ("limit", "quantity", "told"),
    [
        (FASTER, found(1.2, 1.1, 1.3), True),
        (FASTER, found(1.0, 0.9, 1.04), False),
        (FASTER, found(1.06, 1.0, 1.1), None),
        (FASTER, found(1.05), True),
        (FASTER, found(None), False),
        (FASTER, found(1.0, 0.0, math.inf), None),
        (Limit("x", low=0.97, high=1.03), found(1.0, 0.98, 1.02), True),
        (Limit("x", low=0.97, high=1.03), found(1.1, 1.05, 1.15), False),
        (Limit("x", high=0.0), found(-0.1, -0.2, 0.0), True),
        (Limit("x", equals=True), found(True), True),
        (Limit("x", equals=True), found(1), False),
        (Limit("x", equals=0), found(False), False),
        (Limit("x", equals=0), found(0), True),
        (Limit("x", equals="none"), found("TypeError"), False),
        (Limit("x", equals="none"), found(None), False),
    ],
)
def test_a_bound(limit: Limit, quantity: Quantity, told: bool | None) -> None:
    assert met(limit, quantity) is told


@pytest.mark.parametrize(("one", "other", "changed"), [(2, 2, False), (2, 1, True), ("a", None, True)])
def test_a_change(one: object, other: object, changed: bool) -> None:
    assert met(Limit("x", changed=True), found(one), found(other)) is changed
    assert met(Limit("x", changed=False), found(one), found(other)) is not changed


@given(st.floats(0.1, 10), st.floats(0, 1), st.floats(0.1, 10))
def test_an_open_bound_is_never_told(value: float, half: float, bound: float) -> None:
    low, high = value - half, value + half
    told = met(Limit("x", low=bound), found(value, low, high))
    assert (told is None) == (low < bound <= high)


def cell(*quantities: Quantity) -> Cell:
    return Cell(Quantities(values={f"q{place}": each for place, each in enumerate(quantities)}))


@pytest.mark.parametrize(
    ("cells", "verdict"),
    [
        ([cell(found(1.2, 1.1, 1.3))], Verdict.HOLDS),
        ([cell(found(1.0, 0.9, 1.04))], Verdict.NOT),
        ([cell(found(1.06, 1.0, 1.1))], Verdict.NO_DIFFERENCE),
        ([cell(found(1.2, 1.1, 1.3)), cell(found(1.0, 0.9, 1.0))], Verdict.DEPENDS),
        ([cell(found(1.2, 1.1, 1.3)), cell(found(1.06, 1.0, 1.1))], Verdict.DEPENDS),
        ([cell(found(1.0, 0.9, 1.0)), cell(found(1.06, 1.0, 1.1))], Verdict.NOT),
    ],
)
def test_a_verdict_and_its_sentence(cells: list[Cell], verdict: Verdict) -> None:
    judged = [cell_of(each, [Limit("q0", low=1.05)]) for each in cells]
    assert verdict_of(judged) is verdict
    said = str(sentence(TIPS["S3-2"], judged, verdict))
    if verdict is Verdict.DEPENDS:
        assert said == "It is true in 1 of 2 situations."
    else:
        assert "q0 is at least 1.05" in said


def test_every_bound_counts_and_a_missing_one_is_missed() -> None:
    limits = [Limit("q0", low=1.0), Limit("q1", low=1.0)]
    assert cell_of(cell(found(2.0), found(2.0)), limits).met is True
    assert cell_of(cell(found(2.0), found(0.5)), limits).met is False
    assert cell_of(cell(found(2.0)), limits).met is False
    assert cell_of(cell(found(2.0), found(1.0, 0.5, 1.5)), limits).met is None
    assert cell_of(cell(found(0.5), found(1.0, 0.5, 1.5)), limits).met is False


def test_no_difference_says_what_would_have_been_seen() -> None:
    open_ = Quantity(value=1.0, ci95=(0.9, 1.1), smallest=1.12)
    judged = [cell_of(cell(open_), [Limit("q0", low=1.05)])]
    assert "A ratio of 1.12 would have been seen" in str(sentence(TIPS["S3-2"], judged, Verdict.NO_DIFFERENCE))


@pytest.mark.parametrize(
    ("verdict", "expected", "against"),
    [
        (Verdict.HOLDS, Verdict.NOT, True),
        (Verdict.DEPENDS, Verdict.HOLDS, True),
        (Verdict.NOT, Verdict.NOT, False),
        (Verdict.NOT, Verdict.DEPENDS, False),
        (Verdict.NO_DIFFERENCE, Verdict.HOLDS, False),
        (Verdict.CANNOT, Verdict.HOLDS, False),
        (Verdict.HOLDS, Verdict.CANNOT, False),
    ],
)
def test_what_speaks_against_the_expectation(verdict: Verdict, expected: Verdict, against: bool) -> None:
    said = TIPS["S3-2"].holds_if[0].message
    assert TipRun(id="S3-2", verdict=verdict, expected=expected, sentence=said).against_expectation is against


def test_a_run_survives_json() -> None:
    judged = cell_of(cell(found(True), found(3), found(0.5, 0.4, 0.6), found("sdpa")), [Limit("q0", equals=True)])
    run = TipRun(
        id="S0-5", verdict=Verdict.HOLDS, expected=Verdict.HOLDS, cells=(judged,), sentence=judged.bounds[0].bound
    )
    again = TipRun.from_json(run.to_json())
    assert again == run
    assert again.cells[0].bounds[0].found.value is True
