"""An answer that ends with a sentence: a stopping criterion for `generate`, which exported code carries along."""

from typing import Any

import torch
from transformers import StoppingCriteria

ENDS = ".!?…。！？．｡"
CLOSERS = "\"'”’»)]}）］】〕》〉」』*_`"  # what may still stand between the mark and the next sentence
OPENED, CLOSED = "“（「『《([{", "”）」』》)]}"
# a full stop after these ends no sentence
SHORT = ("mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "fig", "cf", "al", "approx")


def ends_sentence(text: str) -> bool:
    """Whether `text` ends with a whole sentence, Chinese or English, closing quotes and brackets included.

    Not inside an open quote, bracket or fence of code, and not at the full stop of a number, an initial or a short
    word such as "e.g.": nobody can tell there before the next token.
    """
    told = text.rstrip().rstrip(CLOSERS)
    if not told or told[-1] not in ENDS or text.count("```") % 2:
        return False
    line = text.rstrip().rsplit("\n", 1)[-1]  # what was left open before it stays open for ever
    if line.count('"') % 2 or any(line.count(o) > line.count(c) for o, c in zip(OPENED, CLOSED, strict=True)):
        return False
    if told[-1] != "." or told.endswith(".."):
        return True
    line = told[:-1].rsplit("\n", 1)[-1].strip()
    word = line.split()[-1].lstrip(CLOSERS + "“‘([{（") if line else ""
    if word.isascii() and word[-1:].isdigit():  # "3.14" may come, unless the line has ended; "1." alone numbers a list
        return word != line and "\n" in text[len(told) :]
    initials = word != "I" and all(len(part) == 1 for part in word.split("."))
    return bool(word) and not initials and word.lower() not in SHORT


class SentenceEnd(StoppingCriteria):  # type: ignore[misc]  # transformers ships no types
    """Ends each row of a batch at the first sentence end after some new tokens.

    prompt_tokens  length of the padded prompt, input_ids.shape[1] before the first new token
    after          new tokens from which on a sentence may end the row
    """

    def __init__(self, tokenizer: Any, prompt_tokens: int, after: int) -> None:
        self.tokenizer = tokenizer
        self.prompt_tokens = prompt_tokens
        self.after = after

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        """Of input_ids [batch, time]: which rows end here, [batch]."""
        new = input_ids[:, self.prompt_tokens :]
        ends = [new.shape[1] >= self.after and self.ends(row) for row in new.tolist()]
        return torch.tensor(ends, dtype=torch.bool, device=input_ids.device)

    def ends(self, ids: list[int]) -> bool:
        last = self.tokenizer.decode(ids[-1:], skip_special_tokens=True)
        if not any(mark in last for mark in ENDS + CLOSERS + "\n\ufffd"):
            return False  # most tokens: the whole answer need not become text
        return ends_sentence(self.tokenizer.decode(ids, skip_special_tokens=True))
