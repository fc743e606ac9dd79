"""The runner: each kind of experiment where the claim is true and where it is not; budget, Stop, errors."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from workbench.config import Config
from workbench.results import TipRun, TipsReport, Verdict
from workbench.runs import Runs
from workbench.session import Session
from workbench.tips import TIPS, Fresh, Limit, Pair, Probe, Script, Takes, Tip
from workbench.tips.facts import FACTS
from workbench.tips.probes import PROBES
from workbench.tips.questions import APART, QUESTIONS
from workbench.tips.running import decide, run
from workbench.tips.stand import Stand

TINY = "random:deepseek-llm-7b-base?scale=tiny"
EIGHT = {"quantization": "bnb-int8", "dtype": "bfloat16"}
FULL = {"quantization": "none", "dtype": "bfloat16"}
WORK = {"prompt_tokens": 32, "new_tokens": 8}


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[Session]:
    with Session(TINY, config=Config(dtype="float32", threads=1)) as opened:
        yield opened


@pytest.fixture
def stand(session: Session) -> Iterator[Stand]:
    before = session.config
    with Stand(session) as held:
        yield held
    assert session.config == before, "the bench is as it was"


def a_tip(id_: str, *limits: Limit, **changed: Any) -> Tip:
    return replace(TIPS[id_], holds_if=limits or TIPS[id_].holds_if, model="", **changed)


def verdict(stand: Stand, tip: Tip) -> TipRun:
    found = decide(stand, tip)
    assert not found.failed, found.sentence
    return found


@pytest.mark.parametrize(
    ("id_", "experiment", "limit", "told"),
    [
        ("S0-14", Probe("census", {"knobs": EIGHT, "against": FULL}), Limit("bytes_ratio", high=0.99), True),
        ("S0-14", Probe("census", {"knobs": EIGHT, "against": FULL}), Limit("bytes_ratio", low=1.05), False),
        ("S0-11", Probe("census", {"knobs": EIGHT}), Limit("norms_quantized", low=1), False),
        ("S0-11", Probe("census", {"knobs": FULL}), Limit("full_share", low=1.0), True),
        ("S0-21", Probe("token_ids", {"id": 32000}), Limit("id_is_end", equals=True), False),
        ("S0-21", Probe("token_ids", {"id": 2}), Limit("id_is_end", equals=True), True),
        ("S0-18", Probe("token_ids"), Limit("tokenizer_pad_unset", equals=False), True),
        ("S1-4", Probe("architecture", {"slugs": ("deepseek-v3",)}), Limit("sparse_attention", low=0.5), False),
        ("S1-4", Probe("architecture", {"slugs": ("deepseek-v3.2-exp",)}), Limit("sparse_attention", low=0.5), True),
        ("S4-2", Probe("fit", cells=({"parameters": 7e9, "gpu": "rtx-4060", "knobs": FULL},)), None, False),
        ("S4-2", TIPS["S0-10"].experiment, None, True),
        ("S3-8", Script(Fresh("import json\nresult = {}")), None, True),
        ("S3-8", Script(Fresh("import json.absent\nresult = {}")), None, False),
    ],
)
def test_an_exact_claim_is_true_or_not(
    stand: Stand, id_: str, experiment: Any, limit: Limit | None, told: bool
) -> None:
    found = verdict(stand, a_tip(id_, *([limit] if limit else []), experiment=experiment))
    assert found.verdict is (Verdict.HOLDS if told else Verdict.NOT)
    assert found.exact


def test_situations_that_differ_make_it_depend(stand: Stand) -> None:
    found = verdict(stand, TIPS["S4-2"])
    assert found.verdict is Verdict.DEPENDS
    assert [cell.met for cell in found.cells] == [True, False, True]
    assert found.cells[1].about["gpu"] == "a100-80gb-sxm"


@pytest.mark.parametrize(
    ("rows", "limit", "told"),
    [((1, 8), Limit("decode_tps", low=1.5), Verdict.HOLDS), ((8, 1), Limit("decode_tps", low=1.5), Verdict.NOT)],
)
def test_a_timed_claim_about_work_that_differs(
    stand: Stand, rows: tuple[int, int], limit: Limit, told: Verdict
) -> None:
    sides = {"a_work": {"batch_size": rows[0]}, "b_work": {"batch_size": rows[1]}}
    found = verdict(stand, a_tip("S2-4", limit, experiment=Pair({}, {}, works=(WORK,), **sides)))
    assert found.verdict is told
    assert not found.exact
    assert found.cells[0].bounds[0].found.ci95 is not None


def test_a_timed_claim_about_knobs_that_change_nothing_is_not_shown(stand: Stand) -> None:
    experiment = Pair({"cudnn_benchmark": False, "seed": 1}, {"cudnn_benchmark": False, "seed": 2}, works=(WORK,))
    tip = a_tip("S2-15", Limit("decode_tps", low=1.3), experiment=experiment, takes=Takes.SECONDS)
    found = verdict(stand, tip)
    assert found.verdict in (Verdict.NOT, Verdict.NO_DIFFERENCE)
    (bound,) = found.cells[0].bounds
    assert bound.found.floor is not None
    assert bound.found.smallest is not None


def test_a_timed_claim_whose_effect_is_large_is_shown(stand: Stand) -> None:
    """A static cache of thousands of positions is read whole for each token: here a sixth of the speed."""
    experiment = Pair(
        {"cache": "dynamic"}, {"cache": "static", "cache_length": 4096}, works=({**WORK, "batch_size": 4},)
    )
    tip = a_tip("S4-12", Limit("decode_tps", high=0.9), experiment=experiment, needs=TIPS["S0-1"].needs)
    assert verdict(stand, tip).verdict is Verdict.HOLDS


def test_quality_against_the_other_side(stand: Stand) -> None:
    tip = a_tip("S1-3", Limit("kld_mean", high=0.0), experiment=Pair(FULL, EIGHT), needs=TIPS["S0-1"].needs)
    assert verdict(stand, tip).verdict in (Verdict.NOT, Verdict.NO_DIFFERENCE)
    (bound,) = verdict(stand, tip).cells[0].bounds
    assert bound.found.value is not None
    assert float(bound.found.value) > 0


def test_what_cannot_be_tested_says_what_it_needs(stand: Stand) -> None:
    found = decide(stand, TIPS["S1-10"])
    assert found.verdict is Verdict.CANNOT
    assert "CUDA" in str(found.sentence)
    assert not found.decided
    by_nature = decide(stand, TIPS["S4-10"])
    assert by_nature.verdict is Verdict.CANNOT
    assert "nothing of it runs" in str(by_nature.sentence)


def test_an_error_is_a_result_and_is_marked(stand: Stand) -> None:
    dies = Script(Fresh("import os\nos._exit(4)"))
    found = decide(stand, a_tip("S3-8", experiment=dies))
    assert found.failed
    assert found.verdict is Verdict.CANNOT
    assert "status 4" in str(found.sentence)


def test_a_run_keeps_each_verdict_and_begins_with_the_cheap_ones(session: Session, tmp_path: Path) -> None:
    before, order = session.runs.count(kind="tip"), []
    report = run(
        [TIPS["S0-19"], TIPS["S1-4"], TIPS["S1-10"]], session, on_start=lambda tip: order.append(tip.id), budget_s=600
    )
    assert order[0] == "S1-4"
    assert {found.id: found.verdict for found in report.runs} == {
        "S1-4": Verdict.NOT,
        "S0-19": Verdict.NOT,
        "S1-10": Verdict.CANNOT,
    }
    assert report.left == ()
    assert session.runs.count(kind="tip") == before + 3
    kept = session.runs.filter(kind="tip", limit=1)[0]
    assert TipRun.from_dict(kept["result"]) == report.runs[-1]
    assert TipsReport.from_json(report.to_json()) == report


def test_a_budget_that_is_spent_leaves_the_rest(session: Session) -> None:
    report = run([TIPS["S1-4"], TIPS["S0-19"]], session, budget_s=1e-9)
    assert report.runs == ()
    assert set(report.left) == {"S1-4", "S0-19"}


def test_stop_ends_the_run_and_keeps_what_was_found(session: Session) -> None:
    before = session.config
    stand = Stand(session)

    def start(tip: Tip) -> None:
        if tip.id == "S2-4":
            threading.Timer(1.0, stand.stop).start()

    report = run([TIPS["S1-4"], TIPS["S2-4"], TIPS["S0-19"]], session, stand=stand, on_start=start)
    assert [found.id for found in report.runs] == ["S1-4", "S0-19"]
    assert report.left == ("S2-4",)
    assert session.config == before


def test_without_a_session_models_come_and_go(demo_home: Path, tmp_path: Path) -> None:
    with Runs(tmp_path / "runs.sqlite3") as runs:
        report = run([TIPS["M-3"], TIPS["S2-7"]], model=TINY, runs=runs)
        assert [found.model for found in report.runs] == [TIPS["M-3"].model, TIPS["S2-7"].model]
        assert runs.count(kind="tip") == 2
    assert [found.verdict for found in report.runs] == [Verdict.HOLDS, Verdict.NOT]


def test_every_question_has_who_answers_it() -> None:
    assert {*QUESTIONS, *FACTS} == set(PROBES)
    assert set(QUESTIONS) >= APART


def test_another_engine_says_why_it_is_not_measured(stand: Stand) -> None:
    found = decide(stand, replace(TIPS["R-2"], needs=TIPS["S0-1"].needs))
    assert found.verdict is Verdict.CANNOT
    assert not found.failed
    assert "OpenVINO has no environment here" in str(found.sentence)
