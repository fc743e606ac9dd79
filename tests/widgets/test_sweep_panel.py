"""SweepPanel for real on a tiny model: it fills while it runs, Stop is heard inside a run, errors are told."""

import html
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import workbench as wb
from tests.conftest import WORKER
from tests.widgets.conftest import _below, until
from workbench.sweep.hosts import LocalHost
from workbench.sweep.stopping import Stop
from workbench.widgets import SweepPanel

pytestmark = pytest.mark.model

TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=1"
WORK = wb.Workload(prompt_tokens=16, new_tokens=4)
DEEP = "random:deepseek-llm-7b-base?scale=tiny"
LONG = wb.Workload(prompt_tokens=4000, new_tokens=4, batch_size=8)  # seconds of one run, tenths of one layer
BASE = wb.Config(dtype="float32", threads=1, device="cpu")
SPACE = {"attention": ["sdpa", "eager"], "threads": [1]}
FOUR = {"attention": ["sdpa", "eager"], "dtype": ["float32", "bfloat16"], "threads": [1]}


@pytest.fixture
def runs(demo_home: Path, tmp_path: Path) -> Iterator[wb.Runs]:
    with wb.Runs(tmp_path / "runs.sqlite3") as runs:
        yield runs


def part(panel: SweepPanel, name: str) -> Any:
    (found,) = (each for each in _below(panel.box) if f"wb-{name}" in each._dom_classes)
    return found


def said(panel: SweepPanel, name: str) -> str:
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", part(panel, name).value)).split())


def places(panel: SweepPanel) -> int:
    """Configurations in the chart."""
    return sum(len(trace.x or ()) for trace in part(panel, "chart-sweep").data[:-1])


def workers() -> list[psutil.Process]:
    return [each for each in psutil.Process().children(recursive=True) if WORKER in _command(each)]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # a zombie too
        return []


class Watched(LocalHost):
    """The host as it is; `begun` once a run was asked for, `broken` once Stop ended one."""

    begun, broken = threading.Event(), threading.Event()

    def run(self, group: int, config: wb.Config, workload: wb.Workload, *, first: bool) -> Any:
        self.begun.set()
        try:
            return super().run(group, config, workload, first=first)
        except wb.Stopped:
            self.broken.set()
            raise


def test_it_fills_while_it_runs_and_tells_what_came_of_it(runs: wb.Runs) -> None:
    panel = SweepPanel(TINY, FOUR, workload=WORK, base=BASE, precision=0.0001, runs=runs, host="inline")
    try:
        assert part(panel, "sweep-start").disabled
        until(lambda: places(panel) == 2)
        assert not part(panel, "sweep-stop").disabled
        assert part(panel, "sweep-outcome")._dom_classes[-1] == "wb-hidden"
        until(lambda: "leads" in said(panel, "sweep-field"))
        assert said(panel, "sweep-field").count("waits") == 2
        assert re.search(
            r"of 4 dropped 0 in the race 4 elapsed \d+ s .*best so far .*tok/s", said(panel, "sweep-numbers")
        )
        until(lambda: places(panel) == 4)
        panel.stop()
        found = panel.result(60)
        assert found.stopped_by == "stopped"
        until(lambda: not part(panel, "sweep-start").disabled)
        assert part(panel, "sweep-stop").disabled
        assert said(panel, "sweep-now") == "stopped"
        told = said(panel, "sweep-result")
        assert str(found.verdict) in told
        assert all(found.points[place].label in told for place in found.pareto)
        assert "Why the others lost" in told or not found.dropped
        assert part(panel, "sweep-start").description == "Go on"
        before = found.runs
        part(panel, "sweep-start").click()
        until(lambda: "measuring" in said(panel, "sweep-now"))
        part(panel, "sweep-stop").click()
        again = panel.result(60)
        assert again.reused >= before  # it went on
    finally:
        panel.close()


def test_a_finished_one_says_why_the_others_lost_and_gives_its_winner_as_code(runs: wb.Runs) -> None:
    panel = SweepPanel("demo", {"attention": ["sdpa", "eager"]}, workload=WORK, base=BASE, precision=0.9, runs=runs)
    try:
        found = panel.result(120)
        until(lambda: not part(panel, "sweep-start").disabled)
        assert part(panel, "sweep-apply")._dom_classes[-1] == "wb-hidden"  # there is no session
        assert found.best is not None
        assert f"{found.best.label}: " in said(panel, "sweep-result")
        part(panel, "sweep-export").click()
        assert f'"{found.best.config["attention"]}"' in part(panel, "sweep-snippet").code
        assert not workers()
        assert part(panel, "error").value == ""
    finally:
        panel.close()


def test_stop_is_heard_inside_a_run(runs: wb.Runs) -> None:
    Watched.begun.clear()
    Watched.broken.clear()
    panel = SweepPanel(DEEP, SPACE, workload=LONG, base=BASE, runs=runs, host=Watched)
    try:
        assert Watched.begun.wait(60)
        time.sleep(0.5)
        part(panel, "sweep-stop").click()
        assert "stopping" in said(panel, "sweep-now")
        found = panel.result(60)
        assert (found.stopped_by, found.runs) == ("stopped", 0)
        assert Watched.broken.is_set()
        until(lambda: not workers())
    finally:
        panel.close()


def test_a_stop_before_there_is_a_host_is_kept() -> None:
    heard: list[str] = []
    stop = Stop()
    stop.now()
    stop.bind(lambda: heard.append("halt"))
    assert stop()
    assert heard == ["halt"]
    stop.now()
    assert heard == ["halt", "halt"]


def test_what_a_bad_space_raises_is_shown_and_raised(runs: wb.Runs) -> None:
    panel = SweepPanel(TINY, {"atention": ["sdpa"]}, workload=WORK, base=BASE, runs=runs)
    with pytest.raises(wb.ConfigError, match="atention"):
        panel.result(60)
    until(lambda: "atention" in part(panel, "error").value)
    assert "attention" in part(panel, "error").value  # the nearest
    assert not part(panel, "sweep-start").disabled
    panel.close()
    nothing = SweepPanel(TINY, {"device": ["cuda:7"]}, workload=WORK, base=BASE.replace(device="cuda:7"), runs=runs)
    with pytest.raises(wb.CapabilityError):
        nothing.result(60)
    until(lambda: "No combination" in part(nothing, "error").value)
    nothing.close()


def test_a_model_s_name_is_text(runs: wb.Runs) -> None:
    panel = SweepPanel("<img src=x>", SPACE, start=False, runs=runs)
    assert "<img" not in part(panel, "title").value
    panel.close()


def test_a_second_one_stops_the_first(runs: wb.Runs) -> None:
    first = SweepPanel(DEEP, SPACE, workload=LONG, base=BASE, runs=runs, host="inline")
    until(lambda: "loading" in said(first, "sweep-now"))
    second = SweepPanel(TINY, SPACE, workload=WORK, base=BASE, precision=0.9, runs=runs, host="inline")
    assert first.result(0).stopped_by == "stopped"
    assert first.box.comm is None
    assert second.result(120).best is not None
    second.close()
    assert not [each for each in threading.enumerate() if each.name.startswith("workbench-sweep")]


def test_a_session_makes_room_and_has_its_model_again(demo_home: Path, runs: wb.Runs) -> None:
    with wb.Session(TINY, config=BASE, runs=runs) as session:
        before = session.pid
        panel = SweepPanel(session, FOUR, workload=WORK, precision=0.0001)
        until(lambda: places(panel) >= 2)
        assert session.state == "sweeping"
        assert before not in {each.pid for each in workers()}
        waits = session.submit("generate", ["a"], max_new_tokens=1)
        time.sleep(0.3)
        assert not waits.done()  # nothing else runs there meanwhile
        part(panel, "sweep-stop").click()
        found = panel.result(60)
        assert waits.result(60)[0].token_ids
        assert session.last["sweep"] == found
        assert [each.pid for each in workers()] == [session.pid]
        assert session.config == BASE
        assert found.best is not None
        until(lambda: not part(panel, "sweep-apply").disabled)
        part(panel, "sweep-apply").click()
        until(lambda: session.config == wb.Config(**found.best.config))
        panel.close()


def test_session_stop_ends_the_sweep_and_brings_the_model_back(demo_home: Path, runs: wb.Runs) -> None:
    with wb.Session(DEEP, config=BASE, runs=runs) as session:
        Watched.begun.clear()
        Watched.broken.clear()
        panel = SweepPanel(session, SPACE, workload=LONG, host=Watched)
        assert Watched.begun.wait(60)
        time.sleep(0.5)
        session.stop()
        assert panel.result(60).stopped_by == "stopped"
        assert Watched.broken.is_set()
        assert session.state == "idle"
        assert session.generate("a", max_new_tokens=1)[0].token_ids
        panel.close()


def test_what_raises_in_a_lent_place_is_told_and_the_model_comes_back(demo_home: Path, runs: wb.Runs) -> None:
    with wb.Session(TINY, config=BASE, runs=runs) as session:
        panel = SweepPanel(session, {"atention": ["sdpa"]}, workload=WORK)
        with pytest.raises(wb.ConfigError, match="atention"):
            panel.result(60)
        assert session.generate("a", max_new_tokens=1)[0].token_ids
        panel.close()
