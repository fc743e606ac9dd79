"""A long input in one pass against windows that slide over it."""

from workbench.results.base import Interval, Result
from workbench.words.message import Message


class Reading(Result):
    """One way of reading a text.

    passes       forward passes; `tokens`: that went through the model, those read twice counted twice
    nll          mean −ln p of the text's tokens, each scored once; `last_nll`: of those the last window scores
    peak_bytes   highest memory during it, by `peak_method`
    """

    passes: int
    tokens: int
    seconds: float
    seconds_ci95: Interval
    peak_bytes: int
    nll: float
    nll_ci95: Interval
    last_nll: float
    last_nll_ci95: Interval


class Windows(Result):
    """`one_pass` is None where the text is longer than the context; then there is nothing to compare with.

    tokens       of the text; `last_tokens`: that the last window scores
    time_ratio   windows ÷ one pass, by `rounds` pairs in alternating order
    nll_difference, last_difference  windows − one pass, paired by position, nats
    """

    tokens: int
    size: int
    overlap: int
    last_tokens: int
    rounds: int
    windows: Reading
    one_pass: Reading | None
    time_ratio: float | None = None
    time_ratio_ci95: Interval | None = None
    nll_difference: float | None = None
    nll_difference_ci95: Interval | None = None
    last_difference: float | None = None
    last_difference_ci95: Interval | None = None
    peak_method: str
    verdict: Message
    seconds: float
    flags: tuple[Message, ...] = ()
