"""The models on this machine, as data."""

from typing import Literal

from workbench.results.base import Result
from workbench.words.message import Message

Place = Literal["demo", "named", "here", "converted", "huggingface", "modelscope", "shared", "catalogue"]
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


class Inventory(Result):
    """`available_bytes`: free on the device that a Session would take, as of now; None: not known.

    unreadable  folders that were named and could not be listed, with the reason
    """

    device: str
    available_bytes: int | None = None
    entries: tuple[ModelEntry, ...]
    unreadable: tuple[Message, ...] = ()
