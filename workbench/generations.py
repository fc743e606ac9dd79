"""What a session says of generated text: tokens aligned, batches full, prefixes reused, choices of decoding."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from workbench.bench import Bench
from workbench.config import Config
from workbench.decoding.batching import batching
from workbench.decoding.crossover import crossover
from workbench.decoding.effects import NEW_TOKENS, SEEDS, decoding
from workbench.decoding.endpoint import endpoint
from workbench.decoding.offload import offload
from workbench.decoding.prefix import prefix, save_prefix
from workbench.decoding.speculation import speculation
from workbench.decoding.stopping import stopping
from workbench.decoding.tokens import ANSWER_TOKENS, repair, tokens
from workbench.decoding.verify import verify
from workbench.decoding.windows import windows
from workbench.jobs import Jobs
from workbench.results import (
    Batching,
    Crossover,
    DecodingEffects,
    Endpoint,
    Offload,
    PrefixReuse,
    SavedPrefix,
    SideBySide,
    Snippet,
    Speculation,
    Stopping,
    TokenReport,
    Verification,
    Windows,
    Workload,
)
from workbench.results.batching import WAYS
from workbench.side_by_side import Side, side_by_side

# operation -> what does it, given the bench, the job's number and the arguments of the method of that name
GENERATIONS: Mapping[str, Callable[..., Any]] = {
    "batching": batching,
    "prefix": prefix,
    "save_prefix": save_prefix,
    "speculation": speculation,
    "offload": offload,
    "crossover": crossover,
    "verify": verify,
    "endpoint": endpoint,
    "tokens": tokens,
    "repair": repair,
    "decoding": decoding,
    "stopping": stopping,
    "windows": windows,
    "side_by_side": side_by_side,
}


class Generations:
    """Methods of a session, in a file of their own."""

    _bench: Bench
    _jobs: Jobs
    submit: Callable[..., Future[Any]]

    def batching(
        self,
        workload: Workload | None = None,
        *,
        ways: Sequence[str] = WAYS,
        buckets: int | None = None,
        width: int | None = None,
        answers: Sequence[int] | None = None,
        precision: float = 0.05,
        budget_s: float = 60.0,
    ) -> Batching:
        """Requests of unequal length served one by one, padded, bucketed, packed and by continuous batching.

        workload  its prompts are the requests; without prompts, `batch_size` (8) of the built-in text, from a 16th of
                  prompt_tokens to all of it. Fixed work: end of sequence off
        buckets   how many (4), cut where the least is padded; or `width` of each in tokens
        answers   new tokens of each request (default: the workload's for all)

        Requests/s, new tokens/s, first tokens, padding as it ran, peak memory, and whether each answer is that of the
        prompt alone; ratios against padded from interleaved rounds. What cannot be done says why. Kept in `.runs`.
        """
        options = {"ways": ways, "buckets": buckets, "width": width, "answers": answers}
        result: Batching = self._jobs.wait(
            self.submit("batching", workload, **options, precision=precision, budget_s=budget_s)
        )
        return result

    def prefix(
        self,
        prefixes: str | int | Sequence[str | int] | None = None,
        prompts: str | Sequence[str] | None = None,
        **options: Any,
    ) -> PrefixReuse:
        """TTFT of whole prompts against their continuation from a kept KV cache of their beginning, by pairs.

        prefixes  texts, or numbers of tokens of the built-in text (default: 128, 512, 1024 as far as they fit)
        prompts   texts that follow the prefix (default: a short one)
        options   saved (the name of a cache that `save_prefix` kept, instead of `prefixes`), new_tokens (16),
                  precision (0.05), budget_s (60)

        Says how near TTFT comes to falling as the tokens do, what the cache takes and from which prompt it pays, and
        whether the answers stay the same. Kept in `.runs`.
        """
        result: PrefixReuse = self._jobs.wait(self.submit("prefix", prefixes, prompts, **options))
        return result

    def save_prefix(self, prefix: str | int, name: str, **options: Any) -> SavedPrefix:
        """Keeps the KV cache of a prefix on disk, tied to these weights, tokenizer, number format and versions.

        `prefix(saved=name)` takes it from there; anything that differs is an error that names it, and so is a file that
        was cut short or changed. Options: most_bytes (2 GiB).
        """
        result: SavedPrefix = self._jobs.wait(self.submit("save_prefix", prefix, name, **options))
        return result

    def speculation(
        self, modes: Any = None, prompts: str | Sequence[str] | Mapping[str, str] | None = None, **options: Any
    ) -> Speculation:
        """Whether drafting pays: each mode against plain decoding, by pairs of whole greedy answers.

        modes    of prompt_lookup, early_exit, assistant; or changes ({"speculation": …, "speculation_tokens": 8}), or
                 Configs; default: all that this configuration can do (an assistant must be named: assistant_model)
        prompts  to decode from; default: a text to copy, where lookup shines, and prose
        options  new_tokens (64), precision (0.05), budget_s (120, over all)

        With drafts and what was kept of them, counted in transformers' own drafter, forward passes, and whether the
        tokens are the same. Kept in `.runs`.
        """
        result: Speculation = self._jobs.wait(self.submit("speculation", modes, prompts, **options))
        return result

    def endpoint(self, url: str, prompts: str | Path | Sequence[Any] | None = None, **options: Any) -> Endpoint:
        """Measures the OpenAI-compatible server at `url`, and compares its tokens and greedy answers with the bench's.

        prompts  a .jsonl file, texts, or lists of messages; default: those of the built-in suite
        options  as `workbench.endpoint.check` has them: concurrency, rate, requests, budget_s, new_tokens, target …

        TTFT, TPOT, ITL and E2E as percentiles, errors by kind, goodput over the concurrencies. Stop ends it with what
        was measured so far. Kept in `.runs`.
        """
        result: Endpoint = self._jobs.wait(self.submit("endpoint", url, prompts, **options))
        return result

    def verify(self, snippet: Snippet, workload: Workload | None = None, **options: Any) -> Verification:
        """Runs exported code in a process without the workbench, against this session: tokens, state, decode speed.

        snippet   from `export("transformers")`; `snippet.verify()` is the same
        workload  whose first tokens are decoded by turns (default: 64 prompt tokens)
        options   tolerance of the speed (0.03), precision (0.02) and budget_s (60) of the pairs, timeout_s of one
                  answer of that process (default: by what this session needs)

        Greedy token ids of several prompts must be identical; speed is a ratio of interleaved pairs. Where both models
        do not fit into memory, this engine makes room and comes back. Kept in `.runs`.
        """
        result: Verification = self._jobs.wait(self.submit("verify", snippet, workload, **options))
        return result

    def offload(self, values: Sequence[int] | None = None, workload: Workload | None = None, **options: Any) -> Offload:
        """Tokens/s against layers kept away: in memory beside a GPU, on disk beside a CPU (`offloaded_layers`).

        values   numbers of layers (default: none, a quarter, half, all); each is loaded anew, there and back
        options  precision (0.05), budget_s (120)

        With the bytes that stay on the device, and what a layer away costs a token. Kept in `.runs`.
        """
        result: Offload = self._jobs.wait(self.submit("offload", values, workload, **options))
        return result

    def tokens(self, max_new_tokens: int = ANSWER_TOKENS) -> TokenReport:
        """Begin, end and pad tokens by every source and as they are in force; and what the live model does with them.

        Padded rows against the same rows alone, batch against single, answers that end early, late or by themselves.
        `.findings` say what is wrong, `.repair` are the knobs that put it right: `apply(**report.repair)`. Kept in
        `.runs`. ConfigError for max_new_tokens below 1: of an answer whose end is waited for.
        """
        result: TokenReport = self._jobs.wait(self.submit("tokens", max_new_tokens))
        return result

    def repair(self, max_new_tokens: int = ANSWER_TOKENS) -> TokenReport:
        """Applies what `tokens` recommends to tokenizer and generation config, and returns the report of after.

        `.repaired` names what was changed; empty where there was nothing to repair.
        """
        result: TokenReport = self._jobs.wait(self.submit("repair", max_new_tokens))
        return result

    def decoding(
        self,
        changes: Sequence[Mapping[str, Any]] | None = None,
        *,
        prompts: Sequence[Any] | None = None,
        seeds: int = SEEDS,
        max_new_tokens: int = NEW_TOKENS,
    ) -> DecodingEffects:
        """What decoding settings do to answers, each against the first: repetition, variety, length, endings, NLL.

        changes  of the config in force, a mapping each; default: greedy, DeepSeek's advice for R1, and two cures of
                 repetition. "logits_processors" beside the knobs: a list, as in `generate`
        prompts  texts or lists of messages; default: nine built-in ones in English, Chinese and code
        seeds    draws of each prompt where a setting samples; all in one batch, so that it is fast

        Means with intervals by prompt, differences paired by prompt, whether a seed repeats its answers, how two seeds
        differ, and exact ties of the logits in the number format in force. Kept in `.runs`.
        """
        options = {"prompts": prompts, "seeds": seeds, "max_new_tokens": max_new_tokens}
        result: DecodingEffects = self._jobs.wait(self.submit("decoding", changes, **options))
        return result

    def side_by_side(self, prompt: Any, a: Side, b: Side, max_new_tokens: int = 64, **options: Any) -> SideBySide:
        """Both answers to one prompt, streamed one after the other, and where they part.

        a, b     Configs, or changes of the one in force; it is in force again afterwards
        options  seed, chat: as in `generate`

        Single answers: `compare` says which is faster, `quality` which is truer.
        """
        result: SideBySide = self._jobs.wait(self.submit("side_by_side", prompt, a, b, max_new_tokens, **options))
        return result

    def stopping(
        self,
        after: int = 16,
        *,
        prompts: Sequence[str] | None = None,
        max_new_tokens: int = 64,
        rounds: int = 1,
    ) -> Stopping:
        """Seconds and tokens of answers ended at a sentence by a criterion, or cut there afterwards, against whole.

        after   new tokens from which on a sentence end counts (the knob stop_at_sentence)
        rounds  runs of each side of each prompt, by turns; greedy, one prompt at a time

        Ratios with intervals by prompt. Kept in `.runs`.
        """
        options = {"prompts": prompts, "max_new_tokens": max_new_tokens, "rounds": rounds}
        result: Stopping = self._jobs.wait(self.submit("stopping", after, **options))
        return result

    def windows(
        self, text: str | None = None, size: int | None = None, overlap: float = 0.2, **options: Any
    ) -> Windows:
        """A long text in one pass against windows that slide over it: tokens computed, time, memory, loss.

        text     default: the built-in long text, 1024 tokens of it
        size     tokens of a window (default: a quarter of the text)
        overlap  tokens that a window shares with the one before, or a share of `size` below 1
        options  tokens (at most so many are read), rounds (3 pairs of readings are timed)

        Each token is scored once; the last window's loss is compared by position. A text beyond the context is read by
        windows alone. Kept in `.runs`.
        """
        result: Windows = self._jobs.wait(self.submit("windows", text, size, overlap, **options))
        return result

    def crossover(
        self,
        a: Config | Mapping[str, Any] | None = None,
        b: Config | Mapping[str, Any] | None = None,
        prompt_tokens: Sequence[int] | None = None,
        **options: Any,
    ) -> Crossover:
        """From which prompt length b is ahead of a; default: the CPU against the GPU, where this machine has both.

        prompt_tokens  lengths (default: 8, 32, 128, 512 as far as the context goes)
        options        new_tokens (16), precision (0.05), budget_s (120)

        By pairs at each length, in two engines where they differ in more than live knobs; the crossing of TTFT, decode
        and time in all with an interval, or "no crossing seen in this range". Kept in `.runs`.
        """
        result: Crossover = self._jobs.wait(self.submit("crossover", a, b, prompt_tokens, **options))
        return result
