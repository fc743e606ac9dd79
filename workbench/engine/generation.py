"""Text from the resident model: prompts to token ids, ids to readable pieces, and Stop between two tokens."""

import time
from typing import Any

import torch

from workbench.engine.interrupt import GuardedStreamer, between_layers
from workbench.engine.readback import as_ids
from workbench.errors import ConfigError, Stopped
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.timing import check_length
from workbench.results import Chunk, Completion
from workbench.results.generation import FinishReason
from workbench.words import say

Prompt = str | list[dict[str, str]]


def encode(
    tokenizer: Any, prompts: list[Prompt], device: torch.device, *, chat: bool = True
) -> dict[str, torch.Tensor]:
    """Token ids and attention mask, [batch, time], on `device`; chat messages go through the model's own template.

    A plain string is one user turn when there is a chat template and `chat` is on. ConfigError for an empty one.
    """
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
    """One answer growing: ids so far and the text that is already readable."""

    def __init__(self, tokenizer: Any, index: int, prompt_tokens: int) -> None:
        self.index = index
        self.prompt_tokens = prompt_tokens
        self.ids: list[int] = []
        self.text = ""
        self.finish: FinishReason | None = None
        self.first_s = 0.0
        self.last_s = 0.0
        self._tokenizer = tokenizer
        self._window = 0  # ids before this are settled; decoding restarts here
        self._shown = 0  # characters of the window's text already given out

    def add(self, token_id: int, elapsed_s: float) -> str:
        """Takes one token and returns the text that became readable with it."""
        if not self.ids:
            self.first_s = elapsed_s
        self.last_s = elapsed_s
        self.ids.append(token_id)
        readable: str = self._tokenizer.decode(self.ids[self._window :], skip_special_tokens=True)
        if readable.endswith("\ufffd") and len(self.ids) - self._window < 16:  # a character still lacks bytes
            return ""
        piece = readable[self._shown :]
        self._shown = len(readable)
        if piece.endswith("\n"):  # keeps the window short, so that long answers do not cost quadratic time
            self._window, self._shown = len(self.ids), 0
        self.text += piece
        return piece

    @property
    def decode_tps(self) -> float | None:
        gaps = len(self.ids) - 1
        return gaps / (self.last_s - self.first_s) if gaps > 0 and self.last_s > self.first_s else None

    def completion(self) -> Completion:
        return Completion(
            text=self._tokenizer.decode(self.ids, skip_special_tokens=True),
            token_ids=tuple(self.ids),
            finish_reason=self.finish or "length",
            prompt_tokens=self.prompt_tokens,
            ttft_s=self.first_s,
            decode_tps=self.decode_tps,
        )


def generate(
    bench: Bench,
    context: Context,
    prompts: list[Prompt],
    max_new_tokens: int,
    seed: int | None = None,
    chat: bool = True,
) -> list[Completion]:
    """Completions for `prompts`. Every token is emitted as a Chunk.

    Raises Stopped after the chunks so far, ConfigError for an empty or too long prompt.
    """
    began = time.perf_counter()
    tokenizer = bench.tokenizer
    batch = encode(tokenizer, prompts, bench.device, chat=chat)
    check_length(batch["input_ids"].shape[1], max_new_tokens, bench.facts.context_length)
    lengths = batch["attention_mask"].sum(dim=1).tolist()
    rows = [Row(tokenizer, index, length) for index, length in enumerate(lengths)]
    ends = set(as_ids(bench.model.generation_config.eos_token_id))
    if seed is not None:
        torch.manual_seed(seed)

    def on_tokens(tokens: torch.Tensor) -> None:
        elapsed_s = time.perf_counter() - began
        for row, token_id in zip(rows, tokens.tolist(), strict=True):
            if row.finish:
                continue
            piece = row.add(token_id, elapsed_s)
            if token_id in ends:
                row.finish = "eos"
            elif len(row.ids) == max_new_tokens:
                row.finish = "length"
            context.emit("token", _chunk(row, piece, token_id, elapsed_s))

    context.enter(say("phase.generating"))
    with between_layers(bench.model, context) as guard:
        try:
            bench.produce(batch, GuardedStreamer(context, guard, on_tokens), max_new_tokens, fixed=False)
        except Stopped:
            for row in rows:
                if not row.finish:
                    row.finish = "stopped"
                    context.emit("token", _chunk(row, "", None, time.perf_counter() - began))
            raise
    return [row.completion() for row in rows]


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
