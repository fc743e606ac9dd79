"""What a server that a configuration was handed to gave: its tokens, its answers, its speed under load."""

from typing import Literal

from workbench.results.base import Interval, Result
from workbench.words.message import Message

# how the tokens of an answer were counted: by the server, by the bench's tokenizer, or not at all
Counted = Literal["usage", "tokenizer", "chunks"]


class EndpointReference(Result):
    """What the bench itself makes of the prompts that a server is asked.

    prompts  token ids as the model's own chat template and tokenizer give them, in the order they were asked for
    answers  greedy ones to the first of them
    dtype    the number format of the bench's computation
    chat     whether the model has a chat template; rendered: the prompts as text, through it
    plain    token ids of texts that were to be counted, without special tokens
    end_ids  of the end tokens in force
    """

    model: str
    dtype: str
    chat: bool
    prompts: tuple[tuple[int, ...], ...]
    rendered: tuple[str, ...]
    plain: tuple[tuple[int, ...], ...]
    answers: tuple["EndpointOwnAnswer", ...]
    end_ids: tuple[int, ...]


class EndpointOwnAnswer(Result):
    """One greedy answer of the bench.

    tokens       with the end token, where it has one (`ended`)
    pieces       readable text of each token, special tokens left out
    likely       of each step: the most likely tokens, the chosen one first
    logits       theirs
    likely_text  theirs, as text
    rounding     largest |Δlogit| along the answer when every attention output is rounded once more as the bench does
    rounding_16  the same for a rounding to bfloat16
    """

    tokens: tuple[int, ...]
    pieces: tuple[str, ...]
    ended: bool
    likely: tuple[tuple[int, ...], ...]
    logits: tuple[tuple[float, ...], ...]
    likely_text: tuple[tuple[str, ...], ...]
    rounding: float
    rounding_16: float

    full: bool  # as long as was asked: whether its end token or the limit ended it, servers tell either way

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class EndpointPrompt(Result):
    """One prompt as both count it. `same_ids` None: the server does not tell its token ids."""

    name: str
    bench: int
    server: int | None
    same_ids: bool | None = None


class EndpointTokens(Result):
    """Whether the server renders the same chat template and uses the same tokenizer.

    way       ids: token ids were compared · counts: the server's own count of prompt tokens · none: it tells neither
    same      None where nothing could be compared
    """

    prompts: tuple[EndpointPrompt, ...]
    way: Literal["ids", "counts", "none"]
    same: bool | None
    verdict: Message


class EndpointAnswer(Result):
    """One greedy answer, the server's against the bench's.

    compared_by  ids, where the server tells them, or text
    parts_at     the bench's new token at which they part, from 0; None: the same throughout
    margin       the bench's logit of its own token minus that of the server's there, at least; None: the server's
                 token is not known
    tie          how small that is: bench (one rounding in the bench's own format explains it), 16 bits (one in bfloat16
                 does), none; None: they do not part
    ended        bench, server: by an end token; None: not told
    """

    prompt: str
    compared_by: Literal["ids", "text"]
    parts_at: int | None
    margin: float | None
    tie: Literal["bench", "16 bits", "none"] | None
    ended: tuple[bool, bool | None]
    bench_text: str
    server_text: str

    @property
    def same(self) -> bool:
        return self.parts_at is None


class EndpointGreedy(Result):
    """Greedy answers at temperature 0. `share`: of identical ones, with its Wilson interval."""

    answers: tuple[EndpointAnswer, ...]
    share: float
    share_ci95: Interval
    verdict: Message


class EndpointLatency(Result):
    """Seconds over `n` samples. p50 from 3, p95 from 20, p99 from 100 samples; intervals: of order statistics, 95 %."""

    n: int
    mean: float
    p50: float | None
    p95: float | None
    p99: float | None
    p50_ci95: Interval | None = None
    p95_ci95: Interval | None = None


class EndpointTarget(Result):
    """What a good request stays within, seconds. None: not asked."""

    ttft_s: float | None = None
    tpot_s: float | None = None
    e2e_s: float | None = None


class EndpointLevel(Result):
    """One load: `concurrency` requests at a time (closed loop), or `rate` a second with Poisson arrivals (open loop).

    requests    that were begun: `ok` of them answered whole, `errors` by kind, `cut` still running when it was stopped
    seconds     from the first request to the last answer
    ttft, tpot, itl, e2e   vLLM's definitions, of whole answers; tpot None: the tokens were not counted;
                itl is the gap between two chunks of text, which hold one token each where `per_chunk` is 1
    counted     how tokens were counted
    good        requests that met the target; None: no target, or one on what was not measured
    own_share   the load generator's own CPU time ÷ wall time; `lag_s`: how late its loop was at most
    most_open   requests at once
    ended_by    requests: all were done · budget · stop
    """

    concurrency: int | None = None
    rate: float | None = None
    requests: int
    ok: int
    errors: dict[str, int] = {}
    cut: int = 0
    seconds: float
    rps: float
    output_tps: float | None = None
    new_tokens: float | None = None
    prompt_tokens: float | None = None
    per_chunk: float | None = None
    counted: Counted
    ttft: EndpointLatency | None = None
    tpot: EndpointLatency | None = None
    itl: EndpointLatency | None = None
    e2e: EndpointLatency | None = None
    good: int | None = None
    goodput_rps: float | None = None
    goodput_ci95: Interval | None = None
    own_share: float
    lag_s: float
    most_open: int
    ended_by: Literal["requests", "budget", "stop"]


class Endpoint(Result):
    """A server as it was found. Nothing in it names its host.

    served      the model's name there; local: on this machine; software: what its `Server` header says
    streams, done, usage   whether it streams, ends a stream with [DONE], and counts tokens
    warm_up_s   each request of the warm-up, the first one included; in none of the levels
    bench       numbers of the bench's own last measurement, for orientation: no forecast of serving
    """

    served: str
    local: bool
    software: str | None = None
    api: Literal["chat", "completions"]
    streams: bool | None = None
    done: bool | None = None
    usage: bool | None = None
    tokens: EndpointTokens | None = None
    greedy: EndpointGreedy | None = None
    target: EndpointTarget = EndpointTarget()
    prompts: int
    new_tokens: int
    seed: int = 0
    warm_up_s: tuple[float, ...] = ()
    levels: tuple[EndpointLevel, ...] = ()
    bench: dict[str, float] = {}
    stopped: bool = False
    seconds: float
    flags: tuple[Message, ...] = ()
