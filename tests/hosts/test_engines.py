"""One engine per device: told, taken over, waited for, raced for; and nothing stale looks alive."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import psutil
import pytest
import torch

import workbench as wb
from tests.hosts.openings import SLOW, TINY
from workbench.hosts import registry
from workbench.hosts.door import knock
from workbench.hosts.registry import Claim, Holding

pytestmark = pytest.mark.usefixtures("one_per_device")
CONFIG = wb.Config(dtype="float32", threads=1)
CLAIM = Claim("cpu", os.getpid(), "one.ipynb", "demo", "f" * 16)

# a second notebook: opens a session as its arguments say, tells what it has, and works when it is told to
OTHER = """
import json, sys
import workbench as wb
model, when_busy = sys.argv[1:]
said = []
try:
    session = wb.Session(model, config=wb.Config(dtype="float32", threads=1), when_busy=when_busy,
                         progress=lambda event: said.append(event.data["what"].code))
except wb.WorkbenchError as error:
    print(json.dumps({"error": error.code, "what": error.what}), flush=True)
    sys.exit()
print(json.dumps({"pid": session.pid, "said": said, "state": session.state}), flush=True)
for line in sys.stdin:
    answer = session.generate("The sea", int(line))
    print(json.dumps({"ids": answer[0].token_ids, "pid": session.pid, "state": session.state}), flush=True)
session.close()
"""


class Other:
    """Another notebook's process."""

    def __init__(self, model: str, when_busy: str = "refuse") -> None:
        environment = {**os.environ, "JPY_SESSION_NAME": "folder/02_attention.ipynb"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", OTHER, model, when_busy],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def hear(self) -> dict[str, object]:
        assert self.process.stdout is not None
        heard: dict[str, object] = json.loads(self.process.stdout.readline())
        return heard

    def generate(self, tokens: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{tokens}\n")
        self.process.stdin.flush()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def others() -> Iterator[list[Other]]:
    started: list[Other] = []
    yield started
    for other in started:
        other.end()


def wait_until_gone(pid: int) -> bool:
    """Ended, though whoever started it may not have asked for its status yet."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def test_running_the_cell_again_takes_the_same_engine() -> None:
    with wb.Session(TINY, config=CONFIG) as first:
        before = first.generate("The sea", 6)
        heard: list[str] = []
        again = wb.Session(
            TINY, config=CONFIG.replace(attention="eager"), progress=lambda event: heard.append(event.data["what"].code)
        )
        with again:
            assert again.pid is not None
            assert heard == ["engines.taken_over"]
            assert again.resolved.attention == "eager"
            assert first.state == "released"
            assert first.pid is None
            pid = again.pid
            # whoever works has it: back, in the configuration it had
            assert first.generate("The sea", 6)[0].token_ids == before[0].token_ids
            assert (first.pid, first.state, again.state) == (pid, "idle", "released")
            assert first.resolved.attention == "sdpa"
        assert psutil.pid_exists(pid), "closing the one that handed it over ends nothing"
    assert wait_until_gone(pid)
    assert registry.holders() == []


def test_another_notebook_takes_it_over_and_outlives_the_first(others: list[Other]) -> None:
    session = wb.Session(TINY, config=CONFIG)
    ids = session.generate("The sea", 6)[0].token_ids
    pid = session.pid
    others.append(other := Other(TINY))
    assert other.hear() == {"pid": pid, "said": ["engines.taken_over"], "state": "idle"}
    assert (session.state, session.handed_over_to) == ("released", "02_attention.ipynb")
    (found,) = registry.holders()
    assert (found.notebook, found.owner_pid) == ("02_attention.ipynb", other.process.pid)
    session.close()
    other.generate(6)
    assert other.hear() == {"ids": list(ids), "pid": pid, "state": "idle"}
    other.process.kill()
    assert wait_until_gone(pid or 0), "it dies with its new owner"
    assert registry.holders() == []


def test_another_model_is_refused_by_name_then_takes_the_device(others: list[Other]) -> None:
    others.append(other := Other(SLOW))
    pid = other.hear()["pid"]
    with pytest.raises(wb.DeviceBusy, match=r"02_attention\.ipynb .*tiny.* on cpu \([\d.]+.MiB of weights\)"):
        wb.Session(TINY, config=CONFIG)
    with wb.Session(TINY, config=CONFIG, when_busy="take") as session:
        assert session.state == "idle"
        assert wait_until_gone(int(str(pid)))
        assert [found.owner_pid for found in registry.holders()] == [os.getpid()]
    other.generate(2)  # free again: it comes back by itself
    assert other.hear()["state"] == "idle"


def test_an_attached_model_stands_beside_and_stays_usable(others: list[Other]) -> None:
    from workbench.catalog.random_names import parse
    from workbench.engine.random_model import build, tokenizer_of

    others.append(other := Other(SLOW))
    assert other.hear()["state"] == "idle"
    named = parse(TINY)
    tokenizer = tokenizer_of(named)
    model = build(named, torch.float32, torch.device("cpu"), "eager", tokenizer)[0]
    with wb.Session.attach(model, tokenizer) as session:
        assert session.apply(attention="sdpa").resolved.attention == "sdpa"
        assert len(registry.holders()) == 2
    assert len(registry.holders()) == 1


def test_work_in_progress_is_not_taken_but_waited_for() -> None:
    with wb.Session(SLOW, config=CONFIG) as first:
        work = first.submit("generate", "The sea", 60)
        stopped = threading.Event()
        first.on("token", lambda _event: stopped.set())
        assert stopped.wait(120)
        with pytest.raises(wb.DeviceBusy):
            wb.Session(SLOW, config=CONFIG)
        with wb.Session(SLOW, config=CONFIG, when_busy="wait") as second:
            assert len(work.result()[0].token_ids) == 60
            assert (first.state, second.state) == ("released", "idle")


def test_stop_ends_the_waiting() -> None:
    holding = Holding()
    holding.claim(CLAIM)
    heard = threading.Event()
    error: list[BaseException] = []

    def wait() -> None:
        try:
            wb.Session(TINY, config=CONFIG, when_busy="wait", progress=lambda _event: heard.set())
        except wb.WorkbenchError as raised:
            error.append(raised)

    waiting = threading.Thread(target=wait)
    from workbench import session as sessions

    opened: list[wb.Session] = []
    original = sessions.Session._prepare

    def remember(self: wb.Session, *arguments: object) -> None:
        original(self, *arguments)  # type: ignore[arg-type]
        opened.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions.Session, "_prepare", remember)
        waiting.start()
        assert heard.wait(120)
        opened[0].stop()
        waiting.join(60)
    assert isinstance(error[0], wb.Stopped)
    holding.release()


def test_of_two_that_race_one_gets_the_device(others: list[Other]) -> None:
    others += [Other(TINY), Other(SLOW)]
    heard = [other.hear() for other in others]
    assert sorted("error" in said for said in heard) == [False, True]
    assert next(said["error"] for said in heard if "error" in said) == "engines.busy"
    assert len(registry.holders()) == 1


def test_a_killed_engine_leaves_nothing_that_looks_alive(others: list[Other]) -> None:
    others.append(other := Other(TINY))
    pid = int(str(other.hear()["pid"]))
    assert registry.holder("cpu") is not None
    psutil.Process(pid).kill()
    assert wait_until_gone(pid)
    until = time.monotonic() + 30
    while registry.holder("cpu") is not None and time.monotonic() < until:
        time.sleep(0.05)  # the leader has ended; its lock goes with the last of its threads
    assert registry.holder("cpu") is None
    assert not list((wb.Runs().path.parent / "engines").rglob("*.json"))


def test_a_model_in_a_notebook_itself_is_not_given_away(others: list[Other]) -> None:
    with wb.Session(TINY, config=CONFIG, host="inline") as session:
        for when_busy, code in (("refuse", "engines.busy"), ("take", "engines.not_given")):
            others.append(other := Other(TINY, when_busy))
            assert other.hear()["error"] == code
        assert session.state == "idle"
    assert registry.holders() == []


@pytest.mark.skipif(sys.platform == "win32", reason="no doors there")
def test_an_engine_is_given_only_to_who_knows_it() -> None:
    with wb.Session(TINY, config=CONFIG) as session:
        (found,) = registry.holders()
        for request in ({}, {"type": "adopt"}, {"type": "adopt", "fingerprint": "?"}, {"type": "sell"}):
            answer, connection = knock(str(found.socket), request)
            connection.close()
            assert answer == {"type": "other"}
        assert session.generate("The sea", 2)[0].finish_reason == "length"
