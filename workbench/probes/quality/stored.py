"""The file of a reference's logits: made row by row, bounded, one safetensors file with a hash beside."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from workbench.errors import ModelError, StoreError
from workbench.probes.quality.distributions import Kept
from workbench.results import Reference
from workbench.runs import artifact, writing_artifact
from workbench.runs.references import kept_of


class Shelf:
    """All positions of a reference while it is made, on the host."""

    def __init__(self, positions: int, vocabulary: int, most: int | None = None) -> None:
        self.most = kept_of(positions, vocabulary) if most is None else most
        width = self.most or vocabulary
        self._kept = Kept(
            logp=torch.zeros(positions, width, dtype=torch.float16),
            ids=torch.zeros(positions, width, dtype=torch.int32) if self.most else None,
            tail=torch.zeros(positions),
            tail_plogp=torch.zeros(positions),
            target_logp=torch.zeros(positions),
            top=torch.zeros(positions, dtype=torch.int32),
            bad=torch.zeros(positions, dtype=torch.bool),
        )

    def put(self, start: int, rows: Kept) -> None:
        for name, part in vars(rows).items():
            if part is not None:
                getattr(self._kept, name)[start : start + len(part)] = part.cpu()

    def __getitem__(self, where: slice) -> Kept:
        return self._kept[where]

    @property
    def tail(self) -> float:
        return self._kept.tail.mean().item()

    def write(self, name: str) -> Path:
        """As the artifact of that name. StoreError when the disk refuses."""
        tensors = {part: tensor for part, tensor in vars(self._kept).items() if tensor is not None}
        with writing_artifact(name) as path:
            save_file(tensors, path)
        return artifact(name)


class Stored:
    """A reference on disk, read a stretch at a time. `with Stored(reference) as stored: stored[10:20]`."""

    def __init__(self, reference: Reference) -> None:
        self._path = artifact(reference.name)
        self._name = reference.name
        self._file: Any = None

    def __enter__(self) -> Self:
        try:
            self._file = safe_open(self._path, framework="pt")
            self._file.__enter__()
        except OSError as error:
            raise StoreError("runs.artifact_failed", name=self._name, problem=str(error)) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, traceback)

    def __getitem__(self, where: slice) -> Kept:
        names = self._file.keys()
        parts = {name: self._file.get_slice(name)[where] for name in names}
        return Kept(**{"ids": None, **parts})


def refuse_other_vocabulary(reference: Reference, vocabulary: int, model: str) -> None:
    """ModelError when the reference is of another vocabulary: its positions cannot be laid beside the model's."""
    if reference.vocabulary != vocabulary:
        raise ModelError("quality.vocabulary", name=model, stored=reference.vocabulary, vocabulary=vocabulary)
