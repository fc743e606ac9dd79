"""A sentence as data, for what is stored or crosses a wire."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from workbench.words import parts


class Message(BaseModel):
    """A sentence as data: the code of its template and the values that fill it. `str()` gives the words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    params: dict[str, Any] = {}

    def __str__(self) -> str:
        return " ".join(part for part in parts(self.code, self.params) if part)

    def __hash__(self) -> int:
        return hash((self.code, repr(sorted(self.params.items()))))
