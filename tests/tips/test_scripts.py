"""Scripts in fresh processes: what they leave, raise and warn; with two sides, what changed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.errors import WorkbenchError
from workbench.results import Quantity, Verdict
from workbench.tips import Fresh, Limit, Script
from workbench.tips.deciding import cell_of, verdict_of
from workbench.tips.scripts import script
from workbench.tips.stand import Stand

_CONFIG = (
    "import json, os, pathlib\n"
    "path = pathlib.Path(os.environ['TIP_MODEL'], 'config.json')\n"
    "found = json.loads(path.read_text())\n"
    "path.write_text(json.dumps({**found, 'spoilt': True}))\n"
    "result = {'kind': found['model_type'], 'spoilt': 'spoilt' in found}"
)


@pytest.fixture(scope="module")
def stand(demo_home: Path) -> Iterator[Stand]:
    with Stand() as held:
        yield held


def values(stand: Stand, code: str, **environment: str) -> dict[str, Quantity]:
    cell, _other = script(stand, Script(Fresh(code, environment)))
    return dict(cell.found.values)


def test_what_is_left_is_found_and_nothing_is_warned(stand: Stand) -> None:
    found = values(stand, "import os\nresult = {'a': 1, 'b': os.environ['SAID'], 'c': True}", SAID="so")
    assert {name: each.value for name, each in found.items()} == {
        "a": 1,
        "b": "so",
        "c": True,
        "exception": "none",
        "warned": False,
    }


def test_an_exception_is_a_result_and_leaves_nothing_else(stand: Stand) -> None:
    cell, _other = script(stand, Script(Fresh("result = {'a': 1}\nraise KeyError('gone')")))
    assert {name: each.value for name, each in cell.found.values.items()} == {"exception": "KeyError", "warned": False}
    assert "gone" in str(cell.found.notes[0])
    assert values(stand, "import sys\nsys.exit(3)")["exception"].value == "SystemExit"


@pytest.mark.parametrize(
    ("code", "warned"),
    [
        ("import warnings\nwarnings.warn('look')", True),
        ("import warnings\nwarnings.warn('old', DeprecationWarning)", True),
        ("import logging\nlogging.getLogger('transformers.somewhere').warning('look')", True),
        ("import logging\nlogging.getLogger('torchao.kernel').warning('no triton')", False),
        ("import logging\nlogging.getLogger('transformers').info('hello')", False),
        ("print('noise')", False),
    ],
)
def test_what_counts_as_a_warning(stand: Stand, code: str, warned: bool) -> None:
    assert values(stand, f"{code}\nresult = {{}}")["warned"].value is warned


def test_a_process_that_dies_is_an_error(stand: Stand) -> None:
    with pytest.raises(WorkbenchError, match="status"):
        values(stand, "import os, sys\nprint('last words', file=sys.stderr, flush=True)\nos._exit(7)")


def test_each_process_has_a_model_of_its_own(stand: Stand) -> None:
    cell, other = script(stand, Script(Fresh(_CONFIG), Fresh(_CONFIG)))
    assert other is not None
    for found in (cell.found.values, other):
        assert found["kind"].value == "llama"
        assert found["spoilt"].value is False


def test_a_change_is_judged_against_the_other_side(stand: Stand) -> None:
    code = "import os\nresult = {'read': os.environ.get('READ')}"
    for other, told in (("READ", Verdict.HOLDS), ("UNREAD", Verdict.NOT)):
        cell, first = script(stand, Script(Fresh(code), Fresh(code, {other: "7"})))
        assert verdict_of([cell_of(cell, [Limit("read", changed=True)], first)]) is told
