"""A session's place given to other work for a while: its model makes room, and nothing else runs on it meanwhile."""

from collections.abc import Callable
from typing import Any

from workbench.bench import Bench
from workbench.errors import CapabilityError
from workbench.hosts.process import ProcessHost

# does the work and gives its memory back; told the `when_busy` with which sessions of its own open there
Work = Callable[[str | None], Any]


def lend(bench: Bench, job: int, work: Work, kind: str, *, halt: Callable[[], None]) -> Any:
    """What `work` returns. The model of `bench` is out of memory meanwhile, and brought back whatever came of the work.

    kind  of the result: under it, it is the last of its kind, and told to listeners
    halt  ends the work early; called by Stop, from any thread

    A model in this process (host="inline") stays where it is, because whoever holds `session.model` keeps its memory:
    the work is to load beside it. CapabilityError for an attached model: nobody could load it again.
    """
    if bench.attached:
        raise CapabilityError("session.attached_lend")
    context, config, host = bench.context(job), bench.config, bench.host
    if isinstance(host, ProcessHost):
        host.release()
    try:
        with bench.beside.work(halt):
            context.check()
            found = work(None if isinstance(host, ProcessHost) else "beside")
        bench.last[kind] = found
        bench.tell(job, "result", {"kind": kind, "value": found, "config": config})
    finally:
        if not bench.closed:
            bench.context(job)  # a Stop was for the work, not for what brings the model back
            bench.revive(job)
    return found
