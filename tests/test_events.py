"""What a host says becomes events with result types in them."""

from typing import Any

from workbench.events import Dispatcher, forwarding
from workbench.results import Event
from workbench.words import say


def test_a_replaced_process_is_told_as_progress() -> None:
    dispatcher, seen = Dispatcher(), list[Event]()
    shown: list[Any] = []
    dispatcher.on("progress", seen.append)
    pass_on = forwarding(dispatcher, 3, lambda state, job: shown.append((state, job)))
    pass_on("note", say("worker.residue", left="12 MB"))
    pass_on("progress", {"what": {"code": "progress.warm_up", "params": {}}, "done": 1, "total": 2})
    pass_on("state", {"state": "restoring"})
    assert dispatcher.flush()
    dispatcher.close()
    assert [str(event.data["what"]) for event in seen] == [
        "12 MB of the old model stayed after it was dropped; the process was replaced",
        "warm-up",
    ]
    assert shown == [("restoring", 3)]
