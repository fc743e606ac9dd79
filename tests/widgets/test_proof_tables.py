"""Tables of proof: the numbers, the verdict in words, and the remarks under them."""

from tests.charts.samples import comparison, phase, resolved, trace
from workbench.config import Config
from workbench.results import Agreement, LogitDistance
from workbench.results.trace_diff import trace_diff
from workbench.widgets.proof_tables import comparison as comparison_table
from workbench.widgets.tables import show
from workbench.words import say


def test_a_comparison_shows_both_sides_the_ratio_what_chance_does_and_the_verdict() -> None:
    found = comparison(flags=(say("capability.no_gpu"),))
    table = show(found)
    assert table.heading[:2] == ("eager", "sdpa")
    rows = {row[0]: row[1:] for row in table.rows}
    mean_a, mean_b, ratio, chance, verdict = rows["Prefill"]
    assert mean_a.startswith("50")
    assert mean_b.startswith("65")
    assert "1.30× [" in ratio
    assert "–" in chance
    assert verdict == str(found.verdict["prefill_tps"])
    assert table.remarks == (str(found.flags[0]),)
    assert "needs a CUDA GPU" in repr(table)
    assert "<div>needs a CUDA GPU" in table._repr_html_()


def test_the_verdicts_can_be_left_to_the_text_around_it() -> None:
    table = comparison_table(comparison(), verdicts=False)
    assert table.heading[-1] == "by chance"
    assert {len(row) for row in table.rows} == {5}


def test_an_unknown_floor_is_not_measured() -> None:
    table = show(comparison(noise_floor={}))
    assert {row[4] for row in table.rows} == {"not measured"}


def test_a_trace_shows_kernels_shares_and_what_differs() -> None:
    found = trace(decode=phase("sdpa math", steps=2), differences=(say("trace.math_unknown", phase="decode"),))
    table = show(found)
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["which is"] == ("CPU flash", "sdpa math")
    assert rows["linear layers"][0].endswith("(60.0\u2009%)")
    assert rows["linear layers"][1].startswith("150\u2009ms")  # of one of two steps
    assert rows["launches (GPU) or calls (CPU)"] == ("300", "150")
    assert table.remarks == (str(found.differences[0]),)


def test_a_kernel_that_is_not_known_is_called_so() -> None:
    rows = {row[0]: row[1:] for row in show(trace(prefill=phase(None, attention_kernels=()))).rows}
    assert rows["which is"][0] == "not recognised"
    assert rows["attention ran"][0] == "none seen"


def test_what_explains_a_difference_is_listed() -> None:
    eager = trace(Config(attention="eager"), resolved=resolved(attention="eager"), prefill=phase("eager"))
    table = show(trace_diff(eager, trace()))
    assert table.rows[0] == ("1", "attention at prefill was computed by eager, and is by CPU flash")


def test_agreement_has_rounding_beside_it() -> None:
    near = LogitDistance(positions=64, max_logit_diff=0.001, kl_mean=1e-7, kl_max=1e-6, same_top=1.0)
    found = Agreement(
        a=Config(attention="eager").to_dict(),
        b=Config().to_dict(),
        prefill=near,
        decode=near,
        rounding=near,
        rounding_dtype="float32",
        excess=1.0,
        level="agrees",
        verdict=say("agreement.agrees", a="eager", b="sdpa", times="1"),
    )
    table = show(found)
    assert table.heading == ("over a text", "along the answer", "one more rounding")
    assert table.remarks == ("sdpa agrees with eager: 1× the distance of one more rounding, and no top token changes",)
