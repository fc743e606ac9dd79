"""The decode path: prompts answered greedily in one batch, a token a step over the KV cache in force."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.forced import Recorder
from workbench.results import TokenPair

# (step, logits [prompts, vocabulary])
OnStep = Callable[[int, torch.Tensor], None]


def rendered(tokenizer: Any, text: str, messages: Sequence[dict[str, str]] | None, *, answered: bool) -> list[int]:
    """Token ids of a text as it is, or of a conversation in the model's chat format; `answered`: to be continued.

    Without a chat template the messages' contents follow each other.
    """
    if messages is None and not answered:
        return list(tokenizer(text)["input_ids"])
    written, special = render(tokenizer, messages or ({"role": "user", "content": text},), answered=answered)
    return list(tokenizer(written, add_special_tokens=special)["input_ids"])


def render(tokenizer: Any, prompt: str | Sequence[dict[str, str]], *, answered: bool = True) -> tuple[str, bool]:
    """(the text that a tokenizer is given, whether it adds its special tokens to it): a text as it is, or messages."""
    if isinstance(prompt, str):
        return prompt, True
    if not tokenizer.chat_template:
        return "\n".join(turn["content"] for turn in prompt), True
    turns = [dict(message) for message in prompt]
    return tokenizer.apply_chat_template(turns, add_generation_prompt=answered, tokenize=False), False


def batch_of(bench: Bench, rows: Sequence[Sequence[int]], side: str | None = None) -> dict[str, torch.Tensor]:
    """`rows` of token ids in one batch, padded on `side` (default: as the config in force says)."""
    resolved = bench.resolved()
    left = (side or resolved.padding_side) == "left"
    longest = max(map(len, rows))
    input_ids = torch.full((len(rows), longest), resolved.pad_token_id or 0, dtype=torch.long)
    mask = torch.zeros_like(input_ids)
    for row, tokens in enumerate(rows):
        where = slice(longest - len(tokens), None) if left else slice(0, len(tokens))
        input_ids[row, where] = torch.tensor(tokens, dtype=torch.long)
        mask[row, where] = 1
    return {"input_ids": input_ids.to(bench.device), "attention_mask": mask.to(bench.device)}


def answers(
    bench: Bench,
    prompts: Sequence[Sequence[int]],
    steps: int,
    context: Context,
    on_step: OnStep,
    forced: torch.Tensor | None = None,
) -> torch.Tensor:
    """Greedy tokens [prompts, steps] for `prompts` (token ids), by the loop and the cache in force.

    forced  tokens that are chosen whatever the logits say, [prompts, steps]; -1: the logits choose
    """

    def look(step: int, scores: torch.Tensor) -> None:
        context.check()
        on_step(step, scores)

    batch = batch_of(bench, prompts)
    with bench.interruptible(context):
        output = bench.produce(batch, None, steps, logits_processor=[Recorder(look, forced)])
    tokens: torch.Tensor = output.sequences[:, batch["input_ids"].shape[1] :]
    return tokens.cpu()


class Likely:
    """Collects, at each step, the two most likely tokens' shares. `on_step` is for `answers`."""

    def __init__(self) -> None:
        self._shares: list[torch.Tensor] = []

    def on_step(self, _step: int, scores: torch.Tensor) -> None:
        scores = scores.float()
        highest = scores.topk(2, dim=-1).values
        self._shares.append((highest - scores.logsumexp(-1, keepdim=True)).exp().cpu())

    def pairs(self, tokenizer: Any, tokens: torch.Tensor, lengths: Sequence[int]) -> list[tuple[TokenPair, ...]]:
        """Of each row [prompts, steps], as far as its answer goes."""
        shares = torch.stack(self._shares, dim=1).nan_to_num(0.0)  # [prompts, steps, 2]
        found = []
        for row, length in enumerate(lengths):
            texts = pieces(tokenizer, tokens[row, :length].tolist())
            found.append(
                tuple(
                    TokenPair(text=text, p=shares[row, step, 0].item(), top_p=shares[row, step, 1].item())
                    for step, text in enumerate(texts)
                )
            )
        return found


def pieces(tokenizer: Any, tokens: Sequence[int], *, special: bool = True) -> list[str]:
    """The text of each token, `special` ones too; a character of several tokens stands with its last one."""
    found: list[str] = []
    shown = 0
    for end in range(1, len(tokens) + 1):
        text = tokenizer.decode(tokens[:end], skip_special_tokens=not special, clean_up_tokenization_spaces=False)
        whole = end == len(tokens) or not text.endswith("\ufffd")
        found.append(text[shown:] if whole else "")
        shown = len(text) if whole else shown
    return found


def ends(bench: Bench, tokens: torch.Tensor) -> tuple[list[int], list[bool]]:
    """Of each row [prompts, steps]: the length of the answer, its end token included, and whether it has one."""
    end_ids = torch.tensor(bench.resolved().eos_token_ids, dtype=torch.long)
    is_end = torch.isin(tokens, end_ids)
    ended = is_end.any(dim=1)
    lengths = torch.where(ended, is_end.int().argmax(dim=1) + 1, tokens.shape[1])
    return lengths.tolist(), ended.tolist()
