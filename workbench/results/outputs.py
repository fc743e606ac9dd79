"""Results that are not measurements: a forecast, a snippet."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from pydantic import PrivateAttr

from workbench.errors import CapabilityError
from workbench.results.base import Result
from workbench.results.verification import Verification
from workbench.words import Message, say
from workbench.words.format import size


class Fitting(Result):
    """How many rows fit at so many tokens of prompt and answer."""

    context: int
    batch_size: int


class PlaceForecast(Result):
    """What would lie in one place: a device, cpu, disk, or "rank device" of several ranks.

    layers    decoder layers there, whole; budget: what max_memory, or the libraries, let the weights take there
    free      of the place now; None: not known
    computes  False: what lies here waits, and comes for each pass
    """

    place: str
    weights: int
    layers: int
    budget: int | None
    free: int | None
    computes: bool

    @property
    def fits(self) -> bool | None:
        """Whether the weights alone fit into what is free."""
        return None if self.free is None else self.weights <= self.free


class Forecast(Result):
    """Bytes and limits before anything is loaded. `decode_limit_tps` None: the bandwidth was not measured.

    offloaded         of the weights: bytes that wait elsewhere (offloaded_layers); `weights` are those on the device
    format            what weights would be held in: a value of the knob quantization; "none": in full
    quantized_share   of all weights: what that format takes; the rest stays in full
    largest_batch     rows of the asked lengths that fit; 0: not one fits. None: the device's memory is not known
    largest_context   tokens of one row, prompt and answer, that fit, up to the model's own limit
    table             the largest batch at other lengths
    places            where the weights would lie, when device_map or ranks spread them; `weights`, `available` and
                      `fits` are then those of all places that compute, of ranks those of one
    estimated         what is estimated or assumed in these numbers
    """

    weights: int
    kv_cache: int
    workspace: int
    available: int | None
    fits: bool | None
    decode_limit_tps: float | None
    offloaded: int = 0
    format: str = "none"
    quantized_share: float = 0.0
    largest_batch: int | None = None
    largest_context: int | None = None
    table: tuple[Fitting, ...] = ()
    places: tuple[PlaceForecast, ...] = ()
    estimated: tuple[Message, ...] = ()

    @property
    def total(self) -> int:
        return self.weights + self.kv_cache + self.workspace

    @property
    def verdict(self) -> Message:
        """Whether it fits, and what would."""
        if self.available is None or self.largest_batch is None or self.largest_context is None:
            return say("forecast.unknown", total=size(self.total))
        parts = {"total": size(self.total), "available": size(self.available)}
        if self.weights > self.available:
            return say("forecast.weights_alone", weights=size(self.weights), available=parts["available"])
        code = "forecast.fits" if self.fits else "forecast.fits_not"
        return say(code, **parts, rows=self.largest_batch, tokens=self.largest_context)


class Snippet(Result):
    """Code to take home.

    code      the main file, which reads and runs by itself
    files     name -> content, the main one first
    expected  numbers it should reproduce
    config    the knobs that it stands for
    """

    target: str
    code: str
    files: dict[str, str]
    expected: dict[str, float] = {}
    config: dict[str, Any] = {}
    _verify: Callable[..., Verification] | None = PrivateAttr(default=None)

    def __str__(self) -> str:
        return self.code

    def save(self, folder: str | Path) -> tuple[Path, ...]:
        """Writes all files into `folder`, which is made where it is not there; their paths, the main one first."""
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(content, encoding="utf-8")
            if name.endswith(".sh"):
                (place / name).chmod((place / name).stat().st_mode | 0o111)
        return tuple(place / name for name in self.files)

    def verify(self, **options: Any) -> Verification:
        """Runs it in a process without the workbench, against the session that it came from (see `Session.verify`)."""
        if self._verify is None:
            raise CapabilityError("verify.unbound")
        return self._verify(self, **options)

    def bound_to(self, verify: Callable[..., Verification]) -> Self:
        """The same, knowing what `verify` calls."""
        bound = self.model_copy()
        bound._verify = verify
        return bound
