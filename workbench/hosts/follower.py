"""One of the other ranks of a worker: `python -m workbench.hosts.follower`, started by the worker itself.

The main thread makes every torch call; a second thread reads what the first rank tells, and ends the process when that
one is gone.
"""

import argparse
import os
import signal
import threading

from workbench.hosts.pipes import child_wire
from workbench.hosts.worker import prefer_as_victim, quiet
from workbench.protocol import Wire, WireError


def main() -> None:
    parser = argparse.ArgumentParser(description="Holds one rank's part of a model; started by a worker.")
    parser.add_argument("--read", type=int, required=True)
    parser.add_argument("--write", type=int, required=True)
    parser.add_argument("--store", required=True)
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prefer_as_victim()
    follow(child_wire(arguments.read, arguments.write), arguments.store)


def follow(wire: Wire, store: str) -> None:
    """Follows the first rank until it is gone."""
    from workbench.engine import sharding
    from workbench.engine.engine import Engine
    from workbench.engine.following import Follower
    from workbench.results import ThreadChoice

    quiet()
    setup = wire.receive()
    if setup is None:
        return
    threads = setup[0]["threads"]
    engine = Engine(ThreadChoice.from_dict(threads) if threads else None)
    follower = Follower(engine, wire, int(os.environ["RANK"]))
    threading.Thread(target=_read, args=(wire, follower), daemon=True, name="control").start()
    sharding.join(store)
    while True:
        follower.run_one()


def _read(wire: Wire, follower: "Follower") -> None:  # type: ignore[name-defined]  # noqa: F821
    while True:
        try:
            frame = wire.receive()
        except (OSError, ValueError, WireError):
            frame = None
        if frame is None:
            os._exit(0)  # the first rank is gone
        (follower.calls if frame[0]["type"] == "call" else follower.steps).put(frame[0])


if __name__ == "__main__":
    main()
