"""The models on this machine, as data."""

from typing import Literal

from workbench.results.base import Result
from workbench.words import text
from workbench.words.format import printable, size
from workbench.words.message import Message

Place = Literal["demo", "named", "here", "converted", "quantized", "huggingface", "modelscope", "shared", "catalogue"]
Format = Literal["safetensors", "gguf", "pickle"]


class ModelEntry(Result):
    """One model that can be named to a Session. What its files do not tell is None.

    name          what to give to `Session`
    place         where it was found; "catalogue": only its architecture is known, `random:` fills it with chance
    bytes         of the weights on this disk
    dtype         that most of the bytes are in, as the files have it
    model_class   of transformers, as config.json names it; a GGUF file's architecture
    quantization  method and bits
    problem       why it cannot be opened as it is
    needs_bytes   weights, cache and workspace in the default config and workload (`workbench.forecast`)
    """

    name: str
    place: Place
    format: Format | None = None
    bytes: int | None = None
    dtype: str | None = None
    model_type: str | None = None
    model_class: str | None = None
    parameters: int | None = None
    quantization: str | None = None
    problem: Message | None = None
    needs_bytes: int | None = None
    fits: bool | None = None

    def fit_words(self) -> str:
        """yes or no with the bytes it takes; damaged; unknown."""
        if self.problem is not None:
            return text("inventory.damaged")
        if self.needs_bytes is None:
            return text("inventory.fits_unknown")
        code = {None: "needs_only", True: "fits", False: "fits_not"}[self.fits]
        return text(f"inventory.{code}", needs=size(self.needs_bytes))

    def cells(self) -> tuple[str, ...]:
        """name, place, size, format, dtype, class, quantisation, fits: in words, each printable and cut to length."""
        none = text("inventory.none")
        return (
            printable(self.name, 80),
            text(f"inventory.place.{self.place}"),
            none if self.bytes is None else size(self.bytes),
            self.format or none,
            printable(self.dtype or none, 20),
            printable(self.model_class or self.model_type or none, 32),
            printable(self.quantization or none, 24),
            self.fit_words(),
        )


class Inventory(Result):
    """`available_bytes`: free on the device that a Session would take, as of now; None: not known.

    unreadable  folders that were named and could not be listed, with the reason
    """

    device: str
    available_bytes: int | None = None
    entries: tuple[ModelEntry, ...]
    unreadable: tuple[Message, ...] = ()
