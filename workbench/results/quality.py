"""What a configuration did to a model's answers, against a reference of the same weights.

The statistics are those of llama.cpp's `llama-perplexity --kl-divergence` (tools/perplexity/perplexity.cpp); KLD is
Σ p_ref (ln p_ref − ln p) over the vocabulary, in nats. Intervals are of 95 %, by a bootstrap over blocks of positions,
because the tokens of a text are not independent.
"""

from typing import Any, ClassVar

from workbench.results.base import Interval, Result
from workbench.results.reasoning import Reasoning
from workbench.words import templates, text
from workbench.words.format import printable
from workbench.words.message import Message

PERCENTILES = ("max", "99.9", "99", "95", "90", "50", "10", "5", "1", "min")


class Perplexity(Result):
    """exp(mean −ln p of the text's own next token). `ratio` = candidate ÷ reference, paired by position.

    correlation  of −ln p between the two, over positions
    """

    value: float
    reference: float
    correlation: float | None
    ln_ratio: float
    ln_ratio_ci95: Interval
    ratio: float
    ratio_ci95: Interval
    difference: float
    difference_ci95: Interval


class Kld(Result):
    """Of one position: nats. `percentiles`: keys of PERCENTILES, those that the positions are too few for left out.

    by_block  sums over the blocks of the bootstrap, in order: two candidates are compared by them
    """

    mean: float
    mean_ci95: Interval
    percentiles: dict[str, float]
    by_block: tuple[float, ...] = ()


class DeltaP(Result):
    """p(token) of the candidate minus that of the reference, for the text's own next token."""

    mean: float
    mean_ci95: Interval
    rms: float
    rms_ci95: Interval
    percentiles: dict[str, float]


class Statistics(Result):
    """One path over some text: the whole block.

    positions  next-token distributions compared; `blocks`: of the bootstrap
    same_top   share of positions with the same most likely token
    tail_bound  nats that keeping only the most likely tokens of the reference can hide at most; 0: all were kept
    bad_positions  NaN or Inf in the logits: counted, left out of every mean, and named in the flags
    """

    positions: int
    blocks: int
    perplexity: Perplexity | None = None
    kld: Kld
    delta_p: DeltaP | None = None
    same_top: float
    same_top_ci95: Interval
    tail_bound: float = 0.0
    bad_positions: int = 0


class QualityFloor(Result):
    """The reference against itself, computed another way: what no candidate can be told apart from.

    kld_mean, same_top  of the way that differs most
    kld_high            the highest end of the 95 % intervals of the ways' mean KLD
    by                  way (attention, batch, padding, storage) -> mean KLD in nats
    """

    kld_mean: float
    kld_high: float = 0.0
    same_top: float
    by: dict[str, float]

    @property
    def reach(self) -> float:
        """Mean KLD in nats up to which nothing is told apart."""
        return max(self.kld_mean, self.kld_high)


class TokenPair(Result):
    """One step of an answer: what was written, how likely it was (0 to 1), and the runner-up's share."""

    text: str
    p: float
    top_p: float = 0.0


class AnswerPair(Result):
    """The greedy answers of reference and candidate to one prompt.

    parts_at    index of the first new token that differs; None: the same throughout
    margin      the reference's logit of its own token minus that of the candidate's there: near 0, rounding decides
    """

    prompt: str
    domain: str
    reference: tuple[TokenPair, ...]
    candidate: tuple[TokenPair, ...]
    parts_at: int | None
    margin: float | None = None

    @property
    def reference_text(self) -> str:
        return "".join(token.text for token in self.reference)

    @property
    def candidate_text(self) -> str:
        return "".join(token.text for token in self.candidate)


class Degeneration(Result):
    """How answers go wrong, of reference and candidate: shares of answers, unless it says otherwise.

    repeat_4gram  share of 4-grams of tokens that were there before
    ended         by an end token within the limit; `looping`: the tail repeats itself
    unbalanced    brackets, quotes or full-width punctuation left open or mixed with half-width in Chinese
    ended_early   of the candidate's: ended before half the length of the reference's; `end_missing`: not ended where
                  the reference's is
    """

    answers: int
    repeat_4gram: tuple[float, float]
    ended: tuple[float, float]
    looping: tuple[float, float]
    unbalanced: tuple[float, float]
    ended_early: float = 0.0
    end_missing: float = 0.0


class AnswerFlips(Result):
    """A multiple-choice set, each option scored by its log-probability per token.

    flips     items whose chosen option changed; `accuracy`: of (reference, candidate)
    """

    items: int
    flips: int
    flip_share: float
    flip_share_ci95: Interval
    accuracy: tuple[float, float]
    changed: tuple[str, ...] = ()  # ids of the items


class QualityDiff(Result):
    """A candidate against the reference.

    reference, candidate  dicts of knobs
    suite        name and version of the text, or "file" for a person's own; `suite_hash`: of what was really run
    overall      all positions of the teacher-forced text; `by_domain`: domain -> the same
    decode_path  along the reference's own greedy answers, one token a step over the KV cache
    routing      share of routed-expert choices that changed, on models that have them
    calibrated_by  the text that made the candidate's weights, where one did
    seconds      the candidate's part took; `reference_seconds`: making the reference, 0 when it was on disk
    """

    KIND: ClassVar[str] = "quality"

    reference: dict[str, Any]
    candidate: dict[str, Any]
    suite: str
    suite_hash: str
    overall: Statistics
    by_domain: dict[str, Statistics]
    noise_floor: QualityFloor
    decode_path: Statistics | None = None
    answers: tuple[AnswerPair, ...] = ()
    degeneration: Degeneration | None = None
    choices: AnswerFlips | None = None
    reasoning: Reasoning | None = None
    routing: float | None = None
    calibrated_by: str | None = None
    weight_bytes: int
    reference_bytes: int
    verdict: Message
    seconds: float
    reference_seconds: float
    flags: tuple[Message, ...] = ()

    @property
    def kld_mean(self) -> float:
        return self.overall.kld.mean

    @property
    def kld_mean_ci95(self) -> Interval:
        return self.overall.kld.mean_ci95

    @property
    def same_top(self) -> float:
        return self.overall.same_top

    @property
    def same_top_ci95(self) -> Interval:
        return self.overall.same_top_ci95

    @property
    def ppl_ratio(self) -> float | None:
        return self.overall.perplexity.ratio if self.overall.perplexity else None

    @property
    def ppl_ratio_ci95(self) -> Interval | None:
        return self.overall.perplexity.ratio_ci95 if self.overall.perplexity else None

    @property
    def first_divergence(self) -> AnswerPair | None:
        """The answer that parts first; None when all are the same."""
        parting = [answer for answer in self.answers if answer.parts_at is not None]
        return min(parting, key=lambda answer: answer.parts_at or 0, default=None)


class Sensitive(Result):
    """One module or group of modules in the candidate.

    error        ‖output − output with full weights‖ ÷ ‖output with full weights‖ for the same inputs; the mean of the
                 group's modules
    kld_without  mean KLD of the candidate with this group left in full; None: not measured
    gain_ci95    of the KLD that this gains, paired by position
    more_bytes   that leaving it in full takes
    """

    names: tuple[str, ...]
    label: str
    error: float
    kld_without: float | None
    gain_ci95: Interval | None = None
    more_bytes: int


class Sensitivity(Result):
    """Which modules the quantisation hurts: groups ranked by what leaving them in full gains, per byte.

    kld            of the candidate as it is, over `positions`
    suggestion     names for the knob skip_modules, with the KLD measured with all of them in full; empty: none helps
    """

    candidate: dict[str, Any]
    positions: int
    kld: float
    groups: tuple[Sensitive, ...]
    suggestion: tuple[str, ...]
    suggestion_kld: float | None
    suggestion_more_bytes: int
    weight_bytes: int
    sentence: Message
    seconds: float
    flags: tuple[Message, ...] = ()


def domain_words(name: str) -> str:
    """A domain of a suite as people read it. Not escaped."""
    code = f"domain.{name}"
    return text(code) if code in templates() else printable(name, 60)
