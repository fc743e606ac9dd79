"""A stored reference: what a model says of a text in full precision, described; its logits lie in a file beside."""

from typing import Any, Literal

from workbench.results.base import Result
from workbench.results.comparison import Way
from workbench.results.quality import QualityFloor, TokenPair
from workbench.words.message import Message

ANSWER_TOKENS = 48  # of every answer: the steps of the decode path


class ReferenceText(Result):
    """One passage as it was read.

    Position `start` + i of the file is what the model says after token `skip` + i of `tokens`.
    """

    domain: str
    tokens: tuple[int, ...]
    skip: int
    start: int

    @property
    def positions(self) -> int:
        return len(self.tokens) - 1 - self.skip


class ReferenceAnswer(Result):
    """The greedy answer to one prompt. Position `start` + i of the file is what the model said before its token i.

    tokens  every one that was produced; those after the first end token are no answer: `length` leaves them out
    pieces  of the answer alone, as text; `ended`: by an end token
    """

    domain: str
    prompt: str
    prompt_tokens: tuple[int, ...]
    tokens: tuple[int, ...]
    start: int
    length: int
    ended: bool
    pieces: tuple[TokenPair, ...]


class Reference(Result):
    """What stands beside the file of logits.

    name        of the file in artifacts/; `bytes` and `sha256` tell whether it is whole
    config      which it is; weight_bytes, dtype, quantization: of the model then, read back
    vocabulary  how many logits a position has; `kept`: how many of them are stored, 0 for all
    tail        mean probability of what is not stored
    choices     item -> option -> log-probability per token, of the suite's multiple-choice set; None: not finite
    routing     of models with routed experts: see `probes.quality.routing`
    seconds     that making it took
    """

    name: str
    config: dict[str, Any]
    weight_bytes: int
    dtype: str
    quantization: str
    suite: str
    suite_hash: str
    vocabulary: int
    kept: int
    tail: float
    texts: tuple[ReferenceText, ...]
    answers: tuple[ReferenceAnswer, ...]
    choices: tuple[tuple[float | None, ...], ...] = ()
    routing: Any = None
    floor: QualityFloor
    bytes: int
    sha256: str
    seconds: float


class QualityCost(Result):
    """What a quality diff takes before its numbers come.

    reference  "stored": on disk from before · else the way it is made: "live" (the resident model is it, or becomes it
               by a live change), "two_engines" (a second one beside), "alternating" (unload, run, restore)
    loads      of weights; load_seconds: of one, as the last took here; None: not measured
    bytes      of memory that a second engine takes; disk_bytes: of the file
    """

    reference: Literal["stored"] | Way
    config: dict[str, Any]
    loads: int
    load_seconds: float | None
    bytes: int
    disk_bytes: int
    text: Message

    def __str__(self) -> str:
        return str(self.text)
