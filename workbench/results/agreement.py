"""Whether two configurations compute the same: how far their logits are apart, and whether rounding explains it."""

from typing import Any, Literal

from workbench.results.base import Result
from workbench.words.message import Message

Level = Literal["same", "agrees", "rounding", "lossy", "wrong"]


class LogitDistance(Result):
    """b's logits against a's over the same tokens.

    positions       how many next-token distributions were compared
    max_logit_diff  largest |Δlogit|
    kl_mean, kl_max  KL(a ‖ b) of a position in nats: the mean and the largest
    same_top        share of positions with the same most likely token
    """

    positions: int
    max_logit_diff: float
    kl_mean: float
    kl_max: float
    same_top: float


class Divergence(Result):
    """The first token at which greedy decoding parts: `index` counts new tokens from 0.

    margin  a's logit of its own token minus its logit of b's: near 0, rounding decides
    """

    row: int
    index: int
    token_a: int
    token_b: int
    text_a: str
    text_b: str
    margin: float


class Agreement(Result):
    """b's answers against a's, both forced along the same tokens.

    a, b              the configurations, as dicts of knobs
    prefill           over a text in one pass
    decode            along a's greedy continuation, one token a step over the KV cache
    rounding          what one more rounding of every attention output does to a's own prefill: the yardstick
    rounding_dtype    the number format of that rounding
    excess            the larger of the two paths' distances ÷ the yardstick's, as a ratio of |Δlogit| (√KL)
    level             same (bit for bit), agrees, rounding, lossy (a knob that is meant to lose) or wrong
    first_divergence  None: the same tokens throughout
    """

    a: dict[str, Any]
    b: dict[str, Any]
    prefill: LogitDistance
    decode: LogitDistance
    rounding: LogitDistance
    rounding_dtype: str
    excess: float
    level: Level
    verdict: Message
    first_divergence: Divergence | None = None
    flags: tuple[Message, ...] = ()
