"""One set of prompts of unequal length, served in several ways: what each gains, wastes and changes."""

from typing import Literal

from workbench.results.agreement import Divergence
from workbench.results.base import Interval, Result
from workbench.results.comparison import NoiseFloor
from workbench.results.resolved import Resolved
from workbench.results.workload import Workload
from workbench.words.message import Message

WAYS = ("one_by_one", "padded", "bucketed", "packed", "continuous")


class Requests(Result):
    """Tokens of each prompt, in the order of the requests."""

    lengths: tuple[int, ...]


class Shapes(Result):
    """What the forward passes of one run computed, counted on their inputs.

    prompt_positions  computed for prompts: passes over more than one position a row
    answer_positions  computed for answers, one a row and pass
    padding           share of the prompt's positions that are padding
    idle              share of the answers' positions that belong to answers which had ended
    passes            forward passes
    """

    prompt_positions: int
    answer_positions: int
    padding: float
    idle: float
    passes: int


class SameTokens(Result):
    """Whether a way's answers are those of each prompt alone.

    differing     requests whose tokens are others somewhere
    first         of these the one with the largest margin, at its first other token
    near_tie      at every first other token the model's two choices lie closer than rounding moves them
    """

    requests: int
    differing: int
    first: Divergence | None = None
    near_tie: bool = True

    @property
    def ok(self) -> bool:
        return not self.differing or self.near_tie


class BatchingWay(Result):
    """One way of serving them. `why_not`: the reason why there are no numbers.

    batches           rows of each batch, in the order they ran; of continuous batching the most at once
    mean, ci95        metric -> mean over the rounds and its 95 % interval
    ratio, ratio_ci95  metric -> this way ÷ padded, paired by round; empty for padded itself
    attention         that was in force while it ran
    shapes            None: not measured (CUDA graphs hide them)
    cache_bytes       that were reserved beforehand (continuous batching)
    setup_s           before the first request, apart from all numbers
    """

    name: Literal["one_by_one", "padded", "bucketed", "packed", "continuous"]
    why_not: Message | None = None
    batches: tuple[int, ...] = ()
    rounds: int = 0
    mean: dict[str, float] = {}
    ci95: dict[str, Interval] = {}
    ratio: dict[str, float] = {}
    ratio_ci95: dict[str, Interval] = {}
    shapes: Shapes | None = None
    tokens: SameTokens | None = None
    peak_bytes: int | None = None
    cache_bytes: int | None = None
    setup_s: float | None = None
    attention: str = ""
    verdict: Message | None = None


class Batching(Result):
    """The ways beside each other, in interleaved rounds over one resident model.

    lengths   tokens of each prompt; answers: new tokens of each. All requests arrive at once, at time 0
    floor     of neighbouring runs of one way: what chance shows
    buckets   how requests were bucketed: {"count": 4} or {"width": 64}
    """

    lengths: tuple[int, ...]
    answers: tuple[int, ...]
    ways: tuple[BatchingWay, ...]
    buckets: dict[str, int]
    floor: NoiseFloor
    stopped_by: Literal["precision", "budget"]
    resolved: Resolved
    workload: Workload
    cpu_busy_elsewhere: float | None = None
    seconds: float
    flags: tuple[Message, ...] = ()

    def of(self, name: str) -> BatchingWay:
        """KeyError for a way that was not asked for."""
        return {way.name: way for way in self.ways}[name]  # type: ignore[index]
