"""The memory of a sweep: entries in the run store, written as things happen, read again by the next call.

The key is a hash of everything that decides what is measured; a call with the same key goes on where the last ended.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from workbench.config import Config
from workbench.results import Machine, SweepEntry, Workload, entry_record, versions
from workbench.runs import Runs

_MOST = 1_000_000


def key_of(
    model: str,
    revision: str | None,
    space: Mapping[str, Any],
    base: Config,
    workload: Workload,
    machine: Machine,
    **how: Any,
) -> str:
    """The same for the same question on the same machine with the same versions. how: seed, objective, precision …"""
    from workbench import __version__

    # facts that stay: what is free or busy at the moment is no part of the question
    place = [machine.label, machine.platform, machine.cpu.logical_cores, [gpu.name for gpu in machine.gpus]]
    asked = [
        model,
        revision,
        {name: list(values) for name, values in space.items()},
        base.to_dict(),
        workload.to_dict(),
    ]
    whole = json.dumps([asked, place, __version__, versions(), how], sort_keys=True, default=str)
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


class Diary:
    """Of one key. `write` numbers an entry and stores it at once; `earlier` are those of earlier calls, in order."""

    def __init__(self, runs: Runs, key: str, model: str, machine: Machine, workload: Workload, *, fresh: bool) -> None:
        self._runs, self._key, self._model = runs, key, model
        self._machine, self._workload = machine, workload
        found = self._read()
        self._next = max((entry.at for entry in found), default=-1) + 1
        begun = max((place for place, entry in enumerate(found) if entry.event == "plan"), default=0)
        self.earlier = [] if fresh else found[begun:]

    def write(self, **fields: Any) -> SweepEntry:
        """StoreError: what cannot be kept cannot be gone on with."""
        entry = SweepEntry(key=self._key, at=self._next, **fields)
        self._runs.add(entry_record(self._model, self._machine, self._workload, entry))
        self._next += 1
        return entry

    def _read(self) -> list[SweepEntry]:
        found = []
        for document in self._runs.list(kind="sweepentry", model=self._model, limit=_MOST):
            result = document.get("result") or {}
            if result.get("key") != self._key:
                continue
            try:
                found.append(SweepEntry.from_dict(result))
            except ValidationError:  # of another version: what it says is measured again
                continue
        return sorted(found, key=lambda entry: entry.at)
