"""Where the bytes of a loaded model are: by number format and by role, quantisation state included."""

from typing import Literal

from workbench.results.base import Result
from workbench.words import text
from workbench.words.message import Message

Role = Literal["embedding", "attention", "mlp", "experts", "head", "norm", "other"]
ROLES: tuple[Role, ...] = ("embedding", "attention", "mlp", "experts", "head", "norm", "other")
FULL = ("float64", "float32", "bfloat16", "float16")


class Share(Result):
    """One cell of the table.

    format       what the numbers are kept in: a torch dtype ("bfloat16"), or int8, int4, nf4, fp4, float8_e4m3fn of a
                 library
    values       how many weights (a packed byte holds two of 4 bits)
    bytes        of their storage, each counted once, with `state_bytes`: scales, zero points, code tables
    """

    role: Role
    format: str
    values: int
    bytes: int
    state_bytes: int = 0


class Left(Result):
    """Weights that the asked format could have been expected for and that are kept in another.

    names  of a few modules or parameters, as examples; `count`: of all of them
    """

    role: Role
    format: str
    values: int
    bytes: int
    count: int
    names: tuple[str, ...]
    why: Message


class Census(Result):
    """A model's bytes.

    asked, ran   the knob's word, and what the model's modules say
    loaded       as it came from the files; empty where that was not counted (a model that was attached)
    now          after the first forward pass, which repacks some formats
    left         what stayed in full although it was asked otherwise, largest first
    sentence     the one thing to know
    """

    asked: str
    ran: str
    loaded: tuple[Share, ...]
    now: tuple[Share, ...]
    left: tuple[Left, ...] = ()
    sentence: Message

    @property
    def bytes(self) -> int:
        return sum(share.bytes for share in self.now)

    @property
    def values(self) -> int:
        return sum(share.values for share in self.now)

    @property
    def quantized_share(self) -> float:
        """Of all weights, embedding, head and norms among them, those kept in a quantised format."""
        quantized = sum(share.values for share in self.now if share.format not in FULL)
        return quantized / self.values if self.values else 0.0

    def by(self, what: Literal["role", "format"]) -> dict[str, int]:
        """role or format -> bytes, now."""
        found: dict[str, int] = {}
        for share in self.now:
            found[getattr(share, what)] = found.get(getattr(share, what), 0) + share.bytes
        return found


def role_words(role: str) -> str:
    """A part of the model as people read it."""
    return text(f"role.{role}")
