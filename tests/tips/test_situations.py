"""Every tip that a CPU decides, where its claim is true and where it is not: no verdict is a constant.

What it says of the demo model is in the report that is kept; here is the other verdict, in a world built for it.
"""

import json
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.tips.folders import DENSE, FOLDERS
from tests.tips.situations import CONSTANT, IN_WORKERS, SITUATIONS, Other
from tests.tips.situations_of_scripts import SCRIPTS, STUBS, OtherScript
from tests.tips.worlds import WORLDS
from workbench import pairing
from workbench.results import TipRun, Verdict, Workload
from workbench.session import Session
from workbench.tips import TIPS, Fresh, Pair, Probe, Script, Tip
from workbench.tips.running import decide
from workbench.tips.scripts import script
from workbench.tips.stand import Stand

pytestmark = [pytest.mark.model, pytest.mark.timeout(900)]  # the scripts are run together
ROOT = Path(__file__).parents[2]
KEPT = {
    each["id"]: Verdict(each["verdict"])
    for each in json.loads((ROOT / "benchmarks/results/tips/tips.json").read_text(encoding="utf-8"))["result"]["runs"]
}
DECIDED = {id_: verdict for id_, verdict in KEPT.items() if verdict is not Verdict.CANNOT}


def _rows(table: dict[str, tuple[Other, ...]]) -> list[Any]:
    """One for each situation; those of one model and world after each other, so that it is opened once."""
    rows = [(id_, other) for id_, others in table.items() for other in others]
    rows.sort(key=lambda row: (row[1].model, row[1].world))
    return [pytest.param(id_, other, id=f"{id_}-{'holds' if other.holds else 'not'}") for id_, other in rows]


@pytest.fixture(scope="module")
def short() -> Iterator[None]:
    """Budgets and lengths, for effects as large as here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workbench.tips.pairs._RUN_S", 0.1)
        patch.setattr("workbench.tips.threads._RUN_S", 0.7)
        patch.setattr("workbench.tips.threads._MOST_COUNTS", 2)
        patch.setattr("workbench.tips.threads._WORK", Workload(prompt_tokens=64, new_tokens=4))
        patch.setattr("workbench.tips.answering._PREFIX_S", 2.0)
        patch.setattr("workbench.tips.answering._DECODE", Workload(prompt_tokens=16, new_tokens=4))
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, demo_home: Path) -> dict[str, Path]:
    found = {name: tmp_path_factory.mktemp("models") / name.replace(" ", "_") for name in FOLDERS}
    for name, write in FOLDERS.items():
        write(found[name])
    return found


@pytest.fixture(scope="module")
def stand(demo_home: Path, short: None) -> Iterator[Stand]:
    with Session(DENSE, host="inline") as session, Stand(session, open_with={"host": "inline"}) as held:
        session.quality = partial(type(session).quality, session, suite="short")  # type: ignore[method-assign]
        yield held


@pytest.fixture(scope="module")
def scripts(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, TipRun]:
    """All of them, two at a time."""
    stubs = tmp_path_factory.mktemp("stubs")
    for name, text in STUBS.items():
        (stubs / name).parent.mkdir(parents=True, exist_ok=True)
        (stubs / name).write_text(text, encoding="utf-8")
    with Stand() as stand, ThreadPoolExecutor(2) as pool:
        scratch = Fresh("import os\nresult = {'folder': os.environ['TIP_MODEL']}")
        script(stand, Script(scratch))  # the tiny model is made once
        found = pool.map(lambda each: decide(stand, rewritten(*each, stubs)), SCRIPTS.items())
        return dict(zip(SCRIPTS, found, strict=True))


def rewritten(id_: str, other: OtherScript, stubs: Path) -> Tip:
    experiment = TIPS[id_].experiment
    assert isinstance(experiment, Script)

    def there(side: Fresh) -> Fresh:
        what, instead = other.swapped
        assert what in side.code
        code = other.before + (side.code.replace(what, instead) if what else side.code)
        environment = {**side.environment, **other.environment}
        filled = {name: value.replace("{stubs}", str(stubs)) for name, value in environment.items()}
        return Fresh(code.replace("{stubs}", str(stubs)), filled)

    sides = replace(experiment, a=there(experiment.a), b=there(experiment.b) if experiment.b else None)
    return replace(TIPS[id_], experiment=sides)


def judged(found: TipRun, holds: bool) -> None:
    assert not found.failed, found.sentence
    assert found.verdict is (Verdict.HOLDS if holds else Verdict.NOT), found.sentence
    assert all(cell.met is holds for cell in found.cells)


def moved(id_: str, other: Other, model: str) -> Tip:
    tip = TIPS[id_]
    experiment = tip.experiment
    if isinstance(experiment, Probe):
        experiment = replace(experiment, params={**experiment.params, **other.params})
    assert isinstance(experiment, Probe | Pair)
    return replace(tip, experiment=replace(experiment, **other.fields), model=model)


@pytest.mark.parametrize(("id_", "other"), _rows(SITUATIONS))
def test_a_model_elsewhere(
    stand: Stand, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, id_: str, other: Other
) -> None:
    monkeypatch.setattr(pairing, "DISTURBED_CORES", math.inf)  # a world's times are its own, whoever else computes
    tip = moved(id_, other, str(folders.get(other.model, other.model or DENSE)))
    assert stand.bench is not None
    if stand.once("world", lambda: other.world) != other.world:
        stand._known.clear()  # what was asked in another one
        stand.once("world", lambda: other.world)
    with WORLDS[other.world](stand.bench) if other.world else nullcontext():
        judged(decide(stand, tip), other.holds)


@pytest.mark.parametrize(("id_", "other"), _rows(IN_WORKERS))
def test_a_worker_elsewhere(folders: dict[str, Path], short: None, id_: str, other: Other) -> None:
    model = str(folders[other.model])
    with Session(model) as session, Stand(session) as held:
        if "avx2" not in session.machine.cpu.features:
            pytest.skip("needs a processor with AVX2, to be held back from it")
        judged(decide(held, moved(id_, other, model)), other.holds)


@pytest.mark.parametrize("id_", SCRIPTS)
def test_a_script_elsewhere(scripts: dict[str, TipRun], id_: str) -> None:
    judged(scripts[id_], SCRIPTS[id_].holds)


def test_every_tip_that_is_decided_here_has_its_other_verdict() -> None:
    tables = (SITUATIONS, IN_WORKERS, SCRIPTS, CONSTANT)
    assert sum(map(len, tables)) == len({id_ for table in tables for id_ in table}), "each stands once"
    assert {id_ for table in tables for id_ in table} == set(DECIDED)
    assert len(CONSTANT) < 8
    assert all(reason.endswith(".") for reason in CONSTANT.values())
    tried = {id_: {other.holds for other in others} for id_, others in {**SITUATIONS, **IN_WORKERS}.items()}
    tried |= {id_: {other.holds} for id_, other in SCRIPTS.items()}
    for id_, verdicts in tried.items():
        wanted = {Verdict.HOLDS: {False}, Verdict.NOT: {True}}.get(DECIDED[id_], {True, False})
        assert wanted <= verdicts, f"{id_}: the report says {DECIDED[id_]}"


def test_every_world_and_folder_is_used() -> None:
    others = [other for each in (*SITUATIONS.values(), *IN_WORKERS.values()) for other in each]
    assert {other.world for other in others} - {""} == set(WORLDS)
    assert set(FOLDERS) <= {other.model for other in others}
