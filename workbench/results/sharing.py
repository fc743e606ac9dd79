"""Who else uses this machine: processes, timed runs, and whether a model fits beside them."""

from typing import Literal

from pydantic import PrivateAttr

from workbench.results.base import Result
from workbench.words import Message

LoadState = Literal["fits", "busy", "short", "too_large", "unknown"]


class TimedRun(Result):
    """A run whose seconds count, by some workbench on this machine.

    device    cpu, or the UUID of a GPU or MIG instance
    notebook  or program; "?" where it left no name
    pid       as its own process sees itself; another container counts its own. 0: not told
    ours      the same user's
    """

    device: str
    notebook: str
    pid: int
    ours: bool
    _user: str | None = PrivateAttr(default=None)

    def of(self, user: str | None) -> "TimedRun":
        """The same, knowing its user's name, which is shown and never part of a document."""
        named = self.model_copy()
        named._user = user
        return named

    @property
    def user(self) -> str | None:
        return self._user


class Neighbour(Result):
    """Another process of this machine, for display: never part of a stored record.

    name   of its program; None: hidden from here
    cores  it used in a short look; bytes it holds, of main memory or of a GPU. None: not told
    ours   the same user's
    """

    pid: int
    name: str | None
    cores: float | None = None
    bytes: int | None = None
    ours: bool = False
    _user: str | None = PrivateAttr(default=None)

    def of(self, user: str | None) -> "Neighbour":
        """The same, knowing its user's name, which is shown and never part of a document."""
        named = self.model_copy()
        named._user = user
        return named

    @property
    def user(self) -> str | None:
        return self._user


class LoadChoice(Result):
    """A way out where a model does not fit now. `type_this`: the exact words to type."""

    way: Literal["wait", "device", "config", "beside"]
    why: Message
    type_this: str

    def __str__(self) -> str:
        return f"{self.why}: {self.type_this}"


class LoadCheck(Result):
    """Whether a model fits on a device beside what others hold there.

    state       fits · busy: it fits, and others compute there · short: not beside what others hold · too_large: not
                even alone · unknown: its size or the free memory is not known
    needed_bytes  by forecast
    free_bytes  now, and what the own engine there gives back first
    others_bytes  held by others; None: not known
    kernel_time_share  of the GPU, whoever's; others_cores: cores that others use
    holders     who holds most of it; None: the list is hidden from here
    """

    device: str
    state: LoadState
    needed_bytes: int | None
    free_bytes: int | None
    others_bytes: int | None
    kernel_time_share: float | None = None
    others_cores: float | None = None
    holders: tuple[Neighbour, ...] | None = None
    choices: tuple[LoadChoice, ...] = ()
    text: Message

    def __str__(self) -> str:
        return str(self.text)


class Sharing(Result):
    """Who uses a device beside this notebook, in a look of `seconds`.

    verdict       alone · shared: something of others would be in a measurement · unknown: it cannot be told from here
    cores         of this machine; others_cores that others used, hidden ones too
    available_bytes, memory_bytes  of the machine (the container's limit, where there is one)
    neighbours    the processes that use most, seen from here
    gpu_others_share  of the GPU's time that others' work took; None: not told, or no GPU
    gpu_holders   others that hold memory there; None: hidden, or no GPU
    timed_run     that another workbench has on the device now
    load          whether what was asked about fits; None: nothing was asked about
    """

    device: str
    name: str
    verdict: Literal["alone", "shared", "unknown"]
    text: Message
    seconds: float
    cores: int
    others_cores: float | None
    memory_bytes: int
    available_bytes: int
    neighbours: tuple[Neighbour, ...] = ()
    gpu_used_bytes: int | None = None
    gpu_total_bytes: int | None = None
    gpu_kernel_time_share: float | None = None
    gpu_others_share: float | None = None
    gpu_holders: tuple[Neighbour, ...] | None = None
    timed_run: TimedRun | None = None
    load: LoadCheck | None = None
    remarks: tuple[Message, ...] = ()
