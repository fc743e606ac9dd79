"""What a pasted script means: the base line, the marks on its arguments, and the script with them mended."""

import difflib
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator

from workbench.config import Config
from workbench.pasted.edits import Edit, mended
from workbench.results.base import Result, document
from workbench.results.workload import Workload
from workbench.words import parts
from workbench.words.message import Message

Kind = Literal["unknown", "deprecated", "ignored", "harmful", "refused", "unsupported"]


class Mark(BaseModel):
    """One argument that does not do what it looks like.

    line      from 1; column and end: from 0, in characters of that line (`end`: of the first line, where it is longer)
    argument  its name
    rule      which entry of `workbench.pasted.marks.RULES` made it
    kind      unknown: no such argument · deprecated: an older name, still read · ignored: read by nobody, or without
              effect here · harmful: works, and costs time, memory or text · refused: raises · unsupported: outside
              what a base line can hold
    said      what, why, instead: a code with parameters
    source    what the mark rests on: the exception that was raised, or the file that was read, with its version
    edits     what mends it in the script; none: it stays as it is
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    line: int
    column: int
    end: int
    argument: str
    rule: str
    kind: Kind
    said: Message
    source: str
    edits: tuple[Edit, ...] = ()

    @property
    def what(self) -> str:
        return self._part(0)

    @property
    def why(self) -> str:
        return self._part(1)

    @property
    def instead(self) -> str:
        return self._part(2)

    def _part(self, place: int) -> str:
        return (*parts(self.said.code, self.said.params), "", "")[place]


class Pasted(Result):
    """A script as it was read.

    text        the script; of a notebook file its code cells, joined
    model       what it loads; None: only running it would tell. `others`: further models in it
    revision    of the model
    knobs       a value for each knob that means what the script does
    said        the knobs whose values stand in the script
    prompts     literal prompts; workload: what follows for a measurement
    unknowns    what cannot be known from the text, and what stands in the base line for it
    notes       what the base line cannot hold, and what was decided
    """

    text: str
    model: str | None
    revision: str | None
    others: tuple[str, ...]
    knobs: dict[str, Any]
    said: tuple[str, ...]
    prompts: tuple[str, ...]
    max_new_tokens: int | None
    batch_size: int | None
    marks: tuple[Mark, ...]
    unknowns: tuple[Message, ...]
    notes: tuple[Message, ...]

    @field_validator("knobs")
    @classmethod
    def _a_config(cls, value: dict[str, Any]) -> dict[str, Any]:
        return Config(**value).to_dict()

    @property
    def config(self) -> Config:
        """The base line. Its device may be one that this machine lacks."""
        return Config(**self.knobs)

    @property
    def workload(self) -> Workload:
        """What the script generates, as a measurement: its prompts where they are known, else 256 tokens in."""
        new = {} if self.max_new_tokens is None else {"new_tokens": max(2, self.max_new_tokens)}
        rows = {"batch_size": self.batch_size} if self.batch_size else {}
        prompts = {"prompts": self.prompts} if self.prompts else {}
        return Workload(**new, **rows, **prompts)

    @property
    def corrected(self) -> str:
        """The script with its marked arguments mended; all else is as it was, byte for byte."""
        return mended(self.text, [mark.edits for mark in self.marks])[0]

    @property
    def unmended(self) -> tuple[Mark, ...]:
        """Marks that `corrected` leaves: nothing that is safe can be written there."""
        applied = mended(self.text, [mark.edits for mark in self.marks])[1]
        return tuple(mark for mark, done in zip(self.marks, applied, strict=True) if not done)

    @property
    def diff(self) -> str:
        """From the script to `corrected`, as `diff -u` writes it; "" where they are equal."""
        lines = difflib.unified_diff(
            self.text.splitlines(keepends=True),
            self.corrected.splitlines(keepends=True),
            "pasted.py",
            "corrected.py",
        )
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)

    def record(self) -> dict[str, Any]:
        """The document that `--json` prints."""
        return document("pasted", result=self, model=self.model, config=self.config, workload=self.workload)
