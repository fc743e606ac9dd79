"""What speculation drafted, what was kept of it, and whether that gained time."""

from typing import Any

from workbench.results.base import Result
from workbench.results.comparison import Comparison
from workbench.results.resolved import Resolved
from workbench.words import text
from workbench.words.format import share
from workbench.words.message import Message


class Drafts(Result):
    """One answer, as transformers' own drafter was watched.

    drafter         the knob's word for the drafter that was made; "off": none was
    steps           checks of the model; drafting_steps: of them, those with a draft
    drafted, kept   tokens
    passes          forward passes of the model, prefill included; draft_passes: those of whoever drafted
    """

    drafter: str
    steps: int
    drafting_steps: int
    drafted: int
    kept: int
    passes: int
    draft_passes: int

    @property
    def acceptance(self) -> float | None:
        """Kept ÷ drafted; None where nothing was drafted."""
        return self.kept / self.drafted if self.drafted else None

    @property
    def told(self) -> str:
        """The share of the drafts that was kept, in words."""
        if self.acceptance is None:
            return text("speculation.nothing_drafted")
        return text("speculation.kept", share=share(self.acceptance))

    @property
    def kept_per_step(self) -> float | None:
        """Drafts kept in a step that had some, mean."""
        return self.kept / self.drafting_steps if self.drafting_steps else None


class SpeculationRun(Result):
    """One way of drafting on one task, against plain decoding, by pairs of whole answers that alternate.

    mode        the knobs that differ; task: its name; prompt: its text
    drafts      of one answer
    new_tokens  of it
    comparison  b is the speculating side; its `agreement` holds whether the tokens are the same
    load_s, assistant_bytes  of an assistant that had to be loaded for it; None: none, or it was there
    """

    mode: dict[str, Any]
    task: str
    prompt: str
    drafts: Drafts
    new_tokens: int
    comparison: Comparison
    load_s: float | None
    assistant_bytes: int
    verdict: Message

    @property
    def name(self) -> str:
        return str(self.mode["speculation"])

    @property
    def tokens_per_pass(self) -> float:
        return self.new_tokens / self.drafts.passes


class Speculation(Result):
    """Every mode on every task."""

    runs: tuple[SpeculationRun, ...]
    left_out: tuple[Message, ...] = ()
    config: dict[str, Any]
    seconds: float
    flags: tuple[Message, ...] = ()

    @property
    def resolved(self) -> Resolved:
        return self.runs[-1].comparison.resolved_b
