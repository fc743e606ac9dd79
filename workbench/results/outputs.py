"""Results that are not measurements: a forecast, a snippet."""

from workbench.results.base import Result
from workbench.words import Message


class Forecast(Result):
    """Bytes and limits before anything is loaded. `decode_limit_tps` None: the bandwidth was not measured."""

    weights: int
    kv_cache: int
    workspace: int
    available: int | None
    fits: bool | None
    decode_limit_tps: float | None
    estimated: tuple[Message, ...] = ()

    @property
    def total(self) -> int:
        return self.weights + self.kv_cache + self.workspace


class Snippet(Result):
    """Code to take home. `files`: name -> content, the main one included; `expected`: numbers it should reproduce."""

    target: str
    code: str
    files: dict[str, str]
    expected: dict[str, float] = {}
