"""What keeping the KV cache of a prompt's beginning saves, and a cache that is kept on disk."""

from typing import Any, ClassVar

from workbench.results.agreement import Divergence, Level, LogitDistance
from workbench.results.base import Interval, Result
from workbench.results.comparison import NoiseFloor
from workbench.results.resolved import Resolved
from workbench.words.message import Message


class SavedPrefix(Result):
    """A KV cache in a file. It counts only while all that it depends on is the same.

    name      of the files in the home's artifacts: prefix-<name>.safetensors and .json
    tokens    that it holds, in `cache_bytes`; `bytes`, `sha256`: of the file
    text      that the tokens came from; None: of the built-in text
    identity  what makes it invalid when it changes -> its value: weights, tokenizer, dtype, attention, versions
    """

    name: str
    tokens: int
    cache_bytes: int
    bytes: int
    sha256: str
    text: str | None
    identity: dict[str, str]
    seconds: float


class PrefixPoint(Result):
    """One prefix: whole prompts computed anew (cold) against its KV cache continued (cached), by pairs that alternate.

    tokens          of the prefix; `reused` of them came from the cache, where its last tokens join those that follow
    prompt_tokens   of the whole prompts, their mean; `computed`: of them in the cached prefill, read from the model
    cache_bytes     of the prefix's cache; build_s: computing it once; load_s: reading and checking a saved one
    copy_s          of the copy that every prompt takes, a part of `cached_s`
    cold_s, cached_s  TTFT, mean over the pairs
    ratio, ci95     cached ÷ cold of TTFT; `seen`: outside chance (`noise_floor`, a ratio ≥ 1)
    proportion      the ratio if TTFT fell as the tokens to compute do: computed ÷ prompt tokens
    gain_share      of the saving that proportion would give: (1 − ratio) ÷ (1 − proportion)
    pays_from       prompts from which making (or loading) the cache has paid; None: no saving was seen
    distance, excess, level  of the logits along the cold answer, against one more rounding (`workbench.rounding`)
    first_divergence  where the greedy answers part, `row` counting the prompts; None: the same tokens
    """

    tokens: int
    reused: int
    prompt_tokens: float
    computed: float
    cache_bytes: int
    build_s: float | None
    load_s: float | None
    copy_s: float
    cold_s: float
    cached_s: float
    ratio: float
    ci95: Interval | None
    noise_floor: float | None
    seen: bool
    proportion: float
    gain_share: float
    pays_from: int | None
    distance: LogitDistance
    rounding: LogitDistance
    excess: float
    level: Level
    first_divergence: Divergence | None
    verdict: Message
    agreement: Message
    samples: tuple[tuple[float, float], ...]
    pairs: int
    set_aside: int
    floor: NoiseFloor
    stopped_by: str
    others_cores: float | None
    resolved: Resolved
    seconds: float


class PrefixReuse(Result):
    """Cold against cached TTFT over one or several prefixes; `prompts` follow each of them. `saved`: a cache's name."""

    KIND: ClassVar[str] = "prefix"

    points: tuple[PrefixPoint, ...]
    prompts: int
    new_tokens: int
    saved: str | None = None
    config: dict[str, Any]
    seconds: float
    flags: tuple[Message, ...] = ()

    @property
    def resolved(self) -> Resolved:
        return self.points[-1].resolved
