"""One prompt under two configurations, on a real tiny model in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import workbench as wb
from workbench.errors import CapabilityError, ConfigError
from workbench.results import Event, SideBySide, parting

TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=2"
BASE = wb.Config(dtype="float32", threads=1)


@pytest.fixture(scope="module")
def session(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[wb.Session]:
    store = tmp_path_factory.mktemp("store") / "runs.sqlite3"
    with wb.Runs(store) as runs, wb.Session(TINY, host="inline", runs=runs, config=BASE) as session:
        yield session


@pytest.mark.parametrize(
    ("a", "b", "at"),
    [((1, 2, 3), (1, 2, 3), None), ((1, 2, 3), (1, 9, 3), 1), ((1, 2), (1, 2, 3), 2), ((), (), None), ((), (1,), 0)],
)
def test_where_two_answers_part(a: tuple[int, ...], b: tuple[int, ...], at: int | None) -> None:
    assert parting(a, b) == at
    assert parting(b, a) == at


def test_both_are_streamed_by_row_and_what_was_in_force_is_again(session: wb.Session) -> None:
    chunks: list[Event] = []
    off = session.on("token", chunks.append)
    found = session.side_by_side("The sea", {"attention": "eager"}, {"attention": "sdpa"}, 6)
    assert session._dispatcher.flush()
    off()
    assert isinstance(found, SideBySide)
    assert [len(answer.token_ids) for answer in found.answers] == [6, 6]
    assert found.parts_at == parting(*(answer.token_ids for answer in found.answers))
    assert [event.data.row for event in chunks] == [0] * 6 + [1] * 6
    assert len({event.job for event in chunks}) == 1
    assert (found.a["attention"], found.b["attention"]) == ("eager", "sdpa")
    assert session.config == BASE


def test_a_side_that_needs_a_reload_is_loaded_and_the_first_comes_back(session: wb.Session) -> None:
    found = session.side_by_side("The sea", BASE, BASE.replace(dtype="bfloat16"), 4)
    alone = session.generate("The sea", max_new_tokens=4)[0]
    assert found.answers[0].token_ids == alone.token_ids
    assert session.resolved.dtype == "float32"


def test_what_cannot_be_is_refused_before_anything_runs(session: wb.Session) -> None:
    with pytest.raises(ConfigError):
        session.side_by_side("The sea", BASE, BASE, 4)
    if not session.machine.gpus:
        with pytest.raises(CapabilityError):
            session.side_by_side("The sea", BASE, {"device": "cuda"}, 4)
    assert session.config == BASE
