"""Which tokens begin, end and fill a row: who says so, what is in force, what the model does, what to change."""

from typing import Any, ClassVar, Literal

from workbench.results.agreement import Divergence
from workbench.results.base import Result
from workbench.words.message import Message

ROLES = ("bos", "eos", "pad", "unk")
# tokenizer: as it was loaded, before the bench changed it; in_force: what generate and padding use now
SOURCES = ("tokenizer", "tokenizer_config", "config", "generation_config", "in_force")
# special: stands for no text · text: ordinary text has it · unnamed: a row of the embedding without a token · beyond
Meaning = Literal["special", "text", "unnamed", "beyond"]
Outcome = Literal["passed", "tie", "failed", "undecided", "not_run"]
Severity = Literal["error", "warning", "note"]


class Token(Result):
    """One id. `text` is what it decodes to, control characters and all; None where the tokenizer has no such token."""

    id: int
    text: str | None
    means: Meaning


class TokenRow(Result):
    """One role. `stated`: source -> its ids; an empty tuple: unset; a missing source: there is no such file."""

    role: str
    stated: dict[str, tuple[Token, ...]]

    def ids(self, source: str) -> tuple[int, ...]:
        return tuple(token.id for token in self.stated.get(source, ()))


class ChatTemplate(Result):
    """The chat template, from what it makes of marked messages.

    problem            why it does not render; None: it does
    keeps_text         whether what a user says is in what it makes
    generation_prompt  what it writes in front of an answer, "" for nothing
    end                the token that it writes after an answer; None: none was found
    writes_bos, tokenizer_adds_bos  both: text from the template, tokenised as any other text, begins twice
    split              control tokens that it writes and the tokenizer takes apart
    """

    problem: str | None = None
    keeps_text: bool = True
    generation_prompt: str = ""
    end: Token | None = None
    writes_bos: bool = False
    tokenizer_adds_bos: bool = False
    split: tuple[str, ...] = ()


class RowStop(Result):
    """How one answer ended: by `ended_by`, or at the length allowed (None). `passed`: an end token that it ran past.

    met  end token in force or stated anywhere -> its first place in the answer
    """

    tokens: int
    text: str
    ended_by: Token | None = None
    passed: Token | None = None
    met: dict[int, int] = {}

    @property
    def early(self) -> bool:
        """Ended, with nothing said or in the middle of text."""
        return self.ended_by is not None and (not self.text.strip() or self.ended_by.means == "text")


class KnobEffect(Result):
    """What one value of a knob does to rows of unlike length.

    same    rows whose next token is the one that they have alone, of `rows`
    excess  the distance of the logits from those of each row alone, ÷ that of one more rounding (workbench.rounding)
    """

    knob: str
    value: Any
    in_force: bool
    same: int
    rows: int
    excess: float
    agrees: bool


class EndEffect(Result):
    """What a set of end tokens does to the answers that were tried: `ended` of `rows` have one of them."""

    ids: tuple[int, ...]
    in_force: bool
    ended: int
    rows: int


class TokenCheck(Result):
    """One thing that was tried on the live model: left_pad, batch, stop, round_trip or template.

    tie           tokens part where rounding decides; that is no failure
    excess        as in KnobEffect
    divergence    the first token at which a row in a batch parts from the row alone, with the margin of its logit
    """

    name: str
    outcome: Outcome
    sentence: Message
    excess: float | None = None
    divergence: Divergence | None = None
    stops: tuple[RowStop, ...] = ()
    ends: tuple[EndEffect, ...] = ()


class TokenFacts(Result):
    """What the probe saw.

    vocabulary     rows of the embedding
    sampling       what the checkpoint's generation config says where it samples by default
    pad_candidate  a token that the tokenizer has for padding alone
    borrowed       random weights of a published size go with the demo's tokenizer: its ids and theirs do not belong
    """

    rows: tuple[TokenRow, ...]
    vocabulary: int
    padding_side: dict[str, str]  # tokenizer, in_force
    attention_mask: str
    sampling: dict[str, Any] = {}
    stop_strings: tuple[str, ...] = ()
    pad_candidate: int | None = None
    borrowed: bool = False
    template: ChatTemplate | None = None
    checks: tuple[TokenCheck, ...] = ()
    effects: tuple[KnobEffect, ...] = ()
    flags: tuple[Message, ...] = ()
    seconds: float = 0.0

    def row(self, role: str) -> TokenRow:
        return next(row for row in self.rows if row.role == role)

    def check(self, name: str) -> TokenCheck | None:
        return next((check for check in self.checks if check.name == name), None)


class TokenFinding(Result):
    """One thing that is wrong or worth knowing.

    severity  error: answers are wrong with what is in force · warning: wrong in the files · note: good to know
    change    knob -> the value that repairs it; empty where no knob does
    """

    severity: Severity
    said: Message
    remedy: Message | None = None
    change: dict[str, Any] = {}

    @property
    def code(self) -> str:
        return self.said.code.removeprefix("tokens.found.").removesuffix("_seen")


class TokenReport(Result):
    """Facts, checks and findings; the worst come first.

    repair    the knob changes that put right what is in force: `session.apply(**report.repair)`
    repaired  what `session.repair()` changed before this report: knob -> (before, after)
    """

    KIND: ClassVar[str] = "tokens"

    facts: TokenFacts
    findings: tuple[TokenFinding, ...]
    repair: dict[str, Any] = {}
    repaired: dict[str, tuple[Any, Any]] = {}
    sentence: Message
    flags: tuple[Message, ...] = ()

    @property
    def ok(self) -> bool:
        """No error: nothing that is in force makes an answer wrong, as far as was tried."""
        return not any(finding.severity == "error" for finding in self.findings)

    def found(self, code: str) -> TokenFinding | None:
        return next((finding for finding in self.findings if finding.code == code), None)
