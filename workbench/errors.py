"""The errors that people meet: what happened, why, and what to do next.

Each is a code with parameters (its words are in `workbench.words`), so that it can cross the wire to
and from a worker and be shown in the reader's language.
"""

import traceback
from typing import Any

from workbench.words import parts


class WorkbenchError(Exception):
    """`code` names the template; `params` fill it. `.what`, `.why` and `.next_step` are the filled sentences.

    `.detail` holds the traceback from the process where it was raised, when that was another one.
    """

    detail = ""

    def __init__(self, code: str, /, **params: Any) -> None:
        self.code = code
        self.params = params
        self.what, self.why, self.next_step = (*parts(code, params), "", "")[:3]
        super().__init__(code)

    def __str__(self) -> str:
        return "\n".join(sentence for sentence in (self.what, self.why, self.next_step) if sentence)

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self).__name__, self.code, self.params)

    def _render_traceback_(self) -> list[str]:
        """What a notebook's cell shows (a protocol of IPython): the sentences, and the line of the cell that asked.

        The way through our own code stays in `__traceback__`, for a debugger (%debug).
        """
        said = [f"{type(self).__name__}: {self.what}", self.why, self.next_step]
        frames = traceback.extract_tb(self.__traceback__)
        asked = next((each for each in frames if "ipykernel" in each.filename or "<ipython" in each.filename), None)
        if asked is not None:
            said.append(f"    {asked.lineno}: {(asked.line or '').strip()}".rstrip(": "))
        return [sentence for sentence in said if sentence]


class ConfigError(WorkbenchError):
    """An unknown knob, an unknown value, or two values that cannot stand together."""


class CapabilityError(WorkbenchError):
    """This machine or this model cannot do what was asked."""


class ModelError(WorkbenchError):
    """A model that cannot be found, is damaged, or may not be loaded."""


class DeviceBusy(WorkbenchError):
    """Another engine has the device; the message says whose, and what can be done."""


class OutOfMemory(WorkbenchError):
    """The device refused an allocation; the session survives."""


class WorkerDied(WorkbenchError):
    """The process that held the model ended; the session brings it back on the last good config."""


class Stopped(WorkbenchError):
    """The person pressed Stop."""


class StoreError(WorkbenchError):
    """The run store cannot be read or written."""


class EndpointError(WorkbenchError):
    """A server cannot be reached, refuses, or answers what no OpenAI-compatible server answers."""


KINDS: dict[str, type[WorkbenchError]] = {
    kind.__name__: kind
    for kind in (
        WorkbenchError,
        ConfigError,
        CapabilityError,
        ModelError,
        DeviceBusy,
        OutOfMemory,
        WorkerDied,
        Stopped,
        StoreError,
        EndpointError,
    )
}


def rebuild(kind: str, code: str, params: dict[str, Any]) -> WorkbenchError:
    """The error as it was raised at the other end of a wire."""
    return KINDS[kind](code, **params)
