"""The registry of tips is complete, and every word in it is one that the house knows."""

import ast
import importlib
import json
import pkgutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import workbench
from workbench.catalog.gpus import GPUS
from workbench.catalog.models import MODELS
from workbench.catalog.random_names import PREFIX
from workbench.catalog.random_names import parse as parse_random
from workbench.config import Config
from workbench.errors import ConfigError
from workbench.machine.packages import PACKAGES
from workbench.metrics import METRICS
from workbench.results import QualityDiff, Workload
from workbench.session import Session
from workbench.tips import (
    TIPS,
    Limit,
    Pair,
    Probe,
    Script,
    Takes,
    Tip,
    Topic,
    Untestable,
    Verdict,
    entries,
    of_topic,
    tip,
)
from workbench.tips.apart import ENGINES
from workbench.tips.experiments import QUALITY, Fresh
from workbench.tips.needs import CHECKPOINTS
from workbench.tips.probes import PROBES
from workbench.tips.sources import GUIDES, SOURCES

ROOT = Path(workbench.__file__).parents[1]
NINETY = [f"S{guide}-{number}" for guide, last in enumerate((29, 13, 18, 12, 18)) for number in range(1, last + 1)]
MISSED = [f"M-{number}" for number in range(1, 7)]
ROADS = [f"R-{number}" for number in range(1, 8)]
ALWAYS = {"exception", "warned"}  # quantities of every script
TESTED = [each for each in TIPS.values() if not isinstance(each.experiment, Untestable)]

every = pytest.mark.parametrize("each", TIPS.values(), ids=TIPS)
deciding = pytest.mark.parametrize("each", TESTED, ids=[each.id for each in TESTED])


def written() -> Iterator[Tip]:
    """All entries of all files, whether the registry took them or not."""
    for found in pkgutil.iter_modules(entries.__path__):
        yield from importlib.import_module(f"workbench.tips.entries.{found.name}").TIPS


def asked_of(each: Tip) -> list[dict[str, Any]]:
    assert isinstance(each.experiment, Probe)
    return [{**each.experiment.params, **cell} for cell in each.experiment.cells]


def knobs_of(each: Tip) -> Iterator[Any]:
    """Every set of knobs that a tip names."""
    yield each.apply
    if isinstance(each.experiment, Pair):
        yield from (each.experiment.a, each.experiment.b, each.experiment.reference or {})
    if isinstance(each.experiment, Probe):
        for params in asked_of(each):
            yield from (params[name] for name in ("knobs", "against") if name in params)
            yield from params.get("settings", ())


def processes(each: Tip) -> list[Fresh]:
    assert isinstance(each.experiment, Script)
    return [each.experiment.a, *([each.experiment.b] if each.experiment.b else [])]


def left_by(code: str) -> set[str]:
    """The keys of the dict that a script leaves in `result`."""
    (last,) = [
        node.value
        for node in ast.parse(code).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "result"
    ]
    assert isinstance(last, ast.Dict)
    return {key.value for key in last.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}


# ---- which there are


def test_all_ninety_are_there_once_with_what_the_guides_missed() -> None:
    ids = Counter(each.id for each in written())
    assert len(NINETY) == 90
    assert max(ids.values()) == 1
    assert set(ids) >= {*NINETY, *MISSED, *ROADS}
    assert list(ids) != []
    assert set(ids) == set(TIPS), "a file is not in the registry"
    rest = set(ids) - {*NINETY, *MISSED, *ROADS}
    assert {TIPS[id_].topic for id_ in rest} == {Topic.HEARSAY}


def test_each_is_found_by_its_id_and_its_topic() -> None:
    assert tip("s0-14") is TIPS["S0-14"]
    assert sorted(each.id for topic in Topic for each in of_topic(topic)) == sorted(TIPS)
    assert all(of_topic(topic) for topic in Topic)


@pytest.mark.parametrize(("word", "nearest"), [("S014", "S0-14"), ("s2_16", "S2-16"), ("M7", "M-"), ("R-70", "R-7")])
def test_an_unknown_id_is_told_the_nearest(word: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=nearest) as raised:
        tip(word)
    assert "workbench tips list" in raised.value.next_step


def test_an_unknown_topic_is_told_the_nearest() -> None:
    with pytest.raises(ConfigError, match="nearest is tokens"):
        of_topic("tokenz")


def test_topics_belong_to_notebooks_that_exist() -> None:
    named = {topic.notebook for topic in Topic if topic.notebook}
    assert named == {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}


# ---- what each says


@every
def test_an_expectation_has_a_reason_and_sources(each: Tip) -> None:
    assert each.expected.reason.endswith(".")
    assert each.expected.sources
    assert set(each.expected.sources) <= set(SOURCES)
    assert each.heard
    assert set(each.heard) <= set(GUIDES)
    assert each.statement.endswith(".")
    assert each.instead.endswith(".")


def test_the_guide_of_an_id_is_who_says_it() -> None:
    assert all(id_[:2] in TIPS[id_].heard for id_ in NINETY)
    assert all(TIPS[id_].heard == ("none",) for id_ in MISSED)


def test_no_source_is_left_over() -> None:
    assert {key for each in TIPS.values() for key in each.expected.sources} == set(SOURCES)
    assert {key for each in TIPS.values() for key in each.heard} == set(GUIDES)


@every
def test_what_cannot_be_tested_says_why_and_the_rest_says_what_decides(each: Tip) -> None:
    if isinstance(each.experiment, Untestable):
        assert each.experiment.reason.endswith(".")
        assert not each.holds_if
        assert each.takes is Takes.NOTHING
        return
    assert each.holds_if
    assert each.takes is not Takes.NOTHING
    assert each.expected.verdict is not Verdict.CANNOT or each.needs.gpus > 1, "it can be tested on some one machine"


# ---- whether its words exist


@every
def test_every_knob_and_value_exists_and_has_an_effect(each: Tip) -> None:
    for knobs in knobs_of(each):
        config = Config(**knobs)
        assert [name for name in knobs if not config.matters(name)] == []


@deciding
def test_every_quantity_is_one_that_its_experiment_gives(each: Tip) -> None:
    wanted = {limit.quantity for limit in each.holds_if}
    match each.experiment:
        case Pair():
            assert wanted <= {*METRICS, *QUALITY}
            assert all(limit.equals is None and limit.changed is None for limit in each.holds_if)
            assert each.experiment.reference is None or wanted & set(QUALITY), "a reference is for quality"
        case Probe(name=name):
            assert wanted <= set(PROBES[name].answers)
            assert all(limit.changed is None for limit in each.holds_if)
        case Script(b=b):
            assert b is not None or all(limit.changed is None for limit in each.holds_if)
            for process in processes(each):
                assert wanted <= left_by(process.code) | ALWAYS


@deciding
def test_pairs_differ_and_do_work_that_can_be_done(each: Tip) -> None:
    if not isinstance(each.experiment, Pair):
        return
    run = each.experiment
    assert (Config(**run.a), run.a_work) != (Config(**run.b), run.b_work)
    for work in run.works:
        assert Workload(**{**work, **run.a_work}).new_tokens == Workload(**{**work, **run.b_work}).new_tokens


@deciding
def test_every_probe_takes_what_it_is_given(each: Tip) -> None:
    if isinstance(each.experiment, Probe):
        for params in asked_of(each):
            assert set(params) <= set(PROBES[each.experiment.name].params)
            assert set(params.get("slugs", ())) <= set(MODELS)
            assert params.get("slug", "deepseek-r1") in MODELS
            assert params.get("gpu", "t4") in GPUS
            Workload(**params.get("work", {}))
            for domain in (*params.get("texts", ()), *params.get("others", ())):
                assert (ROOT / f"workbench/probes/texts/{domain}.txt").exists()


def test_every_probe_is_asked_and_says_whose_it_is() -> None:
    assert {each.experiment.name for each in TESTED if isinstance(each.experiment, Probe)} == set(PROBES)
    for question in PROBES.values():
        room, _dot, call = question.asks.partition(".")
        assert room in ("", "doctor", "session")
        assert not call or callable(getattr(Session, call))
    given = {name for each in TESTED if isinstance(each.experiment, Probe) for one in asked_of(each) for name in one}
    assert given == {name for question in PROBES.values() for name in question.params}


def test_the_numbers_of_quality_are_those_of_its_result() -> None:
    assert all(isinstance(getattr(QualityDiff, name), property) for name in QUALITY)


@every
def test_every_package_file_and_model_exists(each: Tip) -> None:
    assert set(each.needs.packages) <= {entry.name for entry in PACKAGES}
    assert each.needs.engine in ("", *ENGINES)
    assert each.needs.checkpoint in ("", *CHECKPOINTS)
    assert set(each.needs.systems) <= {"Linux", "Windows", "macOS"}
    assert each.model in ("", "demo") or parse_random(each.model).slug in MODELS
    assert not each.model or each.model == "demo" or each.model.startswith(PREFIX)


def test_no_engine_and_no_kind_of_file_is_left_over() -> None:
    assert {each.needs.checkpoint for each in TIPS.values()} == {"", *CHECKPOINTS}
    assert {each.needs.engine for each in TIPS.values()} == {"", *ENGINES}


# ---- scripts, and bounds


@pytest.mark.parametrize(("id_", "met"), [("S0-6", True), ("S2-5", False), ("S4-6", False)])
def test_scripts_that_only_read_run_as_they_stand(id_: str, met: bool) -> None:
    (process,) = processes(TIPS[id_])
    code = f"{process.code}\nimport json, sys\nassert 'torch' not in sys.modules\nprint(json.dumps(result))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert all(found[limit.quantity] == limit.equals for limit in TIPS[id_].holds_if) is met


@deciding
def test_a_script_that_asks_for_a_model_has_the_folder_of_one(each: Tip) -> None:
    if isinstance(each.experiment, Script):
        for process in processes(each):
            assert ("from_pretrained(" in process.code) is ("TIP_MODEL" in process.code)


@pytest.mark.parametrize("given", [{}, {"low": 1.0, "equals": 1}, {"changed": True, "high": 2.0}])
def test_a_limit_is_one_kind_of_bound(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a range, an exact value, or a change"):
        Limit("tpot_s", **given)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (Limit("x", low=1.05, high=1.25), "x is from 1.05 to 1.25"),
        (Limit("x", low=3.0), "x is at least 3"),
        (Limit("x", high=0.45), "x is at most 0.45"),
        (Limit("x", equals=False), "x is no"),
        (Limit("x", equals="none"), "x is none"),
        (Limit("x", changed=True), "x changes"),
        (Limit("x", changed=False), "x stays the same"),
    ],
)
def test_a_limit_in_words(limit: Limit, words: str) -> None:
    assert str(limit) == words
