"""Text from the resident model: prompts to token ids, ids to readable pieces, and Stop between two tokens."""

import secrets
import time
from collections.abc import Sequence
from typing import Any

import torch

from workbench.engine.interrupt import GuardedStreamer, between_layers
from workbench.engine.readback import as_ids
from workbench.errors import ConfigError, Stopped
from workbench.knobs.sampling import LARGEST_SEED
from workbench.knobs.sampling_remarks import remarks
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.processors import Process, processors
from workbench.probes.timing import check_length
from workbench.results import Chunk, Completion, FinishReason
from workbench.words import Message, say

Prompt = str | list[dict[str, str]]


def encode(
    tokenizer: Any, prompts: list[Prompt], device: torch.device, *, chat: bool = True
) -> dict[str, torch.Tensor]:
    """Token ids and attention mask, [batch, time], on `device`; chat messages go through the model's own template.

    A plain string is one user turn when there is a chat template and `chat` is on. ConfigError for an empty one, and
    for several without a pad token.
    """
    if len(prompts) > 1 and tokenizer.pad_token_id is None:
        raise ConfigError("probe.no_pad", count=len(prompts))
    texts = []
    templated = bool(tokenizer.chat_template) and (chat or not all(isinstance(prompt, str) for prompt in prompts))
    for index, prompt in enumerate(prompts):
        if not prompt or (isinstance(prompt, str) and not prompt.strip()):
            raise ConfigError("probe.empty_prompt", index=index)
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        if templated:
            texts.append(tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))
        else:
            texts.append("\n".join(message["content"] for message in messages))
    batch = tokenizer(
        texts,
        return_tensors="pt",
        padding=len(texts) > 1,
        add_special_tokens=not templated,
        return_token_type_ids=False,
    )
    return {"input_ids": batch["input_ids"].to(device), "attention_mask": batch["attention_mask"].to(device)}


class Row:
    """One answer growing: ids so far and the text that is already readable.

    stops  texts that end it; a piece that may be the beginning of one is held back
    """

    def __init__(self, tokenizer: Any, index: int, prompt_tokens: int, stops: tuple[str, ...] = ()) -> None:
        self.index = index
        self.prompt_tokens = prompt_tokens
        self.ids: list[int] = []
        self.text = ""
        self.finish: FinishReason | None = None
        self.first_s = 0.0
        self.last_s = 0.0
        self._tokenizer = tokenizer
        self._stops = stops
        self._held = ""  # readable, and not given out yet
        self._window = 0  # ids before this are settled; decoding restarts here
        self._shown = 0  # characters of the window's text already read

    def add(self, token_id: int, elapsed_s: float, finish: FinishReason | None = None) -> str:
        """Takes one token and returns the text to be shown with it. `finish`: why it is the last one."""
        if not self.ids:
            self.first_s = elapsed_s
        self.last_s = elapsed_s
        self.ids.append(token_id)
        self.finish = finish
        self._held += self._readable()
        return self._given()

    def _readable(self) -> str:
        """What became readable with the last token."""
        readable: str = self._tokenizer.decode(self.ids[self._window :], skip_special_tokens=True)
        if readable.endswith("\ufffd") and len(self.ids) - self._window < 16:  # a character still lacks bytes
            return ""
        piece = readable[self._shown :]
        self._shown = len(readable)
        if piece.endswith("\n"):  # keeps the window short, so that long answers do not cost quadratic time
            self._window, self._shown = len(self.ids), 0
        return piece

    def _given(self) -> str:
        if self.finish == "stop_string":
            piece, self._held = before_stop(self._held, self._stops), ""
        else:
            kept = 0 if self.finish else beginning_of_stop(self._held, self._stops)
            cut = len(self._held) - kept
            piece, self._held = self._held[:cut], self._held[cut:]
        self.text += piece
        return piece

    @property
    def decode_tps(self) -> float | None:
        gaps = len(self.ids) - 1
        return gaps / (self.last_s - self.first_s) if gaps > 0 and self.last_s > self.first_s else None

    def completion(self, seed: int | None, notes: tuple[Message, ...]) -> Completion:
        text = self._tokenizer.decode(self.ids, skip_special_tokens=True)
        return Completion(
            text=before_stop(text, self._stops) if self.finish == "stop_string" else text,
            token_ids=tuple(self.ids),
            finish_reason=self.finish or "length",
            prompt_tokens=self.prompt_tokens,
            ttft_s=self.first_s,
            decode_tps=self.decode_tps,
            seed=seed,
            notes=notes,
        )


def before_stop(text: str, stops: Sequence[str]) -> str:
    """`text` up to the first of `stops` in it; all of it where none is: one may have begun in the prompt."""
    return text[: min((at for at in map(text.find, stops) if at >= 0), default=len(text))]


def beginning_of_stop(text: str, stops: Sequence[str]) -> int:
    """Characters at the end of `text` that may be the beginning of one of `stops`."""
    lengths = (length for stop in stops for length in range(1, len(stop)) if text.endswith(stop[:length]))
    return max(lengths, default=0)


def generate(
    bench: Bench,
    context: Context,
    prompts: list[Prompt],
    max_new_tokens: int,
    seed: int | None = None,
    chat: bool = True,
    logits_processors: Sequence[Process | str] = (),
) -> list[Completion]:
    """Completions for `prompts`. Every token is emitted as a Chunk.

    seed               None: the config's; where that is random too, one is drawn and told in the result
    logits_processors  functions or import paths; each sees input_ids [batch, time] and logits [batch, vocabulary] at
                       each step, after the penalties and before temperature, top-k, top-p and min-p

    Raises Stopped after the chunks so far, ConfigError for an empty or too long prompt or a bad import path.
    """
    given = processors(logits_processors)
    began = time.perf_counter()
    tokenizer = bench.tokenizer
    batch = encode(tokenizer, prompts, bench.device, chat=chat)
    check_length(batch["input_ids"].shape[1], max_new_tokens, bench.facts.context_length)
    lengths = batch["attention_mask"].sum(dim=1).tolist()
    rows = [Row(tokenizer, index, length, bench.stops.strings) for index, length in enumerate(lengths)]
    ends = set(as_ids(bench.model.generation_config.eos_token_id))
    stops = bench.stops.criteria(batch["input_ids"].shape[1])
    ids = batch["input_ids"]
    seed = _seeded(bench, seed)

    def on_tokens(tokens: torch.Tensor) -> None:
        nonlocal ids
        elapsed_s = time.perf_counter() - began
        if stops:
            ids = torch.cat([ids, tokens[:, None].to(ids)], dim=1)
        met = [(stop.reason, stop(ids, None).tolist()) for stop in stops]
        for row, token_id in zip(rows, tokens.tolist(), strict=True):
            if row.finish:
                continue
            finish: FinishReason | None = "length" if len(row.ids) + 1 == max_new_tokens else None
            finish = next((reason for reason, by_row in met if by_row[row.index]), finish)
            piece = row.add(token_id, elapsed_s, "eos" if token_id in ends else finish)
            context.emit("token", _chunk(row, piece, token_id, elapsed_s))

    context.enter(say("phase.generating"))
    with between_layers(bench.model, context) as guard:
        try:
            bench.produce(
                batch,
                GuardedStreamer(context, guard, on_tokens),
                max_new_tokens,
                fixed=False,
                stopping_criteria=stops,
                logits_processor=given,
            )
        except Stopped:
            for row in rows:
                if not row.finish:
                    row.finish = "stopped"
                    context.emit("token", _chunk(row, "", None, time.perf_counter() - began))
            raise
    notes = remarks(bench.config)
    return [row.completion(seed, notes) for row in rows]


def _seeded(bench: Bench, seed: int | None) -> int | None:
    """Seeds torch's draws; returns the seed, None where nothing is drawn."""
    if seed is None and bench.config.do_sample:
        seed = secrets.randbelow(LARGEST_SEED + 1) if bench.config.seed == "random" else bench.config.seed
    if seed is not None:
        torch.manual_seed(seed)
    return seed


def _chunk(row: Row, text: str, token_id: int | None, elapsed_s: float) -> Chunk:
    return Chunk(
        row=row.index,
        text=text,
        token_id=token_id,
        index=max(len(row.ids) - 1, 0),
        elapsed_s=elapsed_s,
        decode_tps=row.decode_tps,
        finish_reason=row.finish,
    )
